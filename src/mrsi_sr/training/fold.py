"""Training of one network on one fold, from files to files: the work of train.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from mrsi_sr import training
from mrsi_sr.cli import UserError, log
from mrsi_sr.kspace import check_sizes
from mrsi_sr.maps import folds
from mrsi_sr.maps.dataset import MapsOnDevice
from mrsi_sr.maps.scale import ScaleFactors
from mrsi_sr.results.checkpoint import Checkpoint, Results
from mrsi_sr.results.outputs import RECORD, check_made_from, check_outputs
from mrsi_sr.results.ownership import Ownership
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.scan.slices import SlicesInFiles, files_of
from mrsi_sr.settings.errors import listed
from mrsi_sr.settings.network import NetworkSettings, check_metabolites, check_needed, reads_neighbours
from mrsi_sr.training.loop import TrainingResult, train
from mrsi_sr.training.trained import check_same_scale, load_network


@dataclass(frozen=True)
class FoldMaps:
    """Maps of a fold on the device, and the files that they come from, by part (train, validation) and participant.

    files: slices. scans: refitted low-resolution scans, none where low-resolution maps are made of the slices' own.
    """

    files: dict[str, dict[str, Path]]
    scans: dict[str, dict[str, Path]]
    maps: dict[str, MapsOnDevice]

    @classmethod
    def read(
        cls, slices: Sequence[Path], table: Path, fold: int, protocol: str, low_resolution: str, sizes: Sequence[int],
        device: torch.device, neighbours: bool, refitted: Sequence[Path] = (),
    ) -> "FoldMaps":  # fmt: skip
        """Read the fold's participants from the table of folds, and their maps from their files of slices.

        neighbours: whether conditions have the slices below and above. refitted: files of refitted scans, at least
        those of these participants, where low_resolution is that.
        """
        rows, files, scans = folds.read(table), {}, {}
        for part in ("train", "validation"):
            files[part] = files_of(folds.participants_of(rows, fold, part), slices)
            if not files[part]:
                raise UserError(f"fold {fold} of {table} has no {part} participants")
        maps: dict[str, MapsOnDevice] = {}
        for part, paths in files.items():
            scans[part] = _scans_of(paths, refitted) if low_resolution == "refitted" else {}
            factors = maps["train"].factors if maps else None
            maps[part] = MapsOnDevice(
                SlicesInFiles(list(paths.values())),
                protocol,
                sizes,
                device,
                factors,
                low_resolution,
                neighbours,
                scans[part],
            )
        log.info("fold %d: %d maps to train on, %d to validate on", fold, *map(len, maps.values()))
        return cls(files, scans, maps)

    @property
    def paths(self) -> list[Path]:
        """All files."""
        parts = [*self.files.values(), *self.scans.values()]
        return [path for paths in parts for path in paths.values()]


def train_fold(
    settings: NetworkSettings, *, slices: Sequence[Path], table: Path, fold: int, protocol: str, sizes: Sequence[int],
    needs: Mapping[str, Path], needed: Mapping[str, NetworkSettings], seed: int, checkpoint_every: int, out: Path,
    device: torch.device, low_resolution: str = "masked", refitted: Sequence[Path] = (),
) -> None:  # fmt: skip
    """Train a network on a fold, and write its weights, losses and provenance to the folder `out`.

    slices: files of slices, at least those of the fold's participants. table: file of the folds. sizes: low-resolution
    sizes to train on, unless the settings have their own. needs, needed: weights and settings, by role, of the networks
    that the training needs. low_resolution: maps that low-resolution ones are made of, see MapsOnDevice; refitted:
    files of refitted scans, where these are used. A training that `out` has a checkpoint of is resumed; where it is
    complete, its provenance alone is written.
    Raises UserError for files and settings that do not fit together, and as `loop.train` does.
    """
    check_outputs([out], [*slices, *refitted, table, *needs.values()])
    _check_refitted(low_resolution, refitted, protocol)
    _check_needed(settings, needs, needed)
    sizes = sorted(settings.sizes or sizes)
    check_sizes(sizes)
    provenance = Provenance(settings.plain(), code=training.code(settings, needed.values(), low_resolution))
    neighbours = any(map(reads_neighbours, (settings, *needed.values())))
    data = FoldMaps.read(slices, table, fold, protocol, low_resolution, sizes, device, neighbours, refitted)
    metabolites = data.maps["train"].metabolites
    check_metabolites(settings, metabolites)
    identity = {
        "fold": fold, "protocol": protocol, "low_resolution": low_resolution, "sizes": sizes,
        "metabolites": metabolites,
    }  # fmt: skip
    factors = data.maps["train"].factors
    networks = {
        role: _load_needed(role, path, needed[role], device, factors, **identity) for role, path in needs.items()
    }
    provenance.add([*data.paths, *needs.values()])
    facts = {"seed": seed, "participants": {part: list(files) for part, files in data.files.items()}, **identity}
    identity["scale_factors"] = factors and factors.plain()
    with Ownership(out) as ownership:
        results = Results(out, provenance.fingerprint(**facts), ownership.output)
        checkpoint = Checkpoint.of(out, results.fingerprint, ownership.writing, provenance)
        record = results.record()
        if record is None:
            result = train(
                settings, data.maps["train"], data.maps["validation"], seed=seed, needed=networks, device=device,
                checkpoint=checkpoint, checkpoint_every=checkpoint_every, tell=ownership.tell,
            )  # fmt: skip
            record = _record(result, device) | provenance.circumstances()
            ownership.check()
            results.save(result, record, settings.plain(), identity)
        ownership.check()
        checkpoint.remove()
        counts = {part: len(maps) for part, maps in data.maps.items()}
        provenance.write(out / RECORD, ownership.checksums(results.NAMES), maps=counts, **facts | identity, **record)


def _scans_of(slices: Mapping[str, Path], refitted: Sequence[Path]) -> dict[str, Path]:
    """Files of refitted scans of the participants with these files of slices, from which they must be made."""
    scans = files_of(list(slices), refitted)
    for participant, path in scans.items():
        check_made_from(path, slices[participant])
    return scans


def _check_refitted(low_resolution: str, refitted: Sequence[Path], protocol: str) -> None:
    """Raise UserError unless files of refitted scans are given where they are used, in protocol clean."""
    if (low_resolution == "refitted") != bool(refitted):
        raise UserError(
            f"--low-resolution is {low_resolution}, and {len(refitted)} files of --refitted are given\n"
            "  expected files of truncate.py --refitted with --low-resolution refitted, and none without"
        )
    if refitted and protocol == "paper":
        raise UserError("--low-resolution refitted with --protocol paper\n  expected --protocol clean")


def _check_needed(
    settings: NetworkSettings, weights: Mapping[str, Path], needed: Mapping[str, NetworkSettings]
) -> None:
    """Raise UserError unless the weights and settings are those of the networks that the training needs."""
    for flag, roles in (("--needs", weights), ("--needs-settings", needed)):
        if set(roles) != set(settings.needs):
            raise UserError(f"{flag} names the roles {listed(roles)}, but the settings need {listed(settings.needs)}")
    for role, network in needed.items():
        check_needed(role, settings, network, f"--needs-settings.{role}")


def _load_needed(
    role: str, path: Path, settings: NetworkSettings, device: torch.device, factors: ScaleFactors | None, *,
    metabolites: list[str], **identity,
) -> nn.Module:  # fmt: skip
    """A network that the training needs. Raises UserError where it was trained on other data."""
    loaded = load_network(role, path, settings, device=device, **identity)
    if loaded.metabolites != metabolites:
        raise UserError(
            f"{path} was trained on {listed(loaded.metabolites)}, but the slices have {listed(metabolites)}"
        )
    check_same_scale({"the network to train": factors, str(path): loaded.factors})
    return loaded.network


def _record(result: TrainingResult, device: torch.device) -> dict:
    """Facts of a training for its provenance, beside its circumstances."""
    return {
        "iterations": result.iterations,
        "best_iteration": result.best_iteration,
        "parameters": result.parameters,
        "training_seconds": round(result.seconds, 2),
        "trained_on": device.type,
    }
