"""Plan of the calibrations: files and parameters of the rules that calibrate ensembles, and report on them."""

from itertools import product

from mrsi_sr.settings.base import as_json
from mrsi_sr.settings.calibration import Calibration, Intervals
from mrsi_sr.settings.experiment import ExperimentSettings
from mrsi_sr.workflow.reports import SAMPLES, Place, ReportPlan
from mrsi_sr.workflow.runs import runs_of

CALIBRATION = "results/{experiment}/fold-{fold}/calibration/{method}"
REPORT = "results/{experiment}/calibration/provenance.json"


class CalibrationPlan(ReportPlan):
    """Files and parameters of calibrations. Methods that depend on a job take Snakemake's wildcards."""

    def calibration_samples(self, wildcards) -> list[str]:
        """Provenance of the samples that a method is calibrated with: of test, and of validation participants."""
        return [f"{SAMPLES.format(**place)}/provenance.json" for place in self.calibrated_with(wildcards)]

    def calibrated_with(self, wildcards) -> list[Place]:
        """Wildcards of these samplings."""
        place = {"experiment": wildcards.experiment, "fold": wildcards.fold}
        counterpart = self._calibration(wildcards).methods[wildcards.method]
        return [place | {"method": name} for name in (wildcards.method, counterpart) if name is not None]

    def calibration_flags(self, wildcards) -> str:
        """Flags of the folders of samples."""
        folders = [SAMPLES.format(**place) for place in self.calibrated_with(wildcards)]
        return " ".join(
            f"{flag} {folder}" for flag, folder in zip(("--samples", "--validation"), folders, strict=False)
        )

    def intervals(self, wildcards) -> str:
        """Settings of a calibration's intervals, without what is reported and compared."""
        calibration = self._calibration(wildcards)
        return as_json({key: getattr(calibration, key) for key in Intervals.model_fields})

    def calibration_settings(self, wildcards) -> str:
        """Settings of a report on calibrations, and what its captions say of where the numbers come from."""
        calibration, experiment = self._calibration(wildcards), self._experiment(wildcards)
        origin = self._origin(wildcards) | {"unit": self.cohort.unit, "seeds": experiment.seeds}
        return as_json(calibration.plain() | origin | {"labels": self._labels(list(calibration.methods), {})})

    def calibrated(self, wildcards) -> list[Place]:
        """Wildcards of the calibrations of an experiment, of all methods and runs."""
        return self._places(wildcards, list(self._calibration(wildcards).methods), runs_of(self._experiment(wildcards)))

    def calibration_records(self, wildcards) -> list[str]:
        return [f"{CALIBRATION.format(**place)}/provenance.json" for place in self.calibrated(wildcards)]

    def calibration_folders(self, wildcards) -> list[str]:
        return [CALIBRATION.format(**place) for place in self.calibrated(wildcards)]

    def calibrations(self) -> list[str]:
        """Provenance of the reports on the calibrations of the planned experiments."""
        studied = sorted(self.configuration.studied.items())
        return [REPORT.format(experiment=name) for name, experiment in studied if experiment.calibration]

    def _check_experiment(self, name: str, experiment: ExperimentSettings) -> None:
        """As ExperimentPlan has it; and refuse levels that the validation participants of a fold do not support."""
        super()._check_experiment(name, experiment)
        if experiment.calibration is None:
            return
        from mrsi_sr.calibration.conformal import check_levels  # late: every job reads the plan, and needs no numpy

        rows = self.divided(name)
        for fold, counterpart in product(experiment.folds.run, filter(None, experiment.calibration.methods.values())):
            number = sum((row.fold, row.part) == (fold, "validation") for row in rows)
            asked = self.configuration.method(counterpart).subset.participants
            where = f"experiments.{name}.calibration.levels (fold {fold}, {counterpart})"
            check_levels(experiment.calibration.levels, min(number, asked or number), where)

    def _calibration(self, wildcards) -> Calibration:
        return self._experiment(wildcards).calibration
