"""Plan of the new scans: files and parameters of the rule that super-resolves them."""

from collections.abc import Iterator
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.lcmodel import map_names
from mrsi_sr.results.names import bids_label
from mrsi_sr.results.outputs import RECORD
from mrsi_sr.settings.errors import check_known
from mrsi_sr.workflow import participants
from mrsi_sr.workflow.cohort import check_flags, flags, is_simulated, phantom_of, phantom_record, raw_scan_flags
from mrsi_sr.workflow.configuration import Configuration

FOLDER, PAGE = Path("results/scans"), "index.html"
CHECKS = Path("results/checks")
HAND_OVER = "results/{experiment}/hand_over"
IMAGES = ("t1", "flair", "brain_mask", "lesion")  # columns of images that the script reads


class NewScans:
    """Files and parameters of super_resolve, by the rows of the table of scans. Methods take Snakemake's wildcards."""

    def __init__(self, configuration: Configuration, rows: list[dict[str, str]]):
        """rows: of the table of scans; none where the configuration has no section `scans`."""
        self.settings, self.configuration = configuration.scans, configuration
        self.rows = {row["participant"]: row for row in participants.included(rows)}
        labels: dict[str, str] = {}
        for name in self.rows:
            other = labels.setdefault(bids_label(name), name)
            if other != name:
                raise UserError(f"{self.settings.table}: {other} and {name} are both called {bids_label(name)} in BIDS")
        self._names = labels
        if self.settings is not None:
            self._check()

    def results(self) -> list[str]:
        """Record of each scan's result."""
        return [f"{FOLDER}/{label}/{RECORD}" for label in self._names]

    def checks(self) -> list[str]:
        """Check of each scan."""
        return [f"{CHECKS}/{label}.json" for label in self._names]

    def jobs(self) -> list[dict[str, str]]:
        """Wildcards of each scan's job."""
        return [{"scan": label} for label in self._names]

    def targets(self) -> list[str]:
        """Record of each scan's result, and the page that links them where there is a scan."""
        return [*self.results(), *([f"{FOLDER}/{PAGE}"] if self._names else [])]

    @property
    def experiment(self) -> str | None:
        """Experiment whose networks are used; None where they were trained elsewhere, or there are no scans."""
        known = self.configuration.experiments
        return self.settings.networks if self.settings and self.settings.networks in known else None

    def networks(self, wildcards) -> str:
        """Record of the networks folder, or the file that describes one from elsewhere."""
        return f"{self.networks_folder(wildcards)}/{RECORD if self.experiment else 'networks.json'}"

    def networks_folder(self, wildcards) -> str:
        return HAND_OVER.format(experiment=self.experiment) if self.experiment else self.settings.networks

    def files(self, wildcards) -> list[str]:
        """Files of a scan: LCModel's folder or archive, or each map by itself, and its images."""
        row = self._row(wildcards)
        read = [
            phantom_record(row[column]) or row[column] for column in ("lcmodel", "reference", *IMAGES) if row[column]
        ]
        if row["maps"]:
            read += [str(Path(row["maps"], name)) for name in map_names.images(row["maps"])] or [row["maps"]]
        return sorted({*read, *self.settings.quality.external_maps(row["participant"]).values()})

    def named(self) -> Iterator[tuple[str, str]]:
        """Files that the table of scans and the section name, with the place of each, but for those of phantoms."""
        if self.settings is None:
            return
        for name, row in self.rows.items():
            paths = {column: row[column] for column in participants.FILES}
            paths |= {f"scans.quality.{k}_map": path for k, path in self.settings.quality.external_maps(name).items()}
            yield from ((f"{name}: {key}", path) for key, path in paths.items() if path and not is_simulated(path))
        if not self.experiment:
            yield "scans.networks:", f"{self.settings.networks}/networks.json"

    def scan_flags(self, wildcards) -> str:
        """Flags that name a scan and its images, and say what is asked of it."""
        row, settings = self._row(wildcards), self.settings
        asked = {
            "name": row["participant"], **{column: row[column] for column in IMAGES},
            "quality": settings.quality.as_json(), "unit": settings.unit, "method": settings.method,
            "raw_mri": settings.mri.as_json() if row["mri"] == participants.RAW else None,
            "samples": settings.samples, "ratios": ",".join(settings.ratios), "seed": settings.seed,
        }  # fmt: skip
        words = flags(raw_scan_flags(row, settings.ingest, None) | asked)
        # Zero is a temperature; what is false or empty is left out of the flags above.
        words += "" if settings.temperature is None else f" --temperature={settings.temperature:g}"
        switches = ("ensemble", "keep_samples", "allow_unlearned_size")
        return " ".join([words, *(f"--{each.replace('_', '-')}" for each in switches if getattr(settings, each))])

    def check_flags(self, wildcards) -> str:
        """Flags of a scan's check, which looks at the cohort's metabolites."""
        cohort = self.configuration.cohort
        unit = self.settings.unit or cohort.unit
        checked = check_flags(self._row(wildcards), self.settings.ingest, ",".join(cohort.metabolites), unit)
        return f"{flags(checked)} --where-there"

    def phantom(self, wildcards) -> list[str]:
        """Name of the phantom that a scan is, if it is one."""
        row = self._row(wildcards)
        return [row["participant"]] if is_simulated(row["lcmodel"]) else []

    def phantom_settings(self, name: str) -> str | None:
        """Settings of a scan that is a phantom, as JSON; None of another name."""
        row = self.rows.get(name)
        if row is None or not is_simulated(row["lcmodel"]):
            return None
        return phantom_of(row, self.settings.simulate, row["pattern"] or self.settings.ingest.pattern)

    def _check(self) -> None:
        """Raise UserError where the experiment lacks the method, or a row and the settings of phantoms do not fit."""
        settings = self.settings
        if self.experiment:
            check_known(settings.method, self.configuration.experiment(self.experiment).methods, "scans.method")
        for name, row in self.rows.items():
            if is_simulated(row["lcmodel"]) and settings.simulate is None:
                raise UserError(
                    f"{settings.table}: {name}: lcmodel is {row['lcmodel']}, a file of a simulated scan\n"
                    "  name your own file, or set scans.simulate (simulate: {acquired: [16, 16]})"
                )

    def _row(self, wildcards) -> dict[str, str]:
        return self.rows[self._names[wildcards.scan]]
