"""Plan of the workflow: files and parameters of every rule, from the configuration."""

import shlex
from collections.abc import Callable
from pathlib import Path

from mrsi_sr import sampling, training
from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.lpips import weights_files
from mrsi_sr.results.code import code_of
from mrsi_sr.results.provenance import fingerprint
from mrsi_sr.settings.base import as_json
from mrsi_sr.settings.errors import check_known
from mrsi_sr.settings.experiment import ExperimentSettings, FoldSettings
from mrsi_sr.settings.method import sampling_fingerprint
from mrsi_sr.settings.network import NetworkSettings
from mrsi_sr.workflow.cohort import CohortPlan, comma
from mrsi_sr.workflow.configuration import Configuration

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"


class Plan(CohortPlan):
    """Files and parameters of all rules. Methods that depend on a job take Snakemake's wildcards."""

    def __init__(self, raw: dict, rows: list[dict[str, str]] | None = None):
        """raw: whole configuration. rows: of the participants table, which is read where they are not given."""
        super().__init__(Configuration.resolve(raw), rows)
        self._homes: dict[tuple[str, str, int], str] = {}
        for name, experiment in self.configuration.experiments.items():
            check_participants(experiment, list(self.scans), f"experiments.{name}")

    @staticmethod
    def untracked(answer: Callable) -> Callable:
        """Parameter of a rule that decides how a job runs and not its result: a change of it reruns nothing.

        Snakemake does not compare parameters whose function asks for `threads`.
        """
        return lambda wildcards, threads: answer(wildcards)

    # --- one experiment

    def protocol(self, wildcards) -> str:
        return self._experiment(wildcards).protocol

    def seed(self, wildcards) -> int:
        return self._experiment(wildcards).seed

    def fold_settings(self, wildcards) -> str:
        folds = self._experiment(wildcards).folds
        return FoldSettings.of(number=folds.number, seed=folds.seed).as_json()

    def participants(self, wildcards) -> str:
        """Participants of the experiment, each with the fold that tests it where the table says one."""
        folds = {name: self.scans[name]["fold"] for name in self._participants(wildcards)}
        return ",".join(f"{name}={fold}" if fold else name for name, fold in folds.items())

    def slices(self, wildcards) -> list[str]:
        return self._files_of(wildcards, "slices.npz")

    def low_resolution(self, wildcards) -> list[str]:
        return self._files_of(wildcards, f"low_resolution-{self.protocol(wildcards)}.npz")

    def training_sizes(self, wildcards) -> str:
        return comma(self.configuration.training_sizes(wildcards.experiment, wildcards.network, int(wildcards.fold)))

    def evaluation_sizes(self, wildcards) -> str:
        return comma(self._experiment(wildcards).evaluate_sizes)

    # --- networks and methods

    def network_settings(self, wildcards) -> str:
        return self.configuration.network(wildcards.network, int(wildcards.fold)).as_json()

    def checkpoint_every(self, wildcards) -> int:
        return self.configuration.checkpoint_every(wildcards.network, int(wildcards.fold))

    def needed_networks(self, wildcards) -> list[str]:
        """Provenance of the networks that a training needs; it exists when they are complete."""
        return [f"{folder}/provenance.json" for folder in self._needed(wildcards).values()]

    def needs_flags(self, wildcards) -> str:
        """`--needs role=WEIGHTS` for each needed network, and their settings."""
        needs = self.configuration.networks[wildcards.network].settings.needs
        settings = _plain(self._networks(needs, int(wildcards.fold)))
        weights = {role: f"{folder}/best.safetensors" for role, folder in self._needed(wildcards).items()}
        flags = [f"--needs {role}={shlex.quote(path)}" for role, path in weights.items()]
        return " ".join([*flags, f"--needs-settings {shlex.quote(as_json(settings))}"] if needs else [])

    def method_settings(self, wildcards) -> str:
        return self.configuration.method(wildcards.method).as_json()

    def sampling_batch(self, wildcards) -> int:
        return self.configuration.methods[wildcards.method].batch_size

    def networks_of_method(self, wildcards) -> str:
        roles = self.configuration.methods[wildcards.method].networks
        return as_json(_plain(self._networks(roles, int(wildcards.fold))))

    def trained_networks(self, wildcards) -> list[str]:
        """Provenance of a method's networks."""
        return [f"{folder}/provenance.json" for folder in self._trained(wildcards).values()]

    def weight_flags(self, wildcards) -> str:
        method = self.configuration.methods[wildcards.method]
        weights = {
            role: f"{folder}/{method.weights_of(role)}.safetensors" for role, folder in self._trained(wildcards).items()
        }
        return " ".join(f"--weights {role}={shlex.quote(path)}" for role, path in weights.items())

    # --- scores, tables and figures

    def metrics(self, wildcards) -> str:
        return ",".join(self._experiment(wildcards).metrics)

    def lpips_weights(self, wildcards) -> str:
        weights = self._experiment(wildcards).lpips_weights
        return as_json({metric: each.plain() for metric, each in weights.items()})

    def lpips_files(self, wildcards) -> list[str]:
        return weights_files(self._experiment(wildcards).lpips_weights)

    def metric_files(self, wildcards) -> list[str]:
        return self._of_table(wildcards, "metrics/{method}.parquet")

    def metric_provenance(self, wildcards) -> list[str]:
        return self._of_table(wildcards, "metrics/{method}.provenance.json")

    def test_settings(self, wildcards) -> str:
        """Settings of the tests between a table's methods: which scores there must be, made with which settings."""
        experiment, methods = self._experiment(wildcards), self._methods_of("tables", wildcards.table, wildcards)
        table = experiment.tables[wildcards.table]
        return as_json(
            {key: getattr(table, key) for key in ("sizes", "metrics", "region", "mix_folds")}
            | {
                "methods": methods,
                "experiment": wildcards.experiment,
                "protocol": experiment.protocol,
                "folds": experiment.folds.run,
                "expected": self._expected(methods, experiment.folds.run),
            }
        )

    def table_settings(self, wildcards) -> str:
        """Settings of a table, and what its caption says of where the numbers come from."""
        experiment, methods = self._experiment(wildcards), self._methods_of("tables", wildcards.table, wildcards)
        expected = self._expected(methods, experiment.folds.run)
        return as_json(
            experiment.tables[wildcards.table].plain()
            | {
                "methods": methods,
                "labels": self._labels(methods),
                "experiment": wildcards.experiment,
                "cohort": self.cohort.name,
                "phantom": self.cohort.simulate is not None,
                "protocol": experiment.protocol,
                "folds": experiment.folds.run,
                "folds_in_all": experiment.folds.number,
                "configuration": self._fingerprint(wildcards.experiment, expected),
                "expected": expected,
            }
        )

    def figure_settings(self, wildcards) -> str:
        experiment, methods = self._experiment(wildcards), self._methods_of("figures", wildcards.figure, wildcards)
        return as_json(
            experiment.figures[wildcards.figure].plain()
            | {
                "fold": self._fold_of_figure(wildcards),
                "methods": methods,
                "labels": self._labels(methods),
                "experiment": wildcards.experiment,
                "phantom": self.cohort.simulate is not None,
                "protocol": experiment.protocol,
            }
        )

    def figure_samples(self, wildcards) -> list[str]:
        """Provenance of the samples that a figure shows."""
        return [f"{folder}/provenance.json" for folder in self.figure_folders(wildcards)]

    def figure_folders(self, wildcards) -> list[str]:
        fold, methods = self._fold_of_figure(wildcards), self._methods_of("figures", wildcards.figure, wildcards)
        return [f"results/{wildcards.experiment}/fold-{fold}/samples/{method}" for method in methods]

    def code(self, rule: str, wildcards) -> dict[str, str]:
        """Code that can change the result of a rule's job: a hash of each module, by its name."""
        if rule == "train":
            needs = self.configuration.networks[wildcards.network].settings.needs
            needed = self._networks(needs, int(wildcards.fold)).values()
            return training.code(self.configuration.network(wildcards.network, int(wildcards.fold)), needed)
        if rule == "sample":
            method = self.configuration.method(wildcards.method)
            return sampling.code(method, self._networks(method.networks, int(wildcards.fold)).values())
        return code_of(SCRIPTS / f"{rule}.py")

    def code_hash(self, rule: str) -> Callable:
        """Function that gives the hash of the code of a rule's jobs."""
        return lambda wildcards: fingerprint(self.code(rule, wildcards))

    # --- targets

    def tables_and_figures(self) -> list[str]:
        targets = []
        for name, experiment in self.configuration.experiments.items():
            for table in experiment.tables:
                targets += [f"results/{name}/tables/{table}{ending}" for ending in (".csv", ".tests.csv")]
            targets += [f"results/{name}/figures/{figure}.png" for figure in experiment.figures]
        return targets

    def all_networks(self) -> list[str]:
        """Provenance of every network of every planned experiment and fold."""
        return sorted(
            {
                f"{self._network_folder(name, fold, network)}/provenance.json"
                for name, experiment in self.configuration.experiments.items()
                for fold in experiment.folds.run
                for network in self.configuration.networks_of(name)
            }
        )

    def trained_here(self, wildcards) -> list[str]:
        """Networks that are trained in this fold of this experiment, for itself or for others too."""
        place = f"results/{wildcards.experiment}/fold-{wildcards.fold}/"
        return [network for network in self.all_networks() if network.startswith(place)]

    def losses(self) -> list[str]:
        """Loss curves of every fold that trains a network."""
        return sorted({f"{network.split('/networks/')[0]}/losses.png" for network in self.all_networks()})

    def folds(self) -> list[int]:
        """Folds that some experiment runs."""
        return sorted({fold for each in self.configuration.experiments.values() for fold in each.folds.run})

    def of_fold(self, fold: int) -> list[str]:
        """Scores of every method in one fold of each experiment that runs it, and the loss curves of its networks."""
        scores = [
            f"results/{name}/fold-{fold}/metrics/{method}.parquet"
            for name, experiment in self.configuration.experiments.items()
            if fold in experiment.folds.run
            for method in experiment.methods
        ]
        return scores + [picture for picture in self.losses() if f"/fold-{fold}/" in picture]

    # --- inside

    def _experiment(self, wildcards) -> ExperimentSettings:
        return self.configuration.experiment(wildcards.experiment)

    def _methods_of(self, kind: str, name: str, wildcards) -> list[str]:
        """Methods that a table or figure shows: its own list, or all of the experiment."""
        experiment = self._experiment(wildcards)
        return getattr(experiment, kind)[name].methods or experiment.methods

    def _labels(self, methods: list[str]) -> dict[str, str]:
        return {name: self.configuration.methods[name].label for name in methods}

    def _fold_of_figure(self, wildcards) -> int:
        experiment = self._experiment(wildcards)
        return experiment.figures[wildcards.figure].fold or experiment.folds.run[0]

    def _networks(self, roles: dict[str, str], fold: int) -> dict[str, NetworkSettings]:
        """Settings of networks in a fold, by role."""
        return {role: self.configuration.network(name, fold) for role, name in roles.items()}

    def _trained(self, wildcards) -> dict[str, str]:
        """Folders of a method's networks, by role."""
        return self._network_folders(wildcards, self.configuration.methods[wildcards.method].networks)

    def _needed(self, wildcards) -> dict[str, str]:
        """Folders of the networks that a network needs, by role."""
        return self._network_folders(wildcards, self.configuration.networks[wildcards.network].settings.needs)

    def _network_folders(self, wildcards, networks: dict[str, str]) -> dict[str, str]:
        """Folders of networks by role, sorted by role: the order in a file makes no difference."""
        place = wildcards.experiment, int(wildcards.fold)
        return {role: self._network_folder(*place, network) for role, network in sorted(networks.items())}

    def _network_folder(self, experiment: str, fold: int, network: str) -> str:
        """Folder of a network: in the experiment that trains it for all that have an equal one."""
        return f"results/{self._home(experiment, fold, network)}/fold-{fold}/networks/{network}"

    def _home(self, experiment: str, fold: int, network: str) -> str:
        """Experiment that trains a network for all that have an equal one: one that has begun to, else the first.

        So an experiment that is added later takes nothing over. Looked up once: results of a running workflow do not
        change its own plan.
        """
        asked = experiment, network, fold
        if asked not in self._homes:
            planned, others = self.configuration.homes_of(*asked)
            folders = {home: Path(f"results/{home}/fold-{fold}/networks/{network}") for home in planned + others}
            begun = [home for home, folder in folders.items() if folder.is_dir() and any(folder.iterdir())]
            self._homes[asked] = (begun or planned)[0]
        return self._homes[asked]

    def _participants(self, wildcards) -> list[str]:
        """Names of the experiment's participants: all of the cohort, the first so many, or those that it lists."""
        chosen = self._experiment(wildcards).participants
        return chosen if isinstance(chosen, list) else list(self.scans)[:chosen]

    def _files_of(self, wildcards, name: str) -> list[str]:
        return [f"{self.folder}/{participant}/{name}" for participant in self._participants(wildcards)]

    def _of_table(self, wildcards, pattern: str) -> list[str]:
        return [
            f"results/{wildcards.experiment}/fold-{fold}/{pattern.format(method=method)}"
            for method in self._methods_of("tables", wildcards.table, wildcards)
            for fold in self._experiment(wildcards).folds.run
        ]

    def _expected(self, methods: list[str], folds: list[int]) -> dict[str, dict[str, str]]:
        """Fingerprint of the settings of a method's maps, by method and fold."""
        settings = {name: self.configuration.method(name) for name in methods}
        return {
            name: {str(fold): sampling_fingerprint(each, self._networks(each.networks, fold)) for fold in folds}
            for name, each in settings.items()
        }

    def _fingerprint(self, experiment: str, expected: dict) -> str:
        """Fingerprint of all that decides a table's numbers: cohort, experiment, and its methods in each fold."""
        studied = self.configuration.experiment(experiment).plain()
        parts = {key: value for key, value in studied.items() if key not in ("methods", "tables", "figures")}
        return fingerprint(self.cohort.plain(), parts, expected)


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
