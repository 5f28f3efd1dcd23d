"""The configuration: which settings it is made of, and that what they name is there."""

import json
import re
from dataclasses import dataclass

from mrsi_sr.chains import check_chain
from mrsi_sr.cli import UserError
from mrsi_sr.method_settings import MethodSettings, check_needed_weights, check_needs, check_role, check_sizes
from mrsi_sr.metrics import region_of
from mrsi_sr.network_settings import check_metabolites, check_needed, resolve_network
from mrsi_sr.phantom.settings import check_fitted_slices
from mrsi_sr.settings import check, check_known
from mrsi_sr.slicing import SliceSettings


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
        check("configuration", raw)
        _check_names(raw)
        cohort = resolve_cohort(raw["cohort"])
        configuration = cls(
            cohort=cohort,
            networks={
                name: resolve_network(_with_metabolites(value, cohort["metabolites"]), f"networks.{name}")
                for name, value in raw["networks"].items()
            },
            methods={name: MethodSettings.complete(value, f"methods.{name}") for name, value in raw["methods"].items()},
            experiments={
                name: resolve_experiment(value, f"experiments.{name}") for name, value in raw["experiments"].items()
            },
        )
        configuration.check_references()
        return configuration

    def check_references(self) -> None:
        """Every name points at an entry that exists and fits, and every size fits the matrix and is sampled."""
        self._check_networks()
        for name, method in self.methods.items():
            for role, network in method["networks"].items():
                where = f"methods.{name}.networks.{role}"
                check_known(network, self.networks, where)
                check_role(method["sampler"], role, self.networks[network], f"{where}: {network}")
            used = {role: self.networks[network] for role, network in method["networks"].items()}
            check_chain(method["sampler"], used, f"methods.{name}")
            check_needs(method["sampler"], method["networks"], used, f"methods.{name}.networks")
            check_needed_weights(method, used, f"methods.{name}")
        for name, experiment in self.experiments.items():
            where = f"experiments.{name}"
            for method in experiment["methods"]:
                check_known(method, self.methods, f"{where}.methods")
                check_sizes(
                    self.methods[method]["networks"], experiment["evaluate_sizes"], f"methods.{method}.networks"
                )
            for key in ("sizes", "evaluate_sizes"):
                _sizes_fit(experiment[key], self.cohort["slices"]["frame"], f"{where}.{key}")
            for kind in ("tables", "figures"):
                for entry, part in experiment[kind].items():
                    _check_part(part, experiment, f"{where}.{kind}.{entry}")
            for figure in experiment["figures"]:
                self._check_figure(experiment, figure, where)
            for fold in experiment["folds"]["run"]:
                check_known(fold, range(1, experiment["folds"]["number"] + 1), f"{where}.folds.run")

    def _check_figure(self, experiment: dict, name: str, where: str) -> None:
        """A figure shows a metabolite of the cohort, of a fold that is run."""
        figure = experiment["figures"][name]
        for key, known in (("metabolite", self.cohort["metabolites"]), ("fold", experiment["folds"]["run"])):
            if figure[key] is not None:
                check_known(figure[key], known, f"{where}.figures.{name}.{key}")

    def networks_of(self, experiment: str) -> list[str]:
        """The networks that an experiment trains in each fold: those of its methods, and those that they need."""
        methods = (self.methods[name] for name in self.experiments[experiment]["methods"])
        waiting, found = [name for method in methods for name in method["networks"].values()], set()
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.networks[name]["needs"].values()
        return [name for name in self.networks if name in found]

    def sizes_of(self, experiment: str, network: str) -> list[int]:
        """The sizes that a network is trained on: its own, or the experiment's."""
        return sorted(self.networks[network]["sizes"] or self.experiments[experiment]["sizes"])

    def home_of(self, experiment: str, fold: int, network: str) -> str:
        """The first experiment that trains an equal network on an equal fold: there it is trained, once for all."""

        def decisive(name: str) -> tuple:
            each = self.experiments[name]
            folds = {key: value for key, value in each["folds"].items() if key != "run"}
            needs = self.networks[network]["needs"].values()
            sizes = [self.sizes_of(name, trained) for trained in [network, *needs]]
            return folds, each["participants"], each["protocol"], each["seed"], sizes

        for name, other in self.experiments.items():
            trains_it = fold in other["folds"]["run"] and network in self.networks_of(name)
            if trains_it and decisive(name) == decisive(experiment):
                return name
        return experiment

    def _check_networks(self) -> None:
        """What networks need is there, fits, and is not needed in a circle; their own sizes fit the matrix."""
        for name, network in self.networks.items():
            for role, needed in network["needs"].items():
                where = f"networks.{name}.needs.{role}"
                check_known(needed, self.networks, where)
                check_needed(role, network, self.networks[needed], f"{where}: {needed}")
            _sizes_fit(network["sizes"] or [], self.cohort["slices"]["frame"], f"networks.{name}.sizes")
            check_metabolites(network, self.cohort["metabolites"], f"networks.{name}")
            self._check_circle([name])

    def _check_circle(self, chain: list[str]) -> None:
        """Raise UserError when a chain of networks, each needing the next, comes back to one that is in it."""
        for needed in self.networks[chain[-1]]["needs"].values():
            if needed in chain:
                circle = " -> ".join([*chain[chain.index(needed) :], needed])
                raise UserError(f"networks.{chain[-1]}.needs goes in a circle: {circle}\n  none could be trained first")
            self._check_circle([*chain, needed])


def _check_names(raw: dict) -> None:
    """Names become parts of file names: letters, digits and underscores."""
    named = {kind: raw[kind] for kind in ("networks", "methods", "experiments")}
    for name, experiment in raw["experiments"].items():
        for kind in ("tables", "figures"):
            named[f"experiments.{name}.{kind}"] = experiment.get(kind, {}) if isinstance(experiment, dict) else {}
    for kind, names in named.items():
        for name in names:
            if not re.fullmatch("[A-Za-z0-9_]+", str(name)):
                raise UserError(f"{kind} has the name {json.dumps(name)}, expected letters, digits and underscores")


def _with_metabolites(raw: dict, metabolites: list[str]) -> dict:
    """A raw network with the number of the cohort's metabolites, where it tells them apart and gives no number."""
    if isinstance(raw, dict) and raw.get("metabolite") is True:
        return {"metabolites": len(metabolites)} | raw
    return raw


def resolve_cohort(raw: dict) -> dict:
    cohort = check("cohort", raw, "cohort")
    for part in ("ingest", "quality"):
        cohort[part] = check(part, cohort[part], f"cohort.{part}")
    cohort["slices"] = SliceSettings.complete(cohort["slices"], "cohort.slices")
    if "simulate" in cohort:
        cohort["simulate"] = check(["simulate", "phantom"], cohort["simulate"], "cohort.simulate")
        check_fitted_slices(cohort["simulate"], "cohort.simulate")
    return cohort


def resolve_experiment(raw: dict, where: str) -> dict:
    experiment = check("experiment", raw, where)
    folds = check(["folds", "folds-run"], experiment["folds"], f"{where}.folds")
    folds["run"] = folds["run"] or list(range(1, folds["number"] + 1))
    experiment["folds"] = folds
    for kind, name in (("tables", "table"), ("figures", "figure")):
        experiment[kind] = {
            entry: check(name, value, f"{where}.{kind}.{entry}") for entry, value in experiment[kind].items()
        }
    for entry, table in experiment["tables"].items():
        table["region"] = region_of(experiment["protocol"], table["region"], f"{where}.tables.{entry}.region")
    return experiment


def _check_part(part: dict, experiment: dict, where: str) -> None:
    """A table or figure shows what its experiment samples and scores."""
    for method in part["methods"] or []:
        check_known(method, experiment["methods"], f"{where}.methods")
    for size in part["sizes"] if "sizes" in part else [part["size"]]:
        check_known(size, experiment["evaluate_sizes"], f"{where}: the size")
    for metric in part.get("metrics", []):
        check_known(metric, experiment["metrics"], f"{where}.metrics")


def _sizes_fit(sizes: list[int], frame: int, where: str) -> None:
    for size in sizes:
        if size >= frame:
            raise UserError(f"{where} has {size}: low-resolution sizes are even and below the matrix of {frame}")
