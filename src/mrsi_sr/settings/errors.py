"""Errors of settings in words: the key, its value, what is allowed, the nearest known name."""

import difflib
import json
from collections.abc import Iterable
from typing import Any

from pydantic_core import ErrorDetails, PydanticCustomError

from mrsi_sr.cli import UserError

LONGEST = 300  # characters of a value in an error


def check_known(name: Any, names: Iterable, where: str) -> None:
    """Raise a UserError with the nearest known name unless the name is one of the names."""
    if not isinstance(name, str | int) or name not in names:
        raise UserError(f"{where} {shown(name)} is not known: {suggestion(name, names)}")


def suggestion(name: Any, known: Iterable) -> str:
    """The known name nearest to a mistyped one, or all known names, in words."""
    close = difflib.get_close_matches(str(name), [str(each) for each in known], n=1)
    return f"did you mean {close[0]}?" if close else f"known are {listed(known)}"


def join(where: str, key: str) -> str:
    """Full name of a key, as errors give it."""
    return f"{where}.{key}" if where and key else where or key


def listed(names: Iterable) -> str:
    """Names or values in words."""
    return ", ".join(_word(name) for name in names) or "nothing"


def rule(key: str, words: str) -> PydanticCustomError:
    """Error of a rule between keys. key: the one to blame, empty for the settings as a whole; words: what is wrong."""
    return PydanticCustomError("rule", "rule", {"key": key, "words": words})


_BOUNDS = {
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "above {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "below {lt:g}",
    "multiple_of": "a multiple of {multiple_of}",
    "one_line": "one line of text, without line breaks, control characters and blanks at its ends",
    "metabolite": "a name of letters from A to Z, digits, '+', '-' and '_', such as tCho or GPC+PCh",
    "path": "a path without {unusable}",
    "string_too_long": "at most {max_length} letters",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
    "string_too_short": "at least {min_length} letters",
    "string_pattern_mismatch": "text like {pattern}",
    "unique": "entries that differ",
}


def explained(schema: dict, given: Any, errors: list[ErrorDetails], where: str) -> str:
    """Errors of pydantic in our words, one line for each wrong key: its full name, its value, what is allowed.

    schema: JSON schema of the settings. where: what stands before a key's name.
    """
    lines: dict[tuple, str] = {}
    for error in errors:
        path, node, owner = _located(error["loc"], given, schema)
        exact = error["type"] in _BOUNDS or error["loc"][-1:] == ("[key]",)
        # A value that may be of several types has an error for each: that of the type it has says most.
        if path not in lines or exact:
            lines[path] = _line(error, ".".join(filter(None, [where, *path])), node, owner, schema)
    # Of such errors one that lies inside the value says more than one about the whole of it.
    lines = {path: line for path, line in lines.items() if not any(path == other[:-1] for other in lines if path)}
    return "\n  ".join(["the settings cannot be used", *lines.values()])


def _located(loc: tuple, given: Any, schema: dict) -> tuple[tuple[str, ...], dict, dict]:
    """The keys that lead to a fault, without pydantic's names of types among them; the schemas of value and owner."""
    path, node, inside = [], schema, schema
    for part in loc:
        inside = _resolved(node, schema, given)
        if part == "[key]":
            break
        if isinstance(given, dict) and (part in given or part in inside.get("properties", {})):
            others = next(iter(inside.get("patternProperties", {}).values()), inside.get("additionalProperties"))
            node, given = inside.get("properties", {}).get(part, others), given.get(part)
        elif isinstance(given, list) and isinstance(part, int):
            node, given = inside.get("items", {}), given[part]
        else:
            continue
        path.append(str(part))
    return tuple(path), _resolved(node, schema, given), inside


def _resolved(node: Any, schema: dict, given: Any = None) -> dict:
    """A schema's node without references; of alternatives the one that the value may be meant for."""
    node = node if isinstance(node, dict) else {}
    if "$ref" in node:
        return _resolved(schema["$defs"][node["$ref"].rsplit("/", 1)[1]], schema, given)
    if "discriminator" in node and isinstance(given, dict):
        chosen = node["discriminator"]["mapping"].get(str(given.get(node["discriminator"]["propertyName"])))
        return _resolved({"$ref": chosen}, schema, given) if chosen else node
    for option in node.get("anyOf", []):
        inside = _resolved(option, schema, given)
        fits = {dict: "object", list: "array"}.get(type(given))
        if fits and inside.get("type") == fits:
            return inside
    return node


def _line(error: ErrorDetails, key: str, node: dict, owner: dict, schema: dict) -> str:
    kind, value = error["type"], error["input"]
    if error["loc"] and error["loc"][-1] == "[key]":
        known = owner.get("propertyNames", {}).get("enum")
        expected = f"one of {listed(known)}" if known else "letters, digits and underscores"
        return f"{key.rpartition('.')[0]} has the name {shown(value)}, expected {expected}"
    if kind == "rule":
        return f"{join(key, error['ctx']['key']) or 'the whole'} {error['ctx']['words']}"
    if kind == "missing":
        place, _, name = key.rpartition(".")
        return f"{place or 'the whole'} lacks {name}"
    if kind == "union_tag_not_found":
        return f"{key} lacks kind: one of {listed(node.get('discriminator', {}).get('mapping', {}))}"
    if kind == "union_tag_invalid":
        tag = error["ctx"]["tag"]
        return f"{key}.kind {shown(tag)} is not known: {suggestion(tag, node['discriminator']['mapping'])}"
    if kind == "extra_forbidden":
        name = key.rpartition(".")[2]
        return f"{key} is not a known key: {suggestion(name, owner.get('properties', {}))}"
    expected = _BOUNDS[kind].format(**error.get("ctx", {})) if kind in _BOUNDS else allowed(node, schema)
    return f"{key or 'the whole'} is {shown(value)}, expected {expected}"


def allowed(node: dict, schema: dict) -> str:
    """What a schema's node allows, in words: its types, or one of a list of values."""
    options = [_resolved(option, schema) for option in node.get("anyOf", [node])]
    values = [
        value for option in options for value in option.get("enum", [option["const"]] if "const" in option else [])
    ]
    types = [option.get("type", "object") for option in options if not ({"enum", "const"} & set(option))]
    if values:
        return f"one of {listed(values + types)}"
    return listed(dict.fromkeys(types))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def shown(value: Any) -> str:
    """Any value as JSON text, or as Python's where JSON has none for it; cut where it is long."""
    try:
        text = json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):  # keys of other types, or a value that contains itself
        text = repr(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + " .."
