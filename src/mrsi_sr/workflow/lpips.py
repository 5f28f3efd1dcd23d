"""Plan of the LPIPS weights: files and parameters of the rule that makes them, and which experiments use them."""

import shlex

from mrsi_sr.settings.lpips import ARCHIVE_SHA256, LPIPS
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.scan_files import Contents

INDEX = "results/lpips/weights.json"


class LpipsPlan:
    """Files and parameters of the LPIPS weights. Methods take Snakemake's wildcards."""

    def __init__(self, configuration: Configuration, contents: Contents):
        self._configuration, self._settings, self._contents = configuration, configuration.lpips, contents

    def index(self, wildcards) -> list[str]:
        """Index of the weights, where an experiment has an LPIPS metric and the configuration its weights."""
        metrics = self._configuration.experiment(wildcards.experiment).metrics
        return [INDEX] if self._settings and set(LPIPS) & set(metrics) else []

    def sources(self, wildcards=None) -> list[str]:
        """Files that the weights are made from; none where the archive is downloaded."""
        if self._settings is None or self._settings.download:
            return []
        files = self._settings.files.values()
        return [path for each in files for path in (each.backbone, each.linear)] or [self._settings.archive]

    def flags(self, wildcards) -> str:
        """Flags of lpips_weights.py that name the source of the weights, whose content alone decides them."""
        settings = self._settings
        if settings is None:
            return ""
        if not settings.files:
            return "--download" if settings.download else f"--archive={shlex.quote(settings.archive)}"
        return " ".join(
            f"--{kind} {metric}={shlex.quote(getattr(files, kind))}"
            for metric, files in settings.files.items()
            for kind in ("backbone", "linear")
        )

    def content(self, wildcards) -> list[str]:
        """What decides the weights: checksums of their files, and of a download that of the archive that it will be.

        So an archive in place of its download changes no lineage.
        """
        return [self._contents.of(path) for path in self.sources()] or [ARCHIVE_SHA256]
