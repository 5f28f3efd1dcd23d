"""Networks handed over to other sites: weights of an experiment and what they were trained on, in one folder.

No participant is named in the folder: of them it has numbers and distributions alone.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shutil import copyfile

from mrsi_sr import __version__
from mrsi_sr.cli import UserError
from mrsi_sr.maps import folds
from mrsi_sr.results.checkpoint import Weights
from mrsi_sr.results.files import checksum
from mrsi_sr.results.outputs import RECORD, check_replaced, check_whole, read_record
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.results.reading import read_csv, reading
from mrsi_sr.sampling.handed_over import CARD, CONTENT, check_for_scans
from mrsi_sr.scan.characteristics import characteristics_of_slices, distribution
from mrsi_sr.scan.slices import ParticipantSlices, participant_of
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.settings.hand_over import FORMAT, HandedNetworks, HandOverSettings, Participants, Training, file_of
from mrsi_sr.settings.network import network_settings

TO_DO = "train the network again: train.py"


def hand_over(
    settings: HandOverSettings, *, networks: Mapping[tuple[str, int], Path], scans: Sequence[Path], table: Path,
    card: Callable[[HandedNetworks], str], code: dict[str, str], out: Path,
) -> None:  # fmt: skip
    """Write a folder of networks with their description, a model card and a record.

    networks: folder of each network's training by its name and fold. scans: folders of the participants' results, with
    slices.npz and volumes/. table: file of the folds. card: text of the model card. code: of code.code_of.
    Raises UserError for networks that are missing, unfinished or of other data than the settings say, and for those of
    protocol 'paper'.
    """
    check_for_scans(settings.protocol, f"the experiment {settings.experiment}")
    check_replaced(out, [*networks.values(), *scans, table])
    sources = _sources(settings, networks)
    weights = {name: Weights.load(path) for name, path in sources.items()}
    _check_alike(settings, weights, sources)
    facts = _facts(settings, weights, networks, scans, table)
    provenance = Provenance(settings.plain(), code=code)
    provenance.add(sources.values())
    # By their names in the folder: paths of a site, and a command with a list of scans, are not for other sites.
    at_home = {str(path): name for name, path in sources.items()}
    renamed = {
        key: {at_home[path]: value for path, value in getattr(provenance, of).items()}
        for key, of in (("inputs_sha256", "inputs"), ("made_from", "made_from"))
    }
    with provenance.folder(out, command=["--settings", settings.as_json()], **renamed) as temporary:
        for name, path in sources.items():
            (temporary / name).parent.mkdir(exist_ok=True)
            copyfile(path, temporary / name)
        files = {name: checksum(temporary / name) for name in sources}
        content = HandedNetworks.checked({**settings.plain(), **facts, "files": files})
        (temporary / CONTENT).write_text(json.dumps(content.plain(), indent=1, sort_keys=True) + "\n")
        (temporary / CARD).write_text(card(content))


def _sources(settings: HandOverSettings, networks: Mapping[tuple[str, int], Path]) -> dict[str, Path]:
    """Files of weights that the methods use, by their name in the folder."""
    found = {}
    for name, method in settings.methods.items():
        for fold in settings.folds:
            for role, network in method.networks.items():
                if (network, fold) not in networks:
                    raise UserError(f"--networks lacks {fold}/{network}, the {role} of the method {name}")
                kind = method.weights_of(role)
                found[file_of(fold, network, kind)] = networks[network, fold] / f"{kind}.safetensors"
    if not found:
        raise UserError(f"no method of {settings.experiment} has a network: there is nothing to hand over")
    return dict(sorted(found.items()))


def _settings_of(settings: HandOverSettings, network: str, fold: str) -> dict | None:
    """All settings of a network in a fold, with defaults for what is left out; None where there are none."""
    given = settings.networks.get(network, {}).get(fold)
    return None if given is None else network_settings(given, f"networks.{network}.{fold}").plain()


def _check_alike(settings: HandOverSettings, weights: Mapping[str, Weights], sources: Mapping[str, Path]) -> None:
    """Raise UserError unless all weights are of the data and the settings that the folder will tell of."""
    metabolites = next(iter(weights.values())).metabolites
    for name, each in weights.items():
        fold, network = name.split(".")[0].removeprefix("fold-").split("/")
        told = {
            "protocol": settings.protocol, "low_resolution": settings.low_resolution, "fold": int(fold),
            "metabolites": metabolites, "settings": _settings_of(settings, network, fold),
        }  # fmt: skip
        for key, value in told.items():
            if getattr(each, key) != value:
                raise UserError(
                    f"{sources[name]} was trained with {key} {json.dumps(getattr(each, key))}, but the settings say"
                    f" {json.dumps(value)}\n  {TO_DO}"
                )


def _facts(
    settings: HandOverSettings, weights: Mapping[str, Weights], networks: Mapping[tuple[str, int], Path],
    scans: Sequence[Path], table: Path,
) -> dict:  # fmt: skip
    """What networks.json says beside the settings."""
    used = sorted({network for method in settings.methods.values() for network in method.networks.values()})
    records = {key: read_record(folder / RECORD) for key, folder in networks.items()}
    training: dict[str, dict] = {}
    for name in used:
        training[name] = {
            str(fold): _training(networks[name, fold], records[name, fold]).plain() for fold in settings.folds
        }
    rows = folds.read(table)
    parts = {
        fold: {part: folds.participants_of(rows, fold, part) for part in ("train", "validation")}
        for fold in settings.folds
    }
    trained = sorted({name for each in parts.values() for name in each["train"]})
    seen, first = _seen(trained, scans)
    participants = {}
    for fold, each in parts.items():
        maps = {records[name, fold].get("maps", {}).get("train") for name in used}
        counts = {part: len(names) for part, names in each.items()}
        participants[str(fold)] = Participants.checked(counts | {"maps": max(maps)}).plain()
    return {
        "format": FORMAT, "version": __version__, "metabolites": next(iter(weights.values())).metabolites,
        "unit": first.unit, "frame": first.maps.shape[-1], "voxel_mm": seen["voxel_mm"], "participants": participants,
        "training": training, "seen": seen,
    }  # fmt: skip


def _training(folder: Path, record: dict) -> Training:
    """Length, cost and validation losses of a training, from its folder."""
    path, what = folder / "losses.csv", "losses of a training"
    check_whole(path)
    rows = read_csv(path, ("iteration", "part", "loss"), what, TO_DO)
    with reading(path, what, TO_DO):
        losses = [float(row["loss"]) for _, row in rows if row["part"] == "validation"]
        validation = {"best": min(losses), "last": losses[-1]}
    with reading(folder / RECORD, "the record of a training", TO_DO):
        given = {key: record[key] for key in ("parameters", "iterations", "device")}
        return Training.checked(given | {"seconds": record["training_seconds"], "validation_loss": validation})


def _seen(participants: Sequence[str], scans: Sequence[Path]) -> tuple[dict, ParticipantSlices]:
    """Distribution of the characteristics of these participants' slices, and the slices of one of them."""
    found = {participant_of(folder / "slices.npz"): folder for folder in scans}
    each, slices, flair = [], None, False
    for name in participants:
        if name not in found:
            raise UserError(f"no folder of {name}, who was trained on, among --scans")
        slices = ParticipantSlices.load(found[name] / "slices.npz")
        volumes = Volumes.load(found[name] / "volumes", slices.metabolites)
        each.append(characteristics_of_slices(volumes, slices))
        flair |= bool(slices.flair.any())
    return {**distribution(each), "flair": flair}, slices
