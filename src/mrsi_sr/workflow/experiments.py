"""Plan of the experiments: files and parameters of the rules that train and sample."""

import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from mrsi_sr.cli import UserError
from mrsi_sr.maps.folds import Row
from mrsi_sr.settings.base import as_json
from mrsi_sr.settings.errors import check_known, listed
from mrsi_sr.settings.experiment import ExperimentSettings, FoldSettings
from mrsi_sr.settings.figure import ShownMap
from mrsi_sr.settings.method import split_point
from mrsi_sr.settings.network import NetworkSettings
from mrsi_sr.workflow.cohort import CohortPlan, comma
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.runs import Run, fold_of, folder_of, run_of


class ExperimentPlan(CohortPlan):
    """Files and parameters of training and sampling. Methods that depend on a job take Snakemake's wildcards."""

    def __init__(self, raw: dict, rows: list[dict[str, str]] | None = None):
        """raw: whole configuration. rows: of the participants table, which is read where they are not given."""
        super().__init__(Configuration.resolve(raw), rows)
        self._chosen_homes: dict[tuple[str, str, Run], str] = {}

    def check_against_cohort(self, fold: int | None = None) -> None:
        """Raise UserError unless the cohort has what the planned experiments ask of it: participants, folds, slices.

        Only targets that need an experiment check it: a look at the first scans of a cohort needs no five folds.
        fold: the fold to be run; None: all of them.
        """
        for name, experiment in self.configuration.studied.items():
            if fold is None or fold in experiment.folds.run:
                self._check_experiment(name, experiment)

    def divided(self, name: str) -> list[Row]:
        """Part of every participant of an experiment in every fold."""
        from mrsi_sr.maps.cross_validation import divide  # late: every job reads the plan, and needs no numpy for it

        chosen = {participant: self.scans[participant]["fold"] for participant in self.participants_of(name)}
        return divide(chosen, _division(self.configuration.experiment(name)))

    def tested(self, name: str) -> list[str]:
        """Participants whom an experiment tests in the folds that are run."""
        folds = self.configuration.experiment(name).folds.run
        return [row.participant for row in self.divided(name) if row.part == "test" and row.fold in folds]

    @staticmethod
    def untracked(answer: Callable) -> Callable:
        """Parameter of a rule that decides how a job runs and not its result: a change of it reruns nothing.

        Snakemake does not compare parameters whose function asks for `threads`.
        """
        return lambda wildcards, threads: answer(wildcards)

    def protocol(self, wildcards) -> str:
        return self._experiment(wildcards).protocol

    def low_resolution_of_training(self, wildcards) -> str:
        return self._experiment(wildcards).low_resolution

    def fold(self, wildcards) -> int:
        return fold_of(wildcards.fold)

    def seed(self, wildcards) -> int:
        """Seed of training."""
        return self._run(wildcards).seed

    def fold_settings(self, wildcards) -> str:
        return _division(self._experiment(wildcards)).as_json()

    def participants(self, wildcards) -> str:
        """Participants of the experiment, each with the fold that tests it where the table says one."""
        folds = {name: self.scans[name]["fold"] for name in self.participants_of(wildcards.experiment)}
        return ",".join(f"{name}={fold}" if fold else name for name, fold in folds.items())

    def slices(self, wildcards) -> list[str]:
        return self._files_of(wildcards, "slices.npz")

    def low_resolution(self, wildcards) -> list[str]:
        """Measured k-space of every participant, where an experiment tests some or trains on it."""
        if self.low_resolution_of_training(wildcards) == "refitted":
            return self._files_of(wildcards, "low_resolution-clean-refitted.npz")
        if not self._experiment(wildcards).folds.test:
            return []
        return self._files_of(wildcards, f"low_resolution-{self.protocol(wildcards)}.npz")

    def low_resolution_flags(self, wildcards) -> str:
        """`--low-resolution KIND` of training, and the files of refitted scans."""
        kind = self.low_resolution_of_training(wildcards)
        files = ["--refitted", *self.low_resolution(wildcards)] if kind == "refitted" else []
        return shlex.join(["--low-resolution", kind, *files])

    def scans_of_experiment(self, wildcards) -> list[str]:
        """Folder of the results of each participant of an experiment."""
        return [f"{self.folder}/{participant}" for participant in self.participants_of(wildcards.experiment)]

    def training_sizes(self, wildcards) -> str:
        fold = fold_of(wildcards.fold)
        return comma(self.configuration.training_sizes(wildcards.experiment, wildcards.network, fold))

    def evaluation_sizes(self, wildcards) -> str:
        return comma(self.configuration.sizes_of(wildcards.experiment, wildcards.method))

    # --- networks and methods

    def network_settings(self, wildcards) -> str:
        return self.configuration.network(wildcards.network, fold_of(wildcards.fold)).as_json()

    def checkpoint_every(self, wildcards) -> int:
        return self.configuration.checkpoint_every(wildcards.network, fold_of(wildcards.fold))

    def needed_networks(self, wildcards) -> list[str]:
        """Provenance of the networks that a training needs; it exists when they are complete."""
        return [f"{folder}/provenance.json" for folder in self._folders_of_needed(wildcards).values()]

    def needs_flags(self, wildcards) -> str:
        """`--needs role=WEIGHTS` for each needed network, and their settings."""
        needs = self.configuration.network(wildcards.network, None).needs
        settings = _plain(self._networks(needs, fold_of(wildcards.fold)))
        weights = {role: f"{folder}/best.safetensors" for role, folder in self._folders_of_needed(wildcards).items()}
        flags = [f"--needs {role}={shlex.quote(path)}" for role, path in weights.items()]
        return " ".join([*flags, f"--needs-settings {shlex.quote(as_json(settings))}"] if needs else [])

    def method_settings(self, wildcards) -> str:
        return self.configuration.method(wildcards.method).as_json()

    def sampling_batch(self, wildcards) -> int:
        return self.configuration.planned_method(wildcards.method).batch_size

    def networks_of_method(self, wildcards) -> str:
        roles = self.configuration.planned_method(wildcards.method).networks
        return as_json(_plain(self._networks(roles, fold_of(wildcards.fold))))

    def trained_networks(self, wildcards) -> list[str]:
        """Provenance of a method's networks."""
        return [f"{folder}/provenance.json" for folder in self._folders_of_method(wildcards).values()]

    def weight_flags(self, wildcards) -> str:
        method = self.configuration.planned_method(wildcards.method)
        weights = {
            role: f"{folder}/{method.weights_of(role)}.safetensors"
            for role, folder in self._folders_of_method(wildcards).items()
        }
        return " ".join(f"--weights {role}={shlex.quote(path)}" for role, path in weights.items())

    def networks_of_run(self, experiment: str, run: Run) -> list[str]:
        """Provenance of the networks of one run of an experiment, wherever they are trained."""
        names = sorted(self.configuration.networks_of(experiment))
        return [f"{self._network_folder(experiment, run, network)}/provenance.json" for network in names]

    # --- inside

    def _check_experiment(self, name: str, experiment: ExperimentSettings) -> None:
        where = f"experiments.{name}"
        check_participants(experiment, list(self.scans), where)
        self._check_refitted(name, experiment)
        try:
            parts = self.divided(name)
        except UserError as error:
            raise UserError(f"{where}.folds: {error}") from None
        for figure_name, figure in experiment.figures.items():
            fold = figure.fold or experiment.folds.run[0]
            first, _ = split_point((figure.all_methods or experiment.methods)[0])
            part = self.configuration.planned_method(first).part
            sampled = [row.participant for row in parts if (row.fold, row.part) == (fold, part)]
            for shown in figure.shown_maps:
                self._check_shown_map(
                    shown, sampled, f"{where}.figures.{figure_name}", f"the {part} participants of fold {fold}"
                )

    def _check_refitted(self, name: str, experiment: ExperimentSettings) -> None:
        """Raise UserError unless an experiment with refitted scans has them: of each participant, at all its sizes.

        Sizes are those of phantoms; of real scans, the folders' are read when they are measured.
        """
        if experiment.low_resolution != "refitted":
            return
        for participant in self.participants_of(name):
            self.refitted_folder(SimpleNamespace(participant=participant))
        known = self.cohort.simulate.refitted if self.cohort.simulate else None
        sizes = {"sizes": experiment.sizes, "evaluate_sizes": experiment.evaluate_sizes}
        for key, asked in sizes.items():
            if known and (absent := [size for size in asked if size not in known]):
                raise UserError(
                    f"experiments.{name}.{key} has {listed(absent)}, but the phantoms are refitted at {listed(known)}\n"
                    "  expected sizes of cohort.simulate.refitted, as low_resolution is refitted"
                )

    def _check_shown_map(self, shown: ShownMap, sampled: list[str], where: str, part: str) -> None:
        """Raise UserError where a figure shows a participant who is not sampled, or a slice that no scan has."""
        if shown.participant not in (None, *sampled):
            raise UserError(f"{where}: the participant is {shown.participant}, but {part} are {listed(sampled)}")
        first, last = self.fitted_slices()
        if shown.slice is not None and not first <= shown.slice <= last:
            raise UserError(f"{where}: the slice is {shown.slice}, but the scans have the slices {first} to {last}")

    def _experiment(self, wildcards) -> ExperimentSettings:
        return self.configuration.experiment(wildcards.experiment)

    def _networks(self, roles: dict[str, str], fold: int) -> dict[str, NetworkSettings]:
        """Settings of networks in a fold, by role."""
        return {role: self.configuration.network(name, fold) for role, name in roles.items()}

    def _folders_of_method(self, wildcards) -> dict[str, str]:
        """Folders of a method's networks, by role."""
        return self._network_folders(wildcards, self.configuration.planned_method(wildcards.method).networks)

    def _folders_of_needed(self, wildcards) -> dict[str, str]:
        """Folders of the networks that a network needs, by role."""
        return self._network_folders(wildcards, self.configuration.network(wildcards.network, None).needs)

    def _network_folders(self, wildcards, networks: dict[str, str]) -> dict[str, str]:
        """Folders of networks by role, sorted by role: the order in a file makes no difference."""
        place = wildcards.experiment, self._run(wildcards)
        return {role: self._network_folder(*place, network) for role, network in sorted(networks.items())}

    def _run(self, wildcards) -> Run:
        return run_of(wildcards.fold, self._experiment(wildcards))

    def _network_folder(self, experiment: str, run: Run, network: str) -> str:
        """Folder of a network: in the experiment that trains it for all that have an equal one."""
        return self._folder_in(self._home(experiment, run, network), run, network)

    def _folder_in(self, experiment: str, run: Run, network: str) -> str:
        return f"results/{experiment}/{folder_of(run, self.configuration.experiment(experiment))}/networks/{network}"

    def _home(self, experiment: str, run: Run, network: str) -> str:
        """Experiment that trains a network for all that have an equal one: one that has begun to, else the first.

        So an experiment that is added later takes nothing over. Looked up once: results of a running workflow do not
        change its own plan.
        """
        asked = experiment, network, run
        if asked not in self._chosen_homes:
            planned, others = self.configuration.homes_of(*asked)
            folders = {home: Path(self._folder_in(home, run, network)) for home in planned + others}
            begun = [home for home, folder in folders.items() if folder.is_dir() and any(folder.iterdir())]
            self._chosen_homes[asked] = (begun or planned)[0]
        return self._chosen_homes[asked]

    def participants_of(self, experiment: str) -> list[str]:
        """Names of an experiment's participants: all of the cohort, the first so many, or those that it lists."""
        chosen = self.configuration.experiment(experiment).participants
        return chosen if isinstance(chosen, list) else list(self.scans)[:chosen]

    def _files_of(self, wildcards, name: str) -> list[str]:
        return [f"{self.folder}/{participant}/{name}" for participant in self.participants_of(wildcards.experiment)]


def _division(experiment: ExperimentSettings) -> FoldSettings:
    """Settings of the division into folds, without those that are run."""
    return FoldSettings.of(**{key: getattr(experiment.folds, key) for key in FoldSettings.model_fields})


def _plain(networks: dict[str, NetworkSettings]) -> dict[str, dict]:
    return {role: network.plain() for role, network in networks.items()}


def check_participants(experiment: ExperimentSettings, names: list[str], where: str) -> None:
    """Raise a UserError unless the cohort has the participants that an experiment chooses, enough for its folds."""
    chosen, folds = experiment.participants, experiment.folds.number
    there = f"the participants table has {len(names)} that are not excluded"
    if isinstance(chosen, int) and chosen > len(names):
        raise UserError(f"{where}.participants is {chosen}, but {there}")
    for name in chosen if isinstance(chosen, list) else []:
        check_known(name, names, f"{where}.participants")
    number = len(chosen) if isinstance(chosen, list) else chosen or len(names)
    if folds > number:
        raise UserError(f"{where}.folds.number is {folds}, but it has {number} participants: {there}")
