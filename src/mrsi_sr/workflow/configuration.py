"""The configuration: which settings it is made of, and that what they name is there."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from mrsi_sr.cli import UserError
from mrsi_sr.diffusion.betas import check_chain
from mrsi_sr.evaluation.metrics import region_of
from mrsi_sr.phantom.settings import check_fitted_slices
from mrsi_sr.scan.slicing import SliceSettings
from mrsi_sr.settings.old_base import check, check_known, settings_json
from mrsi_sr.settings.old_method import (
    ConfiguredMethod,
    check_needed_weights,
    check_needs,
    check_role,
    check_sizes,
    sampling_settings,
)
from mrsi_sr.settings.old_network import check_metabolites, check_needed, resolve_configured, training_settings


@dataclass(frozen=True)
class Configuration:
    """A configuration with every default filled in: the cohort, and networks, methods and experiments by name.

    A network's `folds` are complete settings, by number, of the folds that have settings of their own.
    """

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
                name: resolve_configured(value, cohort["metabolites"], f"networks.{name}")
                for name, value in raw["networks"].items()
            },
            methods={
                name: ConfiguredMethod.complete(value, f"methods.{name}") for name, value in raw["methods"].items()
            },
            experiments={
                name: resolve_experiment(value, f"experiments.{name}") for name, value in raw["experiments"].items()
            },
        )
        configuration.check_references()
        return configuration

    def check_references(self) -> None:
        """Every name points at an entry that exists and fits, and every size fits the matrix and is sampled."""
        self._check_networks()
        for name in self.methods:
            self._check_method(name)
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

    def network(self, name: str, fold: int) -> dict:
        """The settings that a network is trained with in a fold, as train.py takes them."""
        return training_settings(self._of_fold(name, fold))

    def checkpoint_every(self, name: str, fold: int) -> int:
        """After how many iterations a network's training in a fold leaves a checkpoint."""
        return self._of_fold(name, fold)["checkpoint_every"]

    def method(self, name: str) -> dict:
        """The settings that a method samples with, as sample.py takes them."""
        return sampling_settings(self.methods[name])

    def networks_of(self, experiment: str) -> list[str]:
        """The networks that an experiment trains in each fold: those of its methods, and those that they need."""
        return self._trained[experiment]

    def sizes_of(self, experiment: str, network: str, fold: int) -> list[int]:
        """The sizes that a network is trained on in a fold: its own, or the experiment's."""
        return sorted(self._of_fold(network, fold)["sizes"] or self.experiments[experiment]["sizes"])

    def homes_of(self, experiment: str, network: str, fold: int) -> list[str]:
        """The experiments, by name, that train an equal network on an equal fold: one of them does it for all.

        Of a fold that none of them runs, the experiment itself.
        """
        return self._homes.get(self._training(experiment, network, fold), [experiment])

    @cached_property
    def _trained(self) -> dict[str, list[str]]:
        """The networks that each experiment trains in each fold."""
        used = {
            experiment: [network for name in each["methods"] for network in self.methods[name]["networks"].values()]
            for experiment, each in self.experiments.items()
        }
        return {experiment: self._with_needed(networks) for experiment, networks in used.items()}

    @cached_property
    def _homes(self) -> dict[str, list[str]]:
        """The experiments, by name, of every training that one of them runs."""
        homes = defaultdict(list)
        for experiment in sorted(self.experiments):
            for fold in self.experiments[experiment]["folds"]["run"]:
                for network in self.networks_of(experiment):
                    homes[self._training(experiment, network, fold)].append(experiment)
        return dict(homes)

    def _training(self, experiment: str, network: str, fold: int) -> str:
        """What makes the training of a network in a fold differ from one experiment to the next, as text."""
        each = self.experiments[experiment]
        decisive = {key: each[key] for key in ("participants", "protocol", "seed")}
        decisive["folds"] = {key: value for key, value in each["folds"].items() if key != "run"}
        decisive["sizes"] = {name: self.sizes_of(experiment, name, fold) for name in self._with_needed([network])}
        return settings_json(decisive | {"network": network, "fold": fold})

    def _with_needed(self, networks: Iterable[str]) -> list[str]:
        """These networks and those that must be trained before them, in the configuration's order."""
        waiting, found = list(networks), set()
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.networks[name]["needs"].values()
        return [name for name in self.networks if name in found]

    def _of_fold(self, name: str, fold: int | None) -> dict:
        """A network as configured for a fold; None for the folds that have nothing of their own."""
        return self.networks[name]["folds"].get(fold, self.networks[name])

    def _folds_apart(self, *networks: str) -> list[int | None]:
        """Each fold in which one of these networks has settings of its own, and None for all other folds."""
        return [None, *sorted({fold for name in networks for fold in self.networks[name]["folds"]})]

    def _check_method(self, name: str) -> None:
        """The networks that a method uses are there and fit its sampler and each other, in every fold."""
        method = self.methods[name]
        for role, network in method["networks"].items():
            check_known(network, self.networks, f"methods.{name}.networks.{role}")
        for fold in self._folds_apart(*method["networks"].values()):
            where = f"methods.{name}" if fold is None else f"fold {fold} of methods.{name}"
            used = {role: self._of_fold(network, fold) for role, network in method["networks"].items()}
            for role, network in method["networks"].items():
                check_role(method["sampler"], role, used[role], f"{where}.networks.{role}: {network}")
            check_chain(method["sampler"], used, where)
            check_needs(method["sampler"], method["networks"], used, f"{where}.networks")
            check_needed_weights(method, used, where)

    def _check_networks(self) -> None:
        """What networks need is there, fits, and is not needed in a circle; sizes and folds of their own are there."""
        last = max(each["folds"]["number"] for each in self.experiments.values())
        for name, network in self.networks.items():
            for role, needed in network["needs"].items():
                where = f"networks.{name}.needs.{role}"
                check_known(needed, self.networks, where)
                for fold in self._folds_apart(name, needed):
                    what = f"{where}: {needed}" if fold is None else f"{where}: {needed} of fold {fold}"
                    check_needed(role, self._of_fold(name, fold), self._of_fold(needed, fold), what)
            self._check_circle([name])
            for fold in self._folds_apart(name):
                where = f"networks.{name}" if fold is None else f"networks.{name}.folds.{fold}"
                each = self._of_fold(name, fold)
                _sizes_fit(each["sizes"] or [], self.cohort["slices"]["frame"], f"{where}.sizes")
                check_metabolites(each, self.cohort["metabolites"], where)
                if fold is not None and fold > last:
                    raise UserError(f"{where} is given, but no experiment has fold {fold}: expected 1 to {last}")

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
