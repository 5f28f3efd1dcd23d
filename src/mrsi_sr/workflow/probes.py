"""Plan of the probes: files and parameters of the rules that plant lesions, and that make tables of what was found."""

from typing import TYPE_CHECKING

from mrsi_sr.settings.base import as_json
from mrsi_sr.settings.probe import Probe, Reading
from mrsi_sr.workflow.runs import runs_of, text_of

if TYPE_CHECKING:
    from mrsi_sr.workflow.experiments import ExperimentPlan

FINDINGS = "results/{experiment}/fold-{fold}/probes/{probe}/{method}"
TABLE = "results/{experiment}/probes/{probe}.csv"


class Probes:
    """Files and parameters of probe and probe_table. Methods take Snakemake's wildcards."""

    def __init__(self, plan: "ExperimentPlan"):
        self._plan, self._configuration = plan, plan.configuration

    def settings(self, wildcards) -> str:
        """What is planted and erased."""
        return self._probe(wildcards).settings.as_json()

    def sizes(self, wildcards) -> str:
        """Low-resolution sizes that are probed."""
        experiment = self._configuration.experiment(wildcards.experiment)
        return ",".join(map(str, sorted(self._probe(wildcards).sizes or experiment.evaluate_sizes)))

    def jobs(self, wildcards) -> list[dict[str, str]]:
        """Wildcards of the probes of a table: each method in each fold and seed."""
        experiment = self._configuration.experiment(wildcards.experiment)
        place = {"experiment": wildcards.experiment, "probe": wildcards.probe}
        return [
            place | {"fold": text_of(run, experiment), "method": method}
            for method in self._methods(wildcards)
            for run in runs_of(experiment)
        ]

    def folders(self, wildcards) -> list[str]:
        """Folders of the findings of a table."""
        return [FINDINGS.format(**job) for job in self.jobs(wildcards)]

    def findings(self, wildcards) -> list[str]:
        """Provenance of these."""
        return [f"{folder}/provenance.json" for folder in self.folders(wildcards)]

    def table_settings(self, wildcards) -> str:
        """Settings of a table and its figures, and what their captions say of where the findings come from."""
        experiment, cohort = self._configuration.experiment(wildcards.experiment), self._configuration.cohort
        probe, methods = self._probe(wildcards), self._methods(wildcards)
        return as_json(
            {key: getattr(probe, key) for key in Reading.model_fields}
            | {
                "methods": methods,
                "labels": {name: self._configuration.label(name) for name in methods},
                "experiment": wildcards.experiment,
                "cohort": cohort.name,
                "phantom": cohort.simulate is not None,
                "unit": cohort.unit,
                "protocol": experiment.protocol,
                "folds": experiment.folds.run,
                "folds_in_all": experiment.folds.number,
                "seeds": experiment.seeds,
            }
        )

    def tables(self) -> list[str]:
        """Table of each probe of the planned experiments."""
        studied = self._configuration.studied.items()
        return [TABLE.format(experiment=name, probe=probe) for name, each in studied for probe in each.probes]

    def _methods(self, wildcards) -> list[str]:
        return self._probe(wildcards).methods or self._configuration.experiment(wildcards.experiment).methods

    def _probe(self, wildcards) -> Probe:
        return self._configuration.experiment(wildcards.experiment).probes[wildcards.probe]
