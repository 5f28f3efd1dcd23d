"""Calibration of one method in one fold, from samples to tables: the work of calibrate.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mrsi_sr.calibration import conformal
from mrsi_sr.calibration.clinic import readings
from mrsi_sr.calibration.ensembles import Ensemble, ensembles_of
from mrsi_sr.calibration.maps import RAW, RESCALED, metrics_of, rows_of
from mrsi_sr.calibration.rescaling import spread_factor
from mrsi_sr.calibration.tissue import tissues_of
from mrsi_sr.calibration.voxels import participant_score, standardised_errors
from mrsi_sr.cli import UserError, progress
from mrsi_sr.evaluation.fold import check_sampled, lpips_of
from mrsi_sr.evaluation.lpips_index import LpipsIndex, weights_file
from mrsi_sr.evaluation.samples import Samples, check_complete, check_metrics, check_sampled_from, sample_files
from mrsi_sr.results.outputs import check_replaced
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.scan.slices import ParticipantSlices, files_of
from mrsi_sr.settings.calibration import MAY_DIFFER, Intervals
from mrsi_sr.settings.protocol import REGIONS

MAPS, SCORES, INTERVALS = "maps.parquet", "scores.csv", "intervals.csv"
TEST, VALIDATION = "test", "validation"
VOXELS = "voxels"  # quantity of the voxelwise intervals


@dataclass(frozen=True)
class Sampled:
    """Samples of one part of a fold: the participants' files and true slices, and the record of the samples."""

    part: str
    samples: Mapping[str, Path]
    slices: Mapping[str, Path]
    record: dict

    def ensembles(self, participant: str) -> tuple[list[Ensemble], ParticipantSlices]:
        """Ensembles and true slices of a participant. Raises UserError for samples that are not complete."""
        samples, truth = Samples.load(self.samples[participant]), ParticipantSlices.load(self.slices[participant])
        check_complete(samples, truth, self.record)
        return list(ensembles_of(samples, truth, self.record["protocol"])), truth


def calibrate_fold(
    folder: Path, validation: Path | None, *, method: str, fold: int, seed: int, protocol: str, experiment: str,
    slices: Sequence[str], metrics: Sequence[str], lpips_weights: Path | None, settings: Intervals, out: Path,
    code: dict[str, str],
) -> None:  # fmt: skip
    """Calibrate a method on the validation participants of a fold, and score it on the test participants.

    folder, validation: samples of the test and of the validation participants, of equal settings; without the latter
    spreads are not rescaled and there are no intervals. out: folder to write with MAPS (rows of maps.rows_of, raw and
    rescaled), SCORES (conformal scores of every participant), INTERVALS (of the test participants) and provenance.
    Raises UserError for samples that do not fit together, and for a level that the validation participants do not
    support.
    """
    check_metrics(metrics)
    folders = [folder, *([validation] if validation else [])]
    check_replaced(out, [*folders, *slices, *([lpips_weights] if lpips_weights else [])])
    test = _sampled(TEST, folder, slices, protocol=protocol, fold=fold, method=method)
    held_out = None if validation is None else _sampled(VALIDATION, validation, slices, protocol=protocol, fold=fold)
    if held_out is not None:
        _check_counterpart(test, held_out, validation)
        conformal.check_levels(settings.levels, len(held_out.samples), f"calibration of {method}, fold {fold}: levels")
    index = LpipsIndex.read(lpips_weights)
    weights = {name: weights_file(lpips_weights, name) for name in metrics if name in index.sha256}
    parts = [each for each in (held_out, test) if each is not None]
    inputs = [path for each in parts for path in (*each.samples.values(), *each.slices.values())]
    facts = {
        "protocol": protocol,
        "metrics": list(metrics),
        "lpips_weights": {name: index.sha256[name] for name in weights},
    }
    provenance = Provenance(settings.plain() | facts, [*inputs, *weights.values()], code=code)
    factors = {} if held_out is None else _factors(held_out, settings)
    found = [_measured(each, factors, settings, REGIONS[protocol][0], lpips_of(weights)) for each in parts]
    maps, scores, inside = (pd.concat(each, ignore_index=True) for each in zip(*found, strict=True))
    intervals = _intervals(scores, inside, settings)
    identity = {"method": method, "fold": fold, "seed": seed}
    first = ParticipantSlices.load(next(iter(test.slices.values())))
    with provenance.folder(
        out, **identity, protocol=protocol, experiment=experiment, unit=first.unit, frame=first.maps.shape[-1],
        factors={str(size): factor for size, factor in factors.items()}, members=test.record["settings"]["samples"],
        participants={each.part: list(each.samples) for each in parts}, sampling_settings=test.record["settings"],
        networks=test.record["networks"], sampling_device=test.record["device"], nfe=test.record["nfe"],
        seconds_per_slice=test.record["seconds_per_slice"],
    ) as new:  # fmt: skip
        maps.assign(**identity).to_parquet(new / MAPS, index=False)
        scores.assign(**identity).to_csv(new / SCORES, index=False, float_format="%.8g")
        intervals.assign(**identity).to_csv(new / INTERVALS, index=False, float_format="%.8g")


def _sampled(part: str, folder: Path, slices: Sequence[str], **asked: str | int) -> Sampled:
    """Samples in a folder. Raises UserError where they are of something else than asked for, or of other slices."""
    samples, record = sample_files(folder)
    check_sampled(record, folder, **asked)
    truths = files_of(list(samples), slices)
    check_sampled_from(record, folder, truths.values())
    return Sampled(part, samples, truths, record)


def _check_counterpart(test: Sampled, held_out: Sampled, folder: Path) -> None:
    """Raise UserError unless the validation samples are of equal settings, networks and sizes, and of others."""
    both = sorted(set(test.samples) & set(held_out.samples))
    if both:
        raise UserError(
            f"{folder} has samples of {', '.join(both)}, who is a test participant\n"
            "  an interval is calibrated on other participants than it is tried on: give samples of `part: validation`"
        )
    for name in ("settings", "networks", "sizes"):
        one, other = test.record[name], held_out.record[name]
        if name == "settings":
            one, other = ({key: value for key, value in each.items() if key not in MAY_DIFFER} for each in (one, other))
        if one != other:
            raise UserError(
                f"the samples of the validation participants in {folder} were made with other {name} than those of the"
                f" test participants: {other}, expected {one}\n  sample both with equal settings but for the part"
            )


def _factors(held_out: Sampled, settings: Intervals) -> dict[int, float]:
    """Factor of the spread at each low-resolution size."""
    pairs: dict[int, list] = {}
    for participant in progress(list(held_out.samples), "reading validation participants"):
        for each in held_out.ensembles(participant)[0]:
            if each.valid.any():
                pair = each.members[:, each.valid], each.truth[each.valid]
                pairs.setdefault(each.size, []).append(pair)
    levels = [level / 100 for level in settings.levels]
    return {size: spread_factor(pairs[size], levels) for size in sorted(pairs)}


def _measured(
    sampled: Sampled, factors: Mapping[int, float], settings: Intervals, region: str, lpips: Mapping[str, Callable]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows of maps, conformal scores, and ascending errors of voxels (column `errors`), of a part's participants."""
    maps, scores, voxels = [], [], []
    for participant in progress(list(sampled.samples), f"calibrating {sampled.part} participants"):
        ensembles, truth = sampled.ensembles(participant)
        ensembles = [each for each in ensembles if each.valid.any()]
        tissues = tissues_of(truth)
        for scaling in (RAW, RESCALED) if factors else (RAW,):
            own = [each.rescaled(factors[each.size] if scaling == RESCALED else 1.0) for each in ensembles]
            for each, metrics in zip(own, metrics_of(own, region, lpips), strict=True):
                masks = {name: of_tissue[each.row] & each.valid for name, of_tissue in tissues.items()}
                whole, *of_tissues = rows_of(each, masks, settings.levels, scaling)
                maps += [whole | metrics, *of_tissues]
        who = {"participant": participant, "part": sampled.part}
        for size, errors in standardised_errors(ensembles).items():
            score = participant_score(errors, settings.voxels)
            scores.append(who | {"quantity": VOXELS, "metabolite": "", "size": size, "score": score})
            voxels.append(who | {"size": size, "errors": errors})
        scores += [who | vars(each) | {"score": each.score} for each in readings(ensembles, truth, settings.hotspot)]
    columns = ["participant", "part", "quantity", "metabolite", "size", "truth", "estimate", "scale", "score"]
    return pd.DataFrame(maps).assign(part=sampled.part), pd.DataFrame(scores, columns=columns), pd.DataFrame(voxels)


def _intervals(scores: pd.DataFrame, voxels: pd.DataFrame, settings: Intervals) -> pd.DataFrame:
    """Conformal intervals of the test participants, one row per quantity, metabolite, size and level.

    calibrated_on: number of validation participants with that quantity. factor: bound of their scores, infinite where
    they do not support the level. low, high: interval; a volume's begins at 0 at least. inside: whether it holds what
    it promises: the true value or, of voxels, the share `voxels`, which is in the column share.
    """
    errors = {(row.participant, row.size): row.errors for row in voxels.itertuples() if row.part == TEST}
    rows = []
    held_out = scores[scores.part == VALIDATION].groupby(["quantity", "metabolite", "size"]).score
    known = {key: group.to_numpy() for key, group in held_out}
    for row in scores[scores.part == TEST].itertuples(index=False):
        calibration = known.get((row.quantity, row.metabolite, row.size), [])
        for level in settings.levels if known else []:
            factor = conformal.bound(calibration, level)
            low, high = row.estimate - factor * row.scale, row.estimate + factor * row.scale
            own = {"level": level, "calibrated_on": len(calibration), "factor": factor, "low": low, "high": high}
            if row.quantity == VOXELS:
                own["share"] = float((errors[row.participant, row.size] <= factor).mean())
            own["inside"] = bool(row.score <= factor)
            rows.append(row._asdict() | own)
    added = ["level", "calibrated_on", "factor", "low", "high", "share", "inside"]
    return pd.DataFrame(rows, columns=[*scores.columns, *added]).assign(
        low=lambda table: table.low.where(table.quantity != "hotspot_volume", table.low.clip(lower=0))
    )
