"""What is written from the settings' classes: the tables of config/README.md, and config/schema.json for editors.

`python -m mrsi_sr.settings.documents` writes both; a test compares them with the classes.
"""

import inspect
import json
import re
from collections.abc import Iterable
from pathlib import Path

from mrsi_sr.settings import (
    architecture,
    calibration,
    cohort,
    experiment,
    figure,
    lpips,
    method,
    network,
    objective,
    probe,
    reader_study,
    report,
    sampler,
    scans,
)
from mrsi_sr.settings.architecture import ARCHITECTURES
from mrsi_sr.settings.base import Settings
from mrsi_sr.settings.editor import editor_schema
from mrsi_sr.settings.figure import FIGURES
from mrsi_sr.settings.help import default_of, keys_of
from mrsi_sr.settings.objective import OBJECTIVES
from mrsi_sr.settings.sampler import SAMPLERS

CONFIG = Path(__file__).parents[3] / "config"
README, EDITOR_SCHEMA = CONFIG / "README.md", CONFIG / "schema.json"
MODULES = (
    architecture, calibration, cohort, experiment, figure, lpips, method, network, objective, probe, reader_study,
    report, sampler, scans,
)  # fmt: skip
KINDS = {  # heading of each kind, and its class
    "ARCHITECTURES": ("### architecture: {}", ARCHITECTURES),
    "OBJECTIVES": ("### objective: {}", OBJECTIVES),
    "SAMPLERS": ("#### {}", SAMPLERS),
    "FIGURES": ("#### kind: {}", FIGURES),
}
TABLE = re.compile(r"(<!-- settings: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
RANGE = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
SLIP = 10**5  # a bound from here on only catches slips of the keyboard, and is not shown


def tables(text: str) -> str:
    """A text in which the tables of settings are replaced by those that the classes give.

    A table stands between `<!-- settings: CLASS, CLASS -->` and `<!-- end -->`. In place of classes, ARCHITECTURES,
    OBJECTIVES, SAMPLERS and FIGURES stand for a section for each kind, and SAMPLERS for an overview before them.
    """
    return TABLE.sub(lambda found: f"{found[1]}{_content(found[2])}\n{found[3]}", text)


def _content(names: str) -> str:
    if names not in KINDS:
        return _section(*(_class(name) for name in names.split(", ")))
    heading, classes = KINDS[names]
    sections = [f"{heading.format(kind)}\n{_section(settings)}" for kind, settings in classes.items()]
    overview = [_overview(SAMPLERS)] if classes is SAMPLERS else []
    return "\n\n".join([*overview, *sections])


def _section(*classes: type[Settings]) -> str:
    """What the first class is, and a table of the keys of all of them."""
    rows = [row for settings in classes for row in _rows(settings)]
    table = [_table(["key", "allowed", "default", "meaning"], rows)] if rows else []
    return "\n\n".join([inspect.getdoc(classes[0]), *table])


def _class(name: str) -> type[Settings]:
    return next(vars(module)[name] for module in MODULES if name in vars(module))


def _table(head: list[str], rows: Iterable[Iterable[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def _rows(settings: type[Settings]) -> list[list[str]]:
    """Key, allowed values, default and meaning of each key of a class."""
    rows = []
    for key, node in keys_of(settings.model_json_schema()).items():
        default = f"`{default_of(node)}`" if "default" in node else "required"
        # Settings within settings have defaults of their own.
        rows.append([f"`{key}`", _allowed(node), "`{}`" if "$ref" in node else default, node["description"]])
    return rows


def _allowed(node: dict) -> str:
    """What a node of a JSON schema allows: `integer from 1 to 16 or null`, `list of 3 numbers above 0`."""
    if "anyOf" in node:
        return " or ".join(map(_allowed, node["anyOf"]))
    if "enum" in node:
        return ", ".join(f"`{value or json.dumps(value)}`" for value in node["enum"])
    if node.get("type") == "array":
        number = f"{node['minItems']} " if node.get("minItems") == node.get("maxItems", "any") else ""
        entries = re.sub("^(integer|number|string)", r"\1s", _allowed(node["items"]))
        return f"list of {number}{entries}"
    words = [f"{word} {node[key]:g}" for key, word in RANGE.items() if abs(node.get(key, SLIP)) < SLIP]
    steps = [f"in steps of {node['multipleOf']}"] if "multipleOf" in node else []
    return " ".join([node.get("type", "object"), *words, *steps])


def _overview(samplers: dict[str, type[sampler.Sampler]]) -> str:
    """Table of all samplers: the networks that each uses, and its number of network evaluations."""
    rows = []
    for kind, settings in samplers.items():
        roles = [f"`{role}` ({' or '.join(learned)})" for role, learned in settings.networks.items()]
        roles += [f"`{role}` if trained with one" for role in settings.optional_networks]
        roles += ["or one for each size: `size_8`, `size_10`, .."] if settings.by_size else []
        chain = {None: "", "noise": ", of the whole chain", "draw": ", of one truncation"}[settings.starts]
        rows.append([f"`{kind}`", (", ".join(roles) or "none") + chain, settings.evaluations])
    return _table(["kind", "roles of its networks", "number of network evaluations"], rows)


def main() -> None:
    README.write_text(tables(README.read_text()))
    EDITOR_SCHEMA.write_text(json.dumps(editor_schema(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
