"""Files of a training: the checkpoint of an interrupted run; weights, losses and record of a finished one."""

import csv
import json
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mrsi_sr.cli import UserError, log
from mrsi_sr.results.files import remove_stale, writing
from mrsi_sr.results.outputs import RECORD, check_whole
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.results.reading import check_is_file, read_json, reading, shaped

Writing = Callable[[Path], AbstractContextManager[Path]]  # files.writing, or that of an Ownership


class Checkpoint:
    """File that an interrupted run resumes from, removed when its results are complete.

    It is no declared output of the workflow, which deletes those before it tries again. Only a run with the same
    fingerprint (settings, fold, seed, data, code) resumes from it.
    """

    def __init__(self, path: Path, fingerprint: str, writing: Writing = writing, provenance: Provenance | None = None):
        """provenance: of the run; what it has used (time, memory, energy) is kept with the run's state."""
        self.path, self.fingerprint, self.writing = path, fingerprint, writing
        self._provenance = provenance or Provenance({}, code={})

    @classmethod
    def of(cls, folder: Path, fingerprint: str, writing: Writing, provenance: Provenance) -> "Checkpoint":
        """Checkpoint of a run in a network's folder. Of other runs' the newest is kept, as they may be resumed."""
        checkpoint = cls(folder / f"checkpoint-{fingerprint}", fingerprint, writing, provenance)
        others = [file for file in folder.glob("checkpoint-*") if file != checkpoint.path]
        others.sort(key=lambda file: file.stat().st_mtime)
        for file in others[:-1]:
            file.unlink()
        for file in others[-1:]:
            log.warning("%s is of other settings, fold, seed, data or code: it is kept for those, and not used", file)
        return checkpoint

    def load(self, device: torch.device) -> dict | None:
        """State of the run, None where there is none to resume; the log says why."""
        if not self.path.exists():
            return None
        try:
            _check_crc(self.path)
            state = torch.load(self.path, map_location=device, weights_only=True)
        except Exception as error:  # whatever torch's reader trips over: only a damaged or foreign file gets here
            log.warning("the checkpoint %s cannot be read (%r): training starts anew", self.path, error)
            return None
        if not isinstance(state, dict) or state.get("fingerprint") != self.fingerprint:
            log.warning(
                "the checkpoint %s belongs to other settings, fold, seed, data or code: training starts anew", self.path
            )
            return None
        with reading(self.path, "the checkpoint of this training", "delete it, and run the same again"):
            self._provenance.resume(state["used"])
        return state.get("run")

    def save(self, run: dict) -> None:
        """Write the state of the run in place of the one before, which stays where this raises OSError."""
        with self.writing(self.path) as temporary, temporary.open("wb") as file:
            try:
                torch.save({"fingerprint": self.fingerprint, "used": self._provenance.used(), "run": run}, file)
            except RuntimeError as error:  # torch's own, which hides the system's: of a full disk, for one
                raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None

    def remove(self) -> None:
        """Delete the checkpoint and what runs killed while writing it left behind."""
        self.path.unlink(missing_ok=True)
        remove_stale(self.path)


def _check_crc(path: Path) -> None:
    """Raise an error for a damaged checkpoint: torch, whose files are ZIP archives, does not look at their CRCs."""
    check_is_file(path)
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise ValueError(f"{damaged} in it is damaged")


@dataclass(frozen=True)
class Weights:
    """Weights of a trained network on the CPU, and their origin.

    settings: of the network. fold, protocol, sizes, metabolites, low_resolution (masked or filled): of the data that it
    was trained on. scale_factors: ScaleFactors.plain() of that data; None in protocol 'paper'. iteration: after which.
    fingerprint: of the run that trained it; empty where none did.
    """

    __pydantic_config__: ClassVar = {"arbitrary_types_allowed": True, "extra": "forbid"}  # where a file is read

    tensors: dict[str, Tensor]
    settings: dict
    fold: int
    protocol: str
    sizes: list[int]
    metabolites: list[str]
    scale_factors: list[list[float]] | None
    iteration: int
    fingerprint: str = ""
    low_resolution: str = "masked"

    def save(self, path: str | Path, writing: Writing = writing) -> None:
        """Write a safetensors file whose metadata are enough to rebuild the network."""
        facts = {name: value for name, value in vars(self).items() if name != "tensors"}
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.tensors.items()}
        with writing(path) as temporary:
            # Not by save_file: its errors of a full disk are no OSError.
            temporary.write_bytes(save(tensors, metadata={"mrsi_sr": json.dumps(facts, sort_keys=True)}))

    @classmethod
    def load(cls, path: str | Path) -> "Weights":
        """Read a file that `save` wrote. Raises UserError when there is none, or it is damaged or another."""
        if not Path(path).exists():
            raise UserError(f"no weights at {path}\n  train the network first: workflow/scripts/train.py")
        with reading(
            path, "weights of a network", "expected a file that train.py wrote: run it again", SafetensorError
        ):
            check_whole(path)
            with safe_open(path, framework="pt") as file:
                facts = json.loads((file.metadata() or {}).get("mrsi_sr", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return shaped(cls, {**facts, "tensors": tensors})

    def load_into(self, network: nn.Module, path: str | Path) -> None:
        """Put the weights into a network. Raises UserError when they are of another architecture."""
        try:
            network.load_state_dict(self.tensors)
        except RuntimeError as error:
            raise UserError(f"the weights {path} do not fit the network of their settings: {error}") from error


class Results:
    """Files of a finished training: losses.csv, training.json (its record), best and last.safetensors.

    The last weights are removed first and written last: where they carry a run's fingerprint, all files are that run's
    and whole. What differs between two equal runs (seconds, device) is in the record alone, so that the weights of
    equal runs are equal files.
    """

    NAMES = ("losses.csv", "training.json", "best.safetensors", "last.safetensors")

    def __init__(self, folder: Path, fingerprint: str, writing: Writing = writing):
        self.folder, self.fingerprint, self.writing = folder, fingerprint, writing

    def record(self) -> dict | None:
        """Record of the training in the folder, None where its files are incomplete or of another fingerprint."""
        if not all((self.folder / name).exists() for name in self.NAMES):
            return None
        try:
            weights = [Weights.load(self.folder / name) for name in self.NAMES if name.endswith(".safetensors")]
            if any(each.fingerprint != self.fingerprint for each in weights):
                return None
            check_whole(self.folder / "losses.csv")
            check_whole(self.folder / "training.json")
            record = read_json(self.folder / "training.json", "a record of a training", "")
        except UserError as error:
            log.warning("%s\n  the network is trained again", error)
            return None
        log.info("%s already contains this trained network; skipping", self.folder)
        return record

    def save(self, trained, record: dict, settings: dict, identity: dict) -> None:
        """Write losses, record and weights of a trained network.

        trained: the TrainingResult. settings: of the network. identity: fold, protocol, sizes, metabolites,
        low_resolution and scale_factors.
        """
        for name in (RECORD, "last.safetensors"):
            (self.folder / name).unlink(missing_ok=True)
        with self.writing(self.folder / "losses.csv") as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(trained.losses[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(trained.losses)
        with self.writing(self.folder / "training.json") as temporary:
            temporary.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
        facts = {"settings": settings, **identity, "fingerprint": self.fingerprint}
        for kind, iteration in (("best", trained.best_iteration), ("last", trained.iterations)):
            weights = Weights(getattr(trained, kind), iteration=iteration, **facts)
            weights.save(self.folder / f"{kind}.safetensors", self.writing)
