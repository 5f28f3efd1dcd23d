"""Index of a folder of LPIPS weights: which metrics have weights in it, or why they have none.

The folder has METRIC.safetensors for each of them, and the index, weights.json, which evaluations depend on: it has no
date and no path, and is the same however often equal weights are made.
"""

import json
from pathlib import Path

from pydantic import BaseModel

from mrsi_sr.evaluation.lpips_networks import BACKBONES
from mrsi_sr.results.outputs import check_whole
from mrsi_sr.results.reading import read_json, reading, shaped

NAME = "weights.json"
WHAT, TO_DO = "an index of LPIPS weights", "run lpips_weights.py again"
NOT_CONFIGURED = "the configuration has no section lpips"


class LpipsIndex(BaseModel):
    """Metrics with weights in a folder.

    sha256: of the weights of each metric that has some. reason: why others have none, in words.
    """

    sha256: dict[str, str]
    reason: str

    @classmethod
    def read(cls, path: str | Path | None) -> "LpipsIndex":
        """The index in a file; without a file, one without weights. Raises UserError for any other file."""
        if path is None:
            return cls(sha256={}, reason=NOT_CONFIGURED)
        content = read_json(path, WHAT, TO_DO)
        with reading(path, WHAT, TO_DO):
            check_whole(path)
            index = shaped(cls, content)
            if unknown := sorted(set(index.sha256) - set(BACKBONES)):
                raise ValueError(f"it names weights of {', '.join(unknown)}, expected {', '.join(BACKBONES)}")
        return index

    def write(self, folder: Path) -> None:
        """Write weights.json in a folder."""
        (folder / NAME).write_text(json.dumps(self.model_dump(), indent=2, sort_keys=True) + "\n")


def weights_file(index: str | Path, metric: str) -> Path:
    """File of a metric's weights, beside the index."""
    return Path(index).with_name(f"{metric}.safetensors")
