"""JSON schema of a user's configuration file, by which editors complete and check keys."""

from itertools import chain

from pydantic.json_schema import models_json_schema

from mrsi_sr.settings.architecture import ARCHITECTURES
from mrsi_sr.settings.base import NAME, Settings
from mrsi_sr.settings.cohort import CohortSettings
from mrsi_sr.settings.experiment import ExperimentSettings
from mrsi_sr.settings.lpips import LpipsSettings
from mrsi_sr.settings.method import PlannedMethod
from mrsi_sr.settings.network import NetworkSettings, PlannedKeys
from mrsi_sr.settings.objective import OBJECTIVES
from mrsi_sr.settings.sampler import SAMPLERS
from mrsi_sr.settings.scans import ScansSettings

LIKE = {"description": "name of the entry that this one is like, except for the keys given here", "type": "string"}
RUN = {"description": "names of the experiments to run", "type": "array", "items": {"type": "string"}}


def editor_schema() -> dict:
    """JSON schema of a configuration that lies over the papers': no key is required, and null unsets one.

    A network may have the keys of every architecture and objective, a sampler those of every kind: which of them go
    together is checked when the configuration is read.
    """
    classes = (CohortSettings, ExperimentSettings, ScansSettings, LpipsSettings, PlannedMethod)
    models = [(each, "validation") for each in classes]
    nested = models_json_schema(models, ref_template="#/definitions/{model}")[1]["$defs"]
    for sampler in SAMPLERS.values():
        del nested[sampler.__name__]  # of a method, which has the keys of all of them
    network = _keys({"network": NetworkSettings, "configuration": PlannedKeys} | ARCHITECTURES | OBJECTIVES)
    network |= {"like": LIKE, "folds": network["folds"] | {"anyOf": [_by_name("network")]}}
    method = _of_kinds({"method": nested.pop("PlannedMethod")})
    method |= {"like": LIKE, "sampler": {"description": method["sampler"]["description"], **_object(_keys(SAMPLERS))}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Configuration of mrsi-sr: your cohort, and changes to the papers' networks, methods and experiments",
        **_object(
            {
                "cohort": {"$ref": "#/definitions/CohortSettings"},
                "networks": _by_name("network", NAME),
                "methods": _by_name("method", NAME),
                "experiments": _by_name("experiment", NAME),
                "run": RUN,
                "scans": {"$ref": "#/definitions/ScansSettings"},
                "lpips": {"$ref": "#/definitions/LpipsSettings"},
            }
        ),
        "definitions": {
            "network": _object(network),
            "method": _object(method),
            **{name: _object(_of_kinds({name: schema})) for name, schema in nested.items()},
            "experiment": _object(_of_kinds({"": nested["ExperimentSettings"]}) | {"like": LIKE}),
        },
    }


def _object(properties: dict) -> dict:
    return {"type": ["object", "null"], "additionalProperties": False, "properties": properties}


def _by_name(definition: str, pattern: str = "") -> dict:
    entries = {"additionalProperties": {"$ref": f"#/definitions/{definition}"}}
    return {"type": ["object", "null"], "propertyNames": {"pattern": pattern}, **entries}


def _keys(kinds: dict[str, type[Settings]]) -> dict[str, dict]:
    return _of_kinds({kind: settings.model_json_schema() for kind, settings in kinds.items()})


def _of_kinds(schemas: dict[str, dict]) -> dict[str, dict]:
    """The keys of several schemas. One that is in some of them may be what any of them allows."""
    nodes: dict[str, dict[str, dict]] = {}
    for kind, schema in schemas.items():
        for key, node in schema.get("properties", {}).items():
            nodes.setdefault(key, {})[kind] = node
    return {key: _of_any(of_kinds) for key, of_kinds in nodes.items()}


def _of_any(nodes: dict[str, dict]) -> dict:
    """What any of a key's nodes allows, or null. nodes: by the kind that the key belongs to."""
    kinds: dict[str, list[str]] = {}
    for kind, node in nodes.items():
        kinds.setdefault(node.get("description", "selects the other keys"), []).append(kind)
    words = [f"{', '.join(of)}: {meaning}" if len(kinds) > 1 else meaning for meaning, of in kinds.items()]
    options: list[dict] = []
    for option in chain(*map(_options, nodes.values()), [{"type": "null"}]):
        if option not in options:
            options.append(option)
    return {"description": "; ".join(words), "anyOf": options}


def _options(node: dict) -> list[dict]:
    plain = {key: value for key, value in node.items() if key not in ("description", "default", "title")}
    return plain.get("anyOf", [plain])
