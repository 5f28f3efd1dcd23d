"""Plan of the workflow: files and parameters of every rule, from the configuration."""

import shlex
from collections.abc import Callable
from pathlib import Path

from mrsi_sr import sampling, training
from mrsi_sr.results.code import PACKAGE, code_of
from mrsi_sr.results.provenance import fingerprint
from mrsi_sr.settings.base import as_json
from mrsi_sr.workflow import participants
from mrsi_sr.workflow.calibrations import CalibrationPlan
from mrsi_sr.workflow.lineage import Lineage
from mrsi_sr.workflow.lpips import LpipsPlan
from mrsi_sr.workflow.new_scans import NewScans
from mrsi_sr.workflow.pages import PagePlan
from mrsi_sr.workflow.probes import Probes
from mrsi_sr.workflow.reader_studies import ReaderStudies
from mrsi_sr.workflow.runs import Run, fold_of, folder_of, runs_of
from mrsi_sr.workflow.scan_files import Contents

CONTENTS = Path("results/.snakemake/contents.json")  # with Snakemake's own records: copied with the results
# Rules whose script has another name: `snakemake check` is a target, and one script measures both kinds of scans.
SCRIPT_OF = {"check_scan": "check", "check_new_scan": "check", "truncate_refitted": "truncate"}
SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"


class Plan(CalibrationPlan, PagePlan):
    """Files and parameters of all rules. Methods that depend on a job take Snakemake's wildcards."""

    def __init__(self, raw: dict, rows: list[dict[str, str]] | None = None, scans: list[dict[str, str]] | None = None):
        """As ExperimentPlan. scans: rows of the table of new scans, which is read where they are not given."""
        super().__init__(raw, rows)
        if scans is None:
            scans = participants.read_scans(raw["scans"]) if raw.get("scans") else []
        self.new_scans = NewScans(self.configuration, scans)
        self.reader_studies = ReaderStudies(self.configuration)
        self.probes = Probes(self)
        self.contents = Contents(CONTENTS)
        self.lpips = LpipsPlan(self.configuration, self.contents)
        self._lineage = Lineage(self, self.contents)

    def check_for_scans(self) -> None:
        """Raise UserError unless the cohort has what the experiment asks of it whose networks new scans need."""
        if name := self.new_scans.experiment:
            self._check_experiment(name, self.configuration.experiment(name))

    def phantom_settings(self, wildcards) -> str:
        """Settings of a phantom: of the cohort, or of the new scans."""
        return self.new_scans.phantom_settings(wildcards.participant) or super().phantom_settings(wildcards)

    def phantom_seed(self, wildcards) -> int:
        """Seed of a phantom, as phantom_settings."""
        scans = self.new_scans
        return scans.settings.simulate.seed if wildcards.participant in scans.rows else super().phantom_seed(wildcards)

    def checks(self) -> list[str]:
        """Check of each scan of both tables."""
        return [*self.cohort_files("check.json"), *self.new_scans.checks()]

    def code(self, rule: str, wildcards) -> dict[str, str]:
        """Code that can change the result of a rule's job: a hash of each module, by its name."""
        if rule == "train":
            needs = self.configuration.network(wildcards.network, None).needs
            needed = self._networks(needs, fold_of(wildcards.fold)).values()
            network = self.configuration.network(wildcards.network, fold_of(wildcards.fold))
            return training.code(network, needed, self._experiment(wildcards).low_resolution)
        if rule == "sample":
            method = self.configuration.method(wildcards.method)
            return sampling.code(method, self._networks(method.networks, fold_of(wildcards.fold)).values())
        if rule == "probe":
            method = self.configuration.method(wildcards.method)
            networks = self._networks(method.networks, fold_of(wildcards.fold)).values()
            return sampling.code(method, networks, "mrsi_sr.probing.fold")
        if rule == "super_resolve" and not self.new_scans.experiment:
            return code_of(SCRIPTS / f"{rule}.py", *_loaded_by_name())  # the networks' folder is not read for a plan
        if rule == "super_resolve":
            experiment = self.new_scans.experiment
            method = self.configuration.method(self.new_scans.settings.method)
            fold = self.configuration.experiment(experiment).folds.run[0]
            return sampling.code(method, self._networks(method.networks, fold).values(), SCRIPTS / f"{rule}.py")
        if rule == "figure":
            return code_of(SCRIPTS / "figure.py", f"mrsi_sr.report.figures.{self.figure_kind(wildcards)}")
        return code_of(SCRIPTS / f"{SCRIPT_OF.get(rule, rule)}.py")

    def code_hash(self, rule: str) -> Callable:
        """Function that gives the hash of the code of a rule's jobs."""
        return lambda wildcards: fingerprint(self.code(rule, wildcards))

    def lineage(self, rule: str) -> Callable:
        """Function that gives the hash of all that makes the inputs of a rule's jobs."""
        return lambda wildcards: self._lineage.before(rule, wildcards)

    # --- networks to hand over

    def networks_handed_over(self, wildcards) -> list[str]:
        """Provenance of the networks that an experiment hands over."""
        return [f"{folder}/provenance.json" for folder in self._folders_handed_over(wildcards).values()]

    def hand_over_flags(self, wildcards) -> str:
        """`FOLD/NAME=FOLDER` of each network that an experiment hands over."""
        folders = self._folders_handed_over(wildcards).items()
        return " ".join(shlex.quote(f"{fold}/{name}={folder}") for (fold, name), folder in folders)

    def hand_over_settings(self, wildcards) -> str:
        """Settings of the networks that an experiment hands over: what a site that gets them has to know."""
        experiment = self._experiment(wildcards)
        methods = {name: self.configuration.planned_method(name) for name in experiment.methods}
        networks: dict[str, dict[str, dict]] = {}
        for fold, name in self._folders_handed_over(wildcards):
            networks.setdefault(name, {})[str(fold)] = self.configuration.network(name, fold).plain()
        return as_json(
            {key: getattr(experiment, key) for key in ("protocol", "low_resolution", "sizes")}
            | {
                "experiment": wildcards.experiment,
                "cohort": self.cohort.name,
                "phantom": self.cohort.simulate is not None,
                "folds": experiment.folds.run,
                "methods": {
                    name: method.plain() | {"label": self.configuration.label(name)} for name, method in methods.items()
                },
                "networks": networks,
            }
        )

    def handed_over(self) -> list[str]:
        """Provenance of the folders of networks that planned experiments hand over."""
        experiments = self.configuration.studied.items()
        return [f"results/{name}/hand_over/provenance.json" for name, experiment in experiments if experiment.hand_over]

    # --- targets

    def all_networks(self) -> list[str]:
        """Provenance of every network of every planned experiment and fold."""
        return sorted({path for name, run in self._runs_with_networks() for path in self.networks_of_run(name, run)})

    def networks_of_fold(self, wildcards) -> list[str]:
        """Provenance of the networks of one fold of an experiment, wherever they are trained."""
        return self.networks_of_run(wildcards.experiment, self._run(wildcards))

    def losses(self) -> list[str]:
        """Loss curves of every fold of every planned experiment with networks."""
        experiments = self.configuration.experiments
        return [
            f"results/{name}/{folder_of(run, experiments[name])}/losses.png" for name, run in self._runs_with_networks()
        ]

    def folds(self) -> list[int]:
        """Folds that some experiment runs."""
        return sorted({fold for each in self.configuration.studied.values() for fold in each.folds.run})

    def of_fold(self, fold: int) -> list[str]:
        """Scores of every method in one fold of each experiment that runs it, and the loss curves of its networks."""
        experiments = self.configuration.studied
        scores = [
            f"results/{name}/{folder_of(run, experiment)}/metrics/{method}.parquet"
            for name, experiment in experiments.items()
            for run in runs_of(experiment)
            if run.fold == fold and experiment.folds.test
            for method in experiment.methods
        ]
        folders = {folder_of(run, each) for each in experiments.values() for run in runs_of(each) if run.fold == fold}
        return scores + [picture for picture in self.losses() if Path(picture).parent.name in folders]

    # --- inside

    def _folders_handed_over(self, wildcards) -> dict[tuple[int, str], str]:
        """Folders of the networks of an experiment's methods, by fold and network; those of the first seed."""
        experiment = self._experiment(wildcards)
        methods = [self.configuration.planned_method(name) for name in experiment.methods]
        names = sorted({network for method in methods for network in method.networks.values()})
        place = wildcards.experiment
        return {
            (fold, name): self._network_folder(place, Run(fold, experiment.seeds[0]), name)
            for fold in experiment.folds.run
            for name in names
        }

    def _runs_with_networks(self) -> list[tuple[str, Run]]:
        """Planned experiments with networks, and their runs."""
        planned = self.configuration.studied
        with_networks = [name for name in planned if self.configuration.networks_of(name)]
        return [(name, run) for name in with_networks for run in runs_of(planned[name])]


def _loaded_by_name() -> list[str]:
    """Modules of all samplers and architectures of networks."""
    files = [path for room in ("samplers", "networks") for path in sorted((PACKAGE / room).glob("[a-z]*.py"))]
    return [f"mrsi_sr.{path.parent.name}.{path.stem}" for path in files]
