"""Settings: what they may be, and what they are when left out, is said in workflow/schemas and nowhere else."""

import difflib
import json
import math
import textwrap
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from mrsi_sr.cli import UserError

SCHEMAS = Path(__file__).parents[3] / "workflow" / "schemas"
YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same language, read by libyaml where it is there
HELP_COLUMN, HELP_WIDTH = 32, 118  # of a description in a script's help, and of the help, in characters


class Settings:
    """Base of settings that a script reads: a frozen dataclass with one field, without default, for each key.

    kinds: the schemas whose keys add up to its own. A subclass adds rules between keys by extending `complete`.
    """

    kinds: ClassVar[tuple[str, ...]]

    @classmethod
    def complete(cls, given: dict, where: str = "") -> dict:
        """Check settings and fill in their defaults. where: what errors put before a key."""
        return check(cls.kinds, given, where)

    @classmethod
    def of(cls, **given) -> Self:
        """Settings with these values, the others as the schemas say. Raises UserError for what is not allowed."""
        return cls(**cls.complete(given))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The same from the text of a script's --settings."""
        return cls.of(**from_json(text, "--settings"))


def from_json(text: str, flag: str) -> dict:
    """The object that a script's flag holds as JSON. Raises UserError for anything else."""
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{flag} is not JSON: {error}\n  it was: {text}\n  expected an object such as '{{\"seed\": 1}}'"
        ) from None
    if not isinstance(given, dict):
        raise UserError(f"{flag} is {text}\n  expected a JSON object such as '{{\"seed\": 1}}'")
    return given


def settings_json(settings: dict) -> str:
    """The settings as JSON with sorted keys: equal settings are equal strings, whatever the order in the file."""
    return json.dumps(settings, sort_keys=True)


@cache
def schema(kind: str) -> dict:
    """The flat schema of one kind of settings."""
    return yaml.load((SCHEMAS / f"{kind}.schema.yaml").read_text(), Loader=YAML)


def allowed(kind: str, key: str) -> list:
    """The values that a key may have, where the schema lists them."""
    return schema(kind)["properties"][key]["enum"]


def check(kinds: str | Iterable[str], settings: dict, where: str = "") -> dict:
    """Check settings against one flat schema, or several whose keys add up, and return them with defaults filled in.

    Raises UserError that names the key, its value and what is allowed.
    """
    merged = _merged(kinds)
    errors = sorted(_Validator(merged).iter_errors(settings), key=lambda error: list(map(str, error.path)))
    if errors:
        raise UserError("\n  ".join(["the settings cannot be used", *(_explained(error, where) for error in errors)]))
    defaults = {key: part["default"] for key, part in merged["properties"].items() if "default" in part}
    return json.loads(json.dumps(defaults)) | settings


def without(kind: str, settings: dict) -> dict:
    """The settings that are not keys of this kind."""
    return {key: value for key, value in settings.items() if key not in schema(kind)["properties"]}


def default(kind: str, key: str) -> Any:
    """What a key is when it is left out."""
    return schema(kind)["properties"][key]["default"]


def chosen(kind: str, key: str, settings: dict, where: str = "") -> str:
    """The value of a key that decides which other keys there are, checked before them."""
    values = allowed(kind, key)
    if not isinstance(settings, dict):
        raise UserError(f"{where} is {_word(settings)}, expected an object with {key}")
    if key not in settings:
        raise UserError(f"{where or 'the settings'} lacks {key}: one of {listed(values)}")
    check_known(settings[key], values, join(where, key))
    return settings[key]


def check_known(name: Any, names: Iterable, where: str) -> None:
    """Raise a UserError that suggests the nearest one unless the name is one of the names."""
    if name not in names:
        raise UserError(f"{where} {json.dumps(name, default=str)} is not known: {_suggestion(name, names)}")


def help_of(kinds: str | Iterable[str], title: str = "settings, with their defaults") -> str:
    """The part of a script's help that explains settings: a line for each key with its default and its meaning."""
    merged, lines = _merged(kinds), [f"{title}:"]
    for key, part in merged["properties"].items():
        value = "(required)" if key in merged["required"] else json.dumps(part["default"])
        choice = f"one of {listed(part['enum'])}" if "enum" in part else ""
        lines += textwrap.wrap(
            "; ".join(filter(None, [part.get("description"), choice])),
            HELP_WIDTH, initial_indent=f"  {key} {value} ".ljust(HELP_COLUMN), subsequent_indent=" " * HELP_COLUMN,
        )  # fmt: skip
    return "\n".join(lines)


def join(where: str, key: str) -> str:
    """A key's full name, as errors give it."""
    return f"{where}.{key}" if where else key


def listed(names: Iterable) -> str:
    """Names or values in words."""
    return ", ".join(map(_word, names)) or "nothing"


def _merged(kinds: str | Iterable[str]) -> dict:
    """One flat schema with the keys of all kinds."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        properties |= schema(kind)["properties"]
        required += schema(kind).get("required", [])
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}


def _is_whole(_checker, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_checker, value: Any) -> bool:
    return _is_whole(_checker, value) or (isinstance(value, float) and math.isfinite(value))


# JSON schema takes 9.0 for an integer, and JSON's NaN for a number that no bound excludes.
_TYPES = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole).redefine("number", _is_number)
_Validator = validators.extend(Draft202012Validator, type_checker=_TYPES)


def _explained(error: ValidationError, where: str) -> str:
    """One line for one fault: the key, its value, what is allowed."""
    key = ".".join(filter(None, [where, *map(str, error.absolute_path)]))
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = [name for name in error.instance if name not in known]
        return "; ".join(f"{join(key, str(name))} is not a known key: {_suggestion(name, known)}" for name in unknown)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{key or 'the whole'} lacks {listed(missing)}"
    expected = {
        "enum": lambda value: f"one of {listed(value)}",
        "type": lambda value: f"{listed([value] if isinstance(value, str) else value)}",
        "minimum": lambda value: f"at least {value}",
        "maximum": lambda value: f"at most {value}",
        "exclusiveMinimum": lambda value: f"above {value}",
        "exclusiveMaximum": lambda value: f"below {value}",
        "minLength": lambda value: f"at least {value} letters",
        "minItems": lambda value: f"at least {value} entries",
        "maxItems": lambda value: f"at most {value} entries",
        "uniqueItems": lambda value: "entries that differ",
        "multipleOf": lambda value: f"a multiple of {value}",
        "pattern": lambda value: f"text like {value}",
    }.get(error.validator, lambda value: f"{error.validator} {value}")(error.validator_value)
    return f"{key or 'the whole'} is {json.dumps(error.instance, default=str)}, expected {expected}"


def _suggestion(name: Any, known: Iterable) -> str:
    close = difflib.get_close_matches(str(name), [str(each) for each in known], n=1)
    return f"did you mean {close[0]}?" if close else f"known are {listed(known)}"


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
