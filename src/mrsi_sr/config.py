"""The configuration: what it may hold, what it means, and how it says what is wrong with it."""

import difflib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from mrsi_sr.cli import UserError

SCHEMAS = Path(__file__).parents[2] / "workflow" / "schemas"


@dataclass(frozen=True)
class Configuration:
    """A configuration with every default filled in: the cohort, and networks, methods and experiments by name."""

    cohort: dict
    networks: dict[str, dict]
    methods: dict[str, dict]
    experiments: dict[str, dict]

    @classmethod
    def resolve(cls, raw: dict) -> "Configuration":
        """Check a raw configuration and fill in its defaults.

        Raises UserError that names the key, its value and what is allowed.
        """
        check("configuration", raw, "")
        configuration = cls(
            cohort=resolve_cohort(raw["cohort"]),
            networks={name: resolve_network(value, f"networks.{name}") for name, value in raw["networks"].items()},
            methods={name: resolve_method(value, f"methods.{name}") for name, value in raw["methods"].items()},
            experiments={
                name: resolve_experiment(value, f"experiments.{name}") for name, value in raw["experiments"].items()
            },
        )
        configuration.check_references()
        return configuration

    def check_references(self) -> None:
        """Every name points at an entry that exists, and every size fits the matrix and was trained."""
        for name, method in self.methods.items():
            for role, network in method["networks"].items():
                _known(network, self.networks, f"methods.{name}.networks.{role}")
        for name, experiment in self.experiments.items():
            where = f"experiments.{name}"
            for method in experiment["methods"]:
                _known(method, self.methods, f"{where}.methods")
            for key in ("sizes", "evaluate_sizes"):
                _sizes_fit(experiment[key], self.cohort["slices"]["frame"], f"{where}.{key}")
            for kind in ("tables", "figures"):
                for entry, part in experiment[kind].items():
                    for method in part.get("methods") or []:
                        _known(method, experiment["methods"], f"{where}.{kind}.{entry}.methods")
                    for size in part.get("sizes") or [part["size"]]:
                        _known(size, experiment["evaluate_sizes"], f"{where}.{kind}.{entry}: the size")
            for fold in experiment["folds"]["run"]:
                _known(fold, range(1, experiment["folds"]["number"] + 1), f"{where}.folds.run")


def resolve_cohort(raw: dict) -> dict:
    cohort = check("cohort", raw, "cohort")
    for part in ("simulate", "ingest", "quality", "slices"):
        if part != "simulate" or part in cohort:
            cohort[part] = check(part, cohort.get(part, {}), f"cohort.{part}")
    return cohort


def resolve_network(raw: dict, where: str) -> dict:
    """A network's settings: what all networks share, and the keys of its architecture and of its objective."""
    kinds = ["network"]
    for key in ("architecture", "objective"):
        allowed = schema("network")["properties"][key]["enum"]
        _known(raw.get(key), allowed, f"{where}.{key}")
        kinds.append(f"{key}-{raw[key]}")
    settings = check(kinds, raw, where)
    if (settings["iterations"] is None) == (settings["epochs"] is None):
        raise UserError(f"{where} needs either iterations or epochs: how long the network is trained")
    if (settings["decay"] == "halve") != (settings["halve_epochs"] is not None):
        raise UserError(
            f"{where}.halve_epochs is {json.dumps(settings['halve_epochs'])} and decay is {settings['decay']}:"
            " decay halve needs a number of epochs, other decays none"
        )
    return settings


def resolve_method(raw: dict, where: str) -> dict:
    method = check("method", raw, where)
    sampler = method["sampler"]
    allowed = schema("sampler")["properties"]["kind"]["enum"]
    _known(sampler.get("kind"), allowed, f"{where}.sampler.kind")
    method["sampler"] = check(["sampler", f"sampler-{sampler['kind']}"], sampler, f"{where}.sampler")
    needed = schema(f"sampler-{sampler['kind']}")["x-networks"]
    if sorted(method["networks"]) != sorted(needed):
        raise UserError(
            f"{where}.networks names {_listed(method['networks'])},"
            f" but the sampler {sampler['kind']} needs {_listed(needed)}"
        )
    return method


def resolve_experiment(raw: dict, where: str) -> dict:
    experiment = check("experiment", raw, where)
    folds = check("folds", experiment["folds"], f"{where}.folds")
    folds["run"] = folds["run"] or list(range(1, folds["number"] + 1))
    experiment["folds"] = folds
    for kind, name in (("tables", "table"), ("figures", "figure")):
        experiment[kind] = {
            entry: check(name, value, f"{where}.{kind}.{entry}") for entry, value in experiment[kind].items()
        }
    return experiment


def settings_json(settings: dict) -> str:
    """The settings as JSON with sorted keys: equal settings are equal strings, whatever the order in the file."""
    return json.dumps(settings, sort_keys=True)


def check(kinds: str | list[str], settings: dict, where: str) -> dict:
    """Check settings against one flat schema, or several whose keys add up, and return them with defaults filled in.

    Raises UserError that names the key, its value and what is allowed.
    """
    merged = _merged(*([kinds] if isinstance(kinds, str) else kinds))
    errors = sorted(Draft202012Validator(merged).iter_errors(settings), key=lambda error: list(map(str, error.path)))
    if errors:
        raise UserError("\n  ".join(["the configuration cannot be used", *(_explained(e, where) for e in errors)]))
    defaults = {key: part["default"] for key, part in merged["properties"].items() if "default" in part}
    return json.loads(json.dumps(defaults)) | settings


@cache
def schema(kind: str) -> dict:
    return yaml.safe_load((SCHEMAS / f"{kind}.schema.yaml").read_text())


def _merged(*kinds: str) -> dict:
    """One flat schema with the keys of all kinds; later ones may narrow a key of earlier ones."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    for kind in kinds:
        properties |= schema(kind)["properties"]
        required += schema(kind).get("required", [])
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}


def _explained(error: ValidationError, where: str) -> str:
    """One line for one fault: the key, its value, what is allowed."""
    key = ".".join(filter(None, [where, *map(str, error.absolute_path)]))
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = [name for name in error.instance if name not in known]
        return "; ".join(f"{_join(key, name)} is not a known key: {_suggestion(name, known)}" for name in unknown)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{key or 'the configuration'} lacks {_listed(missing)}"
    expected = {
        "enum": lambda value: f"one of {_listed(value)}",
        "type": lambda value: f"{_listed([value] if isinstance(value, str) else value)}",
        "minimum": lambda value: f"at least {value}",
        "maximum": lambda value: f"at most {value}",
        "exclusiveMinimum": lambda value: f"above {value}",
        "exclusiveMaximum": lambda value: f"below {value}",
        "minItems": lambda value: f"at least {value} entries",
        "maxItems": lambda value: f"at most {value} entries",
        "uniqueItems": lambda value: "entries that differ",
        "multipleOf": lambda value: f"a multiple of {value}",
        "pattern": lambda value: f"text like {value}",
    }.get(error.validator, lambda value: f"{error.validator} {value}")(error.validator_value)
    return f"{key} is {json.dumps(error.instance)}, expected {expected}"


def _known(name: Any, names, where: str) -> None:
    if name not in names:
        raise UserError(f"{where} {json.dumps(name)} is not known: {_suggestion(name, names)}")


def _sizes_fit(sizes: list[int], frame: int, where: str) -> None:
    for size in sizes:
        if size >= frame:
            raise UserError(f"{where} has {size}: low-resolution sizes are even and below the matrix of {frame}")


def _suggestion(name: Any, known) -> str:
    close = difflib.get_close_matches(str(name), [str(each) for each in known], n=1)
    return f"did you mean {close[0]}?" if close else f"known are {_listed(known)}"


def _listed(names) -> str:
    return ", ".join(str(name) for name in names) or "nothing"


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
