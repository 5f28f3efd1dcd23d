"""The configuration, checked: its cohort, networks, methods and experiments, and that they fit each other."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from mrsi_sr.cli import UserError
from mrsi_sr.settings.base import Name, Settings
from mrsi_sr.settings.cohort import CohortSettings
from mrsi_sr.settings.errors import check_known
from mrsi_sr.settings.experiment import ExperimentSettings
from mrsi_sr.settings.figure import Figure
from mrsi_sr.settings.lpips import LpipsSettings
from mrsi_sr.settings.method import (
    MethodSettings,
    PlannedMethod,
    at_point,
    check_chain,
    check_needed_weights,
    check_needs,
    check_role,
    check_sizes_covered,
    split_point,
)
from mrsi_sr.settings.network import NetworkSettings, PlannedNetwork, check_metabolites, check_needed
from mrsi_sr.settings.report import Bias
from mrsi_sr.settings.scans import ScansSettings
from mrsi_sr.settings.text import as_json, read_yaml
from mrsi_sr.workflow.consistency import (
    check_calibration,
    check_circle,
    check_cohort,
    check_conditioned,
    check_levels,
    check_metabolites_of_method,
    check_metrics,
    check_one_part,
    check_panels,
    check_probe,
    check_readers_images,
    check_sizes_fit,
)
from mrsi_sr.workflow.labels import filled_in
from mrsi_sr.workflow.layers import layered
from mrsi_sr.workflow.runs import Run, runs_of
from mrsi_sr.workflow.used import used_methods, used_networks


class _Whole(Settings):
    """The configuration with both layers in one."""

    cohort: Any
    networks: dict[Name, Any]
    methods: dict[Name, Any]
    experiments: dict[Name, Any]
    run: list[str] | None = None
    scans: Any = None
    lpips: Any = None


@dataclass(frozen=True)
class Configuration:
    """A checked configuration with every default filled in.

    experiments: those that are planned, by name; networks and methods: those that they use. others: experiments that
    are not planned, whose networks may be used where equal ones are trained there. scans: new scans, None without any.
    lpips: weights of the LPIPS networks, None where LPIPS is not available.
    run: planned experiments, but for one that is planned only because new scans need its networks.
    """

    cohort: CohortSettings
    networks: dict[str, PlannedNetwork]
    methods: dict[str, PlannedMethod]
    experiments: dict[str, ExperimentSettings]
    others: dict[str, ExperimentSettings]
    run: list[str]
    scans: ScansSettings | None = None
    lpips: LpipsSettings | None = None

    @property
    def studied(self) -> dict[str, ExperimentSettings]:
        """Planned experiments whose tables, figures and networks are wanted for themselves."""
        return {name: self.experiments[name] for name in self.run}

    @classmethod
    def read(cls, path: str | Path, flag: str = "--config") -> "Configuration":
        """The papers' configuration with a user's file on top. Raises UserError where that cannot be read or used."""
        return cls.resolve(layered(read_yaml(path, flag)))

    @classmethod
    def resolve(cls, whole: dict) -> "Configuration":
        """Check a whole raw configuration, both layers in one, and fill in the defaults.

        Raises UserError that names the key, its value and what is allowed.
        """
        raw = _Whole.checked(whole)
        cohort = CohortSettings.checked(raw.cohort, "cohort")
        check_cohort(cohort)
        scans = None if raw.scans is None else ScansSettings.checked(raw.scans, "scans")
        lpips = None if raw.lpips is None else LpipsSettings.checked(raw.lpips, "lpips")
        run = list(raw.experiments) if raw.run is None else raw.run
        planned = list(dict.fromkeys([*run, scans.networks] if scans and scans.networks in raw.experiments else run))
        experiments = {
            name: ExperimentSettings.checked(raw.experiments[name], f"experiments.{name}") for name in planned
        }
        methods = used_methods(raw.methods, experiments, cohort.metabolites)
        networks = used_networks(raw.networks, methods, cohort.metabolites)
        others = {}
        for name in [name for name in raw.experiments if name not in planned]:
            with suppress(UserError):  # what is not planned need not be usable
                others[name] = ExperimentSettings.checked(raw.experiments[name])
        configuration = cls(cohort, networks, methods, experiments, others, run, scans, lpips)
        configuration._check()
        return configuration

    def experiment(self, name: str) -> ExperimentSettings:
        """An experiment, planned or not."""
        known = self.experiments | self.others
        check_known(name, known, "among the experiments")
        return known[name]

    def network(self, name: str, fold: int | None) -> NetworkSettings:
        """Settings that a network is trained with in a fold; None: in the folds that have none of their own."""
        check_known(name, self.networks, "among the networks of the planned experiments")
        return self.networks[name].of_fold(fold).settings

    def checkpoint_every(self, name: str, fold: int) -> int:
        """Number of iterations between checkpoints of a network's training in a fold."""
        return self.networks[name].of_fold(fold).checkpoint_every

    def planned_method(self, name: str) -> PlannedMethod:
        """A method of a planned experiment. Raises UserError for another."""
        check_known(name, self.methods, "among the methods of the planned experiments")
        return self.methods[name]

    def method(self, name: str) -> MethodSettings:
        """Settings that a method samples with."""
        return self.planned_method(name).settings

    def label(self, name: str, label: str | None = None) -> str:
        """Label of a method or of one point of its sweep, METHOD or METHOD@VALUE, with its numbers filled in.

        label: another label in place of the method's own. Raises UserError as labels.filled_in does.
        """
        method, point = split_point(name)
        planned = self.planned_method(method)
        networks = [self.network(each, None) for each in planned.networks.values()]
        return filled_in(label or planned.label, planned.settings, networks, point, where=f"methods.{method}.label")

    def sizes_of(self, experiment: str, method: str) -> list[int]:
        """Low-resolution sizes that a method is sampled at in an experiment: its own, or the experiment's."""
        return self._sizes_of(method, self.experiment(experiment))

    def _sizes_of(self, method: str, experiment: ExperimentSettings) -> list[int]:
        return self.planned_method(method).sizes or experiment.evaluate_sizes

    def networks_of(self, experiment: str) -> list[str]:
        """Networks that an experiment trains in each fold: those of its methods, and those that they need."""
        check_known(experiment, self._trained, "among the planned experiments")
        return self._trained[experiment]

    def training_sizes(self, experiment: str, network: str, fold: int) -> list[int]:
        """Low-resolution sizes that a network is trained on in a fold: its own, or the experiment's."""
        return sorted(self.network(network, fold).sizes or self.experiment(experiment).sizes)

    def homes_of(self, experiment: str, network: str, run: Run) -> tuple[list[str], list[str]]:
        """Experiments, by name, with an equal training of a network in an equal run: one of them does it for all.

        First those that are planned (of a run that none of them has, the experiment itself), then the others.
        """
        key = self._training(experiment, network, run)
        others = [
            name
            for name, each in self.others.items()
            if run in runs_of(each) and self._training(name, network, run) == key
        ]
        return self._homes.get(key, [experiment]), sorted(others)

    @cached_property
    def _trained(self) -> dict[str, list[str]]:
        used = {
            name: [network for method in _methods_of(each) for network in self.methods[method].networks.values()]
            for name, each in self.experiments.items()
        }
        return {experiment: self._with_needed(networks) for experiment, networks in used.items()}

    @cached_property
    def _homes(self) -> dict[str, list[str]]:
        """Planned experiments of every training that one of them runs."""
        homes = defaultdict(list)
        for experiment in sorted(self.experiments):
            for run in runs_of(self.experiments[experiment]):
                for network in self.networks_of(experiment):
                    homes[self._training(experiment, network, run)].append(experiment)
        return dict(homes)

    def _training(self, experiment: str, network: str, run: Run) -> str:
        """What makes the training of a network in a run differ from one experiment to the next, as text."""
        each = self.experiment(experiment)
        sizes = {name: self.training_sizes(experiment, name, run.fold) for name in self._with_needed([network])}
        return as_json(
            [network, run, each.participants, each.protocol, each.low_resolution, each.folds.number, each.folds.seed,
             each.folds.test, sizes]
        )  # fmt: skip

    def _with_needed(self, networks: Iterable[str]) -> list[str]:
        """These networks and those that must be trained before them, in the configuration's order."""
        waiting, found = list(networks), set()
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.networks[name].settings.needs.values()
        return [name for name in self.networks if name in found]

    # --- what planned experiments name exists and fits

    def _check(self) -> None:
        for name in self.networks:
            self._check_network(name)
        for name in self.methods:
            self._check_method(name)
        for name, experiment in self.experiments.items():
            self._check_experiment(experiment, f"experiments.{name}")

    def _check_experiment(self, experiment: ExperimentSettings, where: str) -> None:
        for method in experiment.methods:
            check_sizes_covered(self.methods[method], self._sizes_of(method, experiment), f"methods.{method}.networks")
        for key in ("sizes", "evaluate_sizes"):
            check_sizes_fit(getattr(experiment, key), self.cohort.slices.frame, f"{where}.{key}")
        for name, table in experiment.tables.items():
            shown = table.methods or experiment.methods
            self._check_shown(shown, table.sizes, experiment, f"{where}.tables.{name}")
            known = [*shown, *(at_point(each, point) for each in shown for point in self._points(each))]
            for key, method in table.named:
                check_known(method, known, f"{where}.tables.{name}.{key}")
            for metric in table.metrics:
                check_known(metric, [*experiment.metrics, *get_args(Bias)], f"{where}.tables.{name}.metrics")
        for name, figure in experiment.figures.items():
            self._check_figure(figure, experiment, f"{where}.figures.{name}")
        for name, study in experiment.reader_studies.items():
            check_readers_images(study, experiment, self.methods, f"{where}.reader_studies.{name}")
        for name, probe in experiment.probes.items():
            check_probe(probe, experiment, self.methods, self.cohort.metabolites, f"{where}.probes.{name}")
        if experiment.calibration:
            check_calibration(experiment.calibration, self.methods, f"{where}.calibration.methods")
        check_metrics(experiment.metrics, self.cohort.slices.frame, f"{where}.metrics")
        for fold in experiment.folds.run:
            check_known(fold, range(1, experiment.folds.number + 1), f"{where}.folds.run")

    def _check_figure(self, figure: Figure, experiment: ExperimentSettings, where: str) -> None:
        """A figure shows what its experiment samples and scores."""
        sizes = [shown.size for shown in figure.shown_maps] or getattr(figure, "sizes", None) or []
        methods = figure.all_methods or experiment.methods
        self._check_shown(methods, sizes, experiment, where)
        check_panels(methods, where)
        for shown in figure.shown_maps:
            if shown.metabolite is not None:
                check_known(shown.metabolite, self.cohort.metabolites, f"{where}: the metabolite")
        if figure.fold is not None:
            check_known(figure.fold, experiment.folds.run, f"{where}.fold")
        if figure.kind == "conditions":
            check_conditioned(self.methods[figure.method], f"{where}.method: {figure.method}")
        for metric in figure.all_metrics:
            check_known(metric, experiment.metrics, f"{where}: the metric")

    def _points(self, name: str) -> list[str]:
        """Points of a swept method, none of METHOD@VALUE."""
        return list(self.methods[name].points) if name in self.methods else []

    def _check_shown(self, names: list[str], sizes: list[int], experiment: ExperimentSettings, where: str) -> None:
        """A table or figure shows methods, points of their sweeps and sizes that its experiment samples."""
        for name in names:
            method, point = split_point(name)
            check_known(method, experiment.methods, f"{where}.methods")
            if point:
                check_known(point, self.methods[method].points, f"{where}: the point of {method}")
            for size in sizes:
                check_known(size, self._sizes_of(method, experiment), f"{where}: the size of {method}")
        check_one_part([split_point(name)[0] for name in names], self.methods, where)

    def _check_network(self, name: str) -> None:
        """What a network needs exists and fits, and is not needed in a circle; so do its sizes and folds."""
        for role, needed in self.networks[name].settings.needs.items():
            where = f"networks.{name}.needs.{role}"
            for fold in self._differing_folds(name, needed):
                what = f"{where}: {needed}" if fold is None else f"{where}: {needed} of fold {fold}"
                check_needed(role, self.network(name, fold), self.network(needed, fold), what)
        check_circle([name], {other: each.settings.needs for other, each in self.networks.items()})
        last = max(each.folds.number for each in [*self.experiments.values(), *self.others.values()])
        for fold in self._differing_folds(name):
            where, settings = f"networks.{name}", self.network(name, fold)
            where += "" if fold is None else f".folds.{fold}"
            check_sizes_fit(settings.sizes or [], self.cohort.slices.frame, f"{where}.sizes")
            check_levels(settings, self.cohort.slices.frame, where)
            check_metabolites(settings, self.cohort.metabolites, where)
            if fold is not None and fold > last:
                raise UserError(f"{where} is given, but no experiment has fold {fold}: expected 1 to {last}")

    def _check_method(self, name: str) -> None:
        """The networks of a method fit its sampler and each other, in every fold; its sizes and metabolites exist."""
        method = self.methods[name]
        check_sizes_fit(method.sizes or [], self.cohort.slices.frame, f"methods.{name}.sizes")
        check_metabolites_of_method(method, self.cohort, f"methods.{name}")
        self.label(name)
        for fold in self._differing_folds(*method.networks.values()):
            where = f"methods.{name}" if fold is None else f"fold {fold} of methods.{name}"
            used = {role: self.network(network, fold) for role, network in method.networks.items()}
            for role, network in method.networks.items():
                check_role(method.sampler, role, used[role], f"{where}.networks.{role}: {network}")
            check_chain(method.sampler, used, where)
            check_needs(method, used, f"{where}.networks")
            check_needed_weights(method, used, where)

    def _differing_folds(self, *networks: str) -> list[int | None]:
        """Each fold in which one of these networks has settings of its own, and None for all other folds."""
        return [None, *sorted({fold for name in networks for fold in self.networks[name].folds})]


def _methods_of(experiment: ExperimentSettings) -> list[str]:
    """Methods that an experiment compares or calibrates."""
    return [*experiment.methods, *(experiment.calibration.all_methods if experiment.calibration else [])]
