"""What the rules ask of the configuration: their files, and each rule's own part of the settings."""

import shlex
from collections.abc import Callable
from pathlib import Path

from mrsi_sr import participants
from mrsi_sr.cli import UserError
from mrsi_sr.config import Configuration
from mrsi_sr.lpips_metric import weights_files
from mrsi_sr.method_settings import MethodSettings
from mrsi_sr.provenance import fingerprint
from mrsi_sr.quality import QualitySettings
from mrsi_sr.settings import check_known, settings_json

SIMULATED = Path("results/simulated")


class Workflow:
    """Answers the rules' questions about a raw configuration. The methods take Snakemake's wildcards."""

    def __init__(self, raw: dict):
        self.configuration = Configuration.resolve(raw)
        self.cohort = self.configuration.cohort
        self.folder = f"results/cohorts/{self.cohort['name']}"
        self.rows = participants.read(self.cohort["participants"])
        self.scans = {row["participant"]: row for row in participants.included(self.rows)}
        for name, experiment in self.configuration.experiments.items():
            check_participants(experiment, list(self.scans), f"experiments.{name}")

    # --- the cohort

    def phantom_settings(self, wildcards) -> str:
        row = self._scan(wildcards)
        settings = {key: value for key, value in self.cohort["simulate"].items() if key != "seed"}
        return settings_json(
            settings
            | {"naming": row["pattern"], "archive": row["lcmodel"].endswith(".gz"), "lesion": bool(row["lesion"])}
        )

    def phantom_seed(self, wildcards) -> int:
        return self.cohort["simulate"]["seed"]

    def files(self, *columns: str) -> Callable:
        """What must exist before a rule reads these columns' files: the files, or the phantom that holds them."""

        def paths(wildcards) -> list[str]:
            row = self._scan(wildcards)
            return sorted({_phantom_folder(row[column]) or row[column] for column in columns if row[column]})

        return paths

    def file_flags(self, *columns: str) -> Callable:
        """`--t1 PATH` for each of these columns that the participant's row fills."""

        def flags(wildcards) -> str:
            return _flags({column: self._scan(wildcards)[column] for column in columns})

        return flags

    def ingest_flags(self, wildcards) -> str:
        row, settings = self._scan(wildcards), self.cohort["ingest"]
        flags = {"metabolites": self.metabolites()}
        if row["maps"]:
            return _flags(flags | {"maps": row["maps"], "files": settings_json(settings["maps"])})
        flags |= {"lcmodel": row["lcmodel"], "pattern": row["pattern"] or settings["pattern"]}
        flags |= {"flip": row["flip"] or settings["flip"], "reference": row["reference"]}
        if not row["reference"]:
            flags |= {key: settings[key] for key in ("matrix", "voxel_mm")}
        return _flags(flags)

    def settings(self, part: str) -> str:
        """One part of the cohort's settings."""
        return settings_json(self.cohort[part])

    def metabolites(self) -> str:
        return ",".join(self.cohort["metabolites"])

    def external_maps(self, wildcards) -> list[str]:
        """The SNR and line width maps that the quality mask takes in place of the volumes' own."""
        settings = QualitySettings(**self.cohort["quality"])
        return list(settings.external_maps(wildcards.participant).values())

    def cohort_files(self, name: str) -> list[str]:
        return [f"{self.folder}/{participant}/{name}".rstrip("/") for participant in self.scans]

    def cohort_summary(self) -> str:
        return f"{self.folder}/summary.csv"

    def all_slices(self) -> list[str]:
        return self.cohort_files("slices.npz")

    def cohort_sizes(self) -> str:
        experiments = self.configuration.experiments.values()
        return _comma({size for each in experiments for size in each["evaluate_sizes"]})

    def excluded(self) -> str:
        return settings_json({row["participant"]: row["exclude"] for row in self.rows if row["exclude"]})

    # --- one experiment

    def protocol(self, wildcards) -> str:
        return self._experiment(wildcards)["protocol"]

    def seed(self, wildcards) -> int:
        return self._experiment(wildcards)["seed"]

    def fold_settings(self, wildcards) -> str:
        folds = self._experiment(wildcards)["folds"]
        return settings_json({"number": folds["number"], "seed": folds["seed"]})

    def participants(self, wildcards) -> str:
        """The experiment's participants by name: all of the cohort, the first so many, or those that it lists."""
        return ",".join(self._participants(wildcards))

    def slices(self, wildcards) -> list[str]:
        return self._files_of(wildcards, "slices.npz")

    def low_resolution(self, wildcards) -> list[str]:
        return self._files_of(wildcards, f"low_resolution-{self.protocol(wildcards)}.npz")

    def training_sizes(self, wildcards) -> str:
        return _comma(self.configuration.sizes_of(wildcards.experiment, wildcards.network))

    def evaluation_sizes(self, wildcards) -> str:
        return _comma(self._experiment(wildcards)["evaluate_sizes"])

    # --- networks and methods

    def network_settings(self, wildcards) -> str:
        return settings_json(self.configuration.networks[wildcards.network])

    def needed_networks(self, wildcards) -> list[str]:
        """The provenance of the networks that this one's training needs: it lies there when they are whole."""
        return [f"{folder}/provenance.json" for folder in self._needed(wildcards).values()]

    def needs_flags(self, wildcards) -> str:
        """`--needs role=WEIGHTS` for each of them, and their settings."""
        needs = self.configuration.networks[wildcards.network]["needs"]
        settings = {role: self.configuration.networks[name] for role, name in needs.items()}
        weights = {role: f"{folder}/best.safetensors" for role, folder in self._needed(wildcards).items()}
        flags = [f"--needs {role}={shlex.quote(path)}" for role, path in weights.items()]
        return " ".join([*flags, f"--needs-settings {shlex.quote(settings_json(settings))}"] if needs else [])

    def method_settings(self, wildcards) -> str:
        return settings_json(self._method(wildcards))

    def networks_of_method(self, wildcards) -> str:
        roles = self._method(wildcards)["networks"]
        return settings_json({role: self.configuration.networks[name] for role, name in roles.items()})

    def trained_networks(self, wildcards) -> list[str]:
        """The provenance of a method's networks."""
        return [f"{folder}/provenance.json" for folder in self._trained(wildcards).values()]

    def weight_flags(self, wildcards) -> str:
        method = MethodSettings(**self._method(wildcards))
        weights = {
            role: f"{folder}/{method.weights_of(role)}.safetensors" for role, folder in self._trained(wildcards).items()
        }
        return " ".join(f"--weights {role}={shlex.quote(path)}" for role, path in weights.items())

    # --- scores, tables and figures

    def metrics(self, wildcards) -> str:
        return ",".join(self._experiment(wildcards)["metrics"])

    def lpips_weights(self, wildcards) -> str:
        return settings_json(self._experiment(wildcards)["lpips_weights"])

    def lpips_files(self, wildcards) -> list[str]:
        return weights_files(self._experiment(wildcards)["lpips_weights"])

    def metric_files(self, wildcards) -> list[str]:
        return self._of_table(wildcards, "metrics/{method}.parquet")

    def metric_provenance(self, wildcards) -> list[str]:
        return self._of_table(wildcards, "metrics/{method}.provenance.json")

    def table_settings(self, wildcards) -> str:
        """A table's own settings and what its caption must say of where the figures come from."""
        experiment = self._experiment(wildcards)
        table = experiment["tables"][wildcards.table]
        return settings_json(
            table
            | {
                "methods": table["methods"] or experiment["methods"],
                "experiment": wildcards.experiment,
                "cohort": self.cohort["name"],
                "phantom": "simulate" in self.cohort,
                "protocol": experiment["protocol"],
                "folds": experiment["folds"]["run"],
                "folds_in_all": experiment["folds"]["number"],
                "configuration": self._fingerprint(wildcards.experiment),
            }
        )

    def figure_settings(self, wildcards) -> str:
        experiment = self._experiment(wildcards)
        figure = experiment["figures"][wildcards.figure]
        fold = figure["fold"] or experiment["folds"]["run"][0]
        return settings_json(
            figure
            | {
                "fold": fold,
                "experiment": wildcards.experiment,
                "phantom": "simulate" in self.cohort,
                "protocol": experiment["protocol"],
            }
        )

    def figure_samples(self, wildcards) -> list[str]:
        """The provenance of the samples that a figure shows."""
        return [f"{folder}/provenance.json" for folder in self.figure_folders(wildcards)]

    def figure_folders(self, wildcards) -> list[str]:
        experiment = self._experiment(wildcards)
        figure = experiment["figures"][wildcards.figure]
        fold = figure["fold"] or experiment["folds"]["run"][0]
        methods = figure["methods"] or experiment["methods"]
        return [f"results/{wildcards.experiment}/fold-{fold}/samples/{method}" for method in methods]

    # --- targets

    def tables_and_figures(self) -> list[str]:
        targets = []
        for name, experiment in self.configuration.experiments.items():
            for table in experiment["tables"]:
                targets += [f"results/{name}/tables/{table}{ending}" for ending in (".csv", ".tests.csv")]
            targets += [f"results/{name}/figures/{figure}.png" for figure in experiment["figures"]]
        return targets

    def all_networks(self) -> list[str]:
        """The provenance of every network of every experiment and fold that is to be run."""
        return sorted(
            {
                f"{self._network_folder(name, fold, network)}/provenance.json"
                for name, experiment in self.configuration.experiments.items()
                for fold in experiment["folds"]["run"]
                for network in self.configuration.networks_of(name)
            }
        )

    # --- inside

    def _scan(self, wildcards) -> dict[str, str]:
        return self.scans[wildcards.participant]

    def _experiment(self, wildcards) -> dict:
        return self.configuration.experiments[wildcards.experiment]

    def _method(self, wildcards) -> dict:
        return self.configuration.methods[wildcards.method]

    def _trained(self, wildcards) -> dict[str, str]:
        """The folders of a method's networks, by role."""
        return self._network_folders(wildcards, self._method(wildcards)["networks"])

    def _needed(self, wildcards) -> dict[str, str]:
        """The folders of the networks that a network needs, by role."""
        return self._network_folders(wildcards, self.configuration.networks[wildcards.network]["needs"])

    def _network_folders(self, wildcards, networks: dict[str, str]) -> dict[str, str]:
        place = wildcards.experiment, int(wildcards.fold)
        return {role: self._network_folder(*place, network) for role, network in networks.items()}

    def _network_folder(self, experiment: str, fold: int, network: str) -> str:
        """Where a network lies: in the experiment that trains it for all that have an equal one."""
        home = self.configuration.home_of(experiment, fold, network)
        return f"results/{home}/fold-{fold}/networks/{network}"

    def _participants(self, wildcards) -> list[str]:
        chosen = self._experiment(wildcards)["participants"]
        return chosen if isinstance(chosen, list) else list(self.scans)[:chosen]

    def _files_of(self, wildcards, name: str) -> list[str]:
        return [f"{self.folder}/{participant}/{name}" for participant in self._participants(wildcards)]

    def _of_table(self, wildcards, pattern: str) -> list[str]:
        experiment = self._experiment(wildcards)
        methods = experiment["tables"][wildcards.table]["methods"] or experiment["methods"]
        return [
            f"results/{wildcards.experiment}/fold-{fold}/{pattern.format(method=method)}"
            for method in methods
            for fold in experiment["folds"]["run"]
        ]

    def _fingerprint(self, experiment: str) -> str:
        """A short hash of all that decides an experiment's figures: cohort, its networks and methods, folds."""
        configuration = self.configuration
        studied = configuration.experiments[experiment]
        networks = {name: configuration.networks[name] for name in configuration.networks_of(experiment)}
        methods = {name: configuration.methods[name] for name in studied["methods"]}
        parts = {key: value for key, value in studied.items() if key not in ("tables", "figures")}
        return fingerprint(configuration.cohort, networks, methods, parts)


def check_participants(experiment: dict, names: list[str], where: str) -> None:
    """Raise a UserError unless the cohort has the participants that an experiment chooses, enough for its folds."""
    chosen, folds = experiment["participants"], experiment["folds"]["number"]
    there = f"the participants table has {len(names)} that are not excluded"
    if isinstance(chosen, int) and chosen > len(names):
        raise UserError(f"{where}.participants is {chosen}, but {there}")
    for name in chosen if isinstance(chosen, list) else []:
        check_known(name, names, f"{where}.participants")
    number = len(chosen) if isinstance(chosen, list) else chosen or len(names)
    if folds > number:
        raise UserError(f"{where}.folds.number is {folds}, but it has {number} participants: {there}")


def _phantom_folder(path: str) -> str | None:
    """The simulated participant's folder that a path lies in, or None for a file of one's own."""
    place = Path(path)
    return str(SIMULATED / place.relative_to(SIMULATED).parts[0]) if place.is_relative_to(SIMULATED) else None


def _flags(values: dict) -> str:
    """Command-line flags, quoted; empty values are left out, lists become several words."""
    words = []
    for name, value in values.items():
        if value:
            words += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    return shlex.join(words)


def _comma(sizes: set[int] | list[int]) -> str:
    return ",".join(map(str, sorted(sizes)))
