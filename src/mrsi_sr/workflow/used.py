"""Methods and networks that the planned experiments use, of all in a raw configuration."""

from typing import Any

from mrsi_sr.settings.errors import check_known
from mrsi_sr.settings.experiment import ExperimentSettings
from mrsi_sr.settings.method import PlannedMethod
from mrsi_sr.settings.network import PlannedNetwork


def used_methods(
    raw: dict[str, Any], experiments: dict[str, ExperimentSettings], metabolites: list[str]
) -> dict[str, PlannedMethod]:
    """The methods that experiments compare or calibrate, in the configuration's order."""
    used = set()
    for name, experiment in experiments.items():
        calibrated = experiment.calibration.all_methods if experiment.calibration else []
        for key, methods in (("methods", experiment.methods), ("calibration.methods", calibrated)):
            for method in methods:
                check_known(method, raw, f"experiments.{name}.{key}")
                used.add(method)
    return {
        name: PlannedMethod.checked(_over_all_metabolites(raw[name], metabolites), f"methods.{name}")
        for name in raw
        if name in used
    }


def _over_all_metabolites(method: Any, metabolites: list[str]) -> Any:
    """A raw method with the cohort's metabolites in a sweep over conditioned_metabolite that names no values."""
    match method:
        case {"sweep": {"key": "conditioned_metabolite", **others}} if "values" not in others and len(metabolites) > 1:
            return method | {"sweep": method["sweep"] | {"values": metabolites}}
    return method


def used_networks(
    raw: dict[str, Any], methods: dict[str, PlannedMethod], metabolites: list[str]
) -> dict[str, PlannedNetwork]:
    """The networks of methods and those that must be trained before them, in the configuration's order."""
    found: dict[str, PlannedNetwork] = {}
    waiting = [
        (network, f"methods.{name}.networks.{role}")
        for name, method in methods.items()
        for role, network in method.networks.items()
    ]
    while waiting:
        name, where = waiting.pop()
        check_known(name, raw, where)
        if name not in found:
            found[name] = PlannedNetwork.checked(raw[name], metabolites, f"networks.{name}")
            needs = found[name].settings.needs
            waiting += [(needed, f"networks.{name}.needs.{role}") for role, needed in needs.items()]
    return {name: found[name] for name in raw if name in found}
