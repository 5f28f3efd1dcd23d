"""Laws of trust: a scan like those seen is trusted, one that is moved in a single characteristic is warned about it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import super_resolved

from mrsi_sr.new_scan.scan import ScanFiles, prepare
from mrsi_sr.new_scan.target import TargetGrid
from mrsi_sr.new_scan.trust import WARNING, characteristics_of, judge, warned
from mrsi_sr.scan.characteristics import distribution
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.settings.cohort import QualitySettings

SIZES = list(range(8, 33, 2))


def judged(scan, seen, **changes):
    return judge(scan, seen, **{"sizes": SIZES, "reads_mri": True} | changes)


def warnings_of(trust) -> list[str]:
    return [line.name for line in trust.lines if line.warns]


def with_volumes(scan, **volumes):
    return replace(scan, volumes=Volumes(**vars(scan.volumes) | volumes))


def times(kind: str, metabolite: str | None = None):
    """Change of a scan: a volume multiplied by a factor."""

    def change(scan, factor: float):
        volume = getattr(scan.volumes, kind)
        changed = volume | {metabolite: volume[metabolite] * factor} if metabolite else volume * factor
        return with_volumes(scan, **{kind: changed})

    return change


def holes(scan, factor: float):
    """Change of a scan: a part of tCho's fits is rejected that grows with the factor."""
    valid = scan.measurement.valid.copy()
    valid[:, 1] &= np.random.default_rng(1).random(valid[:, 1].shape) > 0.08 * factor
    return replace(scan, measurement=replace(scan.measurement, valid=valid))


def edges(axes, unit: float):
    """Change of a scan: its voxels are larger along these axes, and its target grid with them."""

    def change(scan, factor: float):
        affine = scan.target.acquired_affine.copy()
        affine[:3, axes] *= unit * factor
        x, y = scan.target.x.acquired, scan.target.y.acquired
        return replace(scan, target=TargetGrid.of((x, y, 3), affine, 3.4, 64))

    return change


MOVES = {
    "tCho/tCr": times("concentration", "tCho"),
    "%SD of NAA": times("sd", "NAA"),
    "FWHM": times("fwhm"),
    "S/N": lambda scan, factor: times("snr")(scan, 1 / factor),
    "holes in tCho": holes,
    "target voxel in plane": edges([0, 1], 1.0),
    "slice thickness": edges([2], 1.2),
}


def test_a_scan_like_those_seen_scores_high_and_warns_of_nothing(scan):
    for seed in range(5):
        trust = judged(scan, super_resolved.seen(scan, seed=seed))
        assert trust.score > 0.8
        assert not warnings_of(trust)
        assert trust.grade.startswith("like")


@pytest.mark.parametrize("name", MOVES)
def test_a_scan_that_is_moved_in_one_characteristic_is_warned_about_that_one_alone(name, scan, seen):
    trust = judged(MOVES[name](scan, 3.0), seen)
    assert warnings_of(trust) == [name]
    assert trust.score < WARNING
    assert trust.grade.startswith("unlike")


@pytest.mark.parametrize("name", MOVES)
def test_the_score_falls_with_the_distance(name, scan, seen):
    scores = [judged(MOVES[name](scan, factor), seen).score for factor in (1.0, 1.5, 2.0, 3.0, 4.0)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[2] > scores[4]


def test_the_range_of_few_scans_is_trusted_less(scan, seen):
    moved = times("concentration", "tCho")(scan, 1.6)
    scores = [judged(moved, seen | {"scans": scans}).score for scans in (1, 3, 20, 1000)]
    assert scores == sorted(scores, reverse=True) and scores[1] > 0.5 > scores[2]


def test_a_lower_level_against_the_reference_counts_as_a_higher_one(scan, seen):
    trust = judged(times("concentration", "tCho")(scan, 0.3), seen)
    assert warnings_of(trust) == ["tCho/tCr"]
    assert "lower than was seen" in next(line.words for line in trust.lines if line.warns)


def test_better_than_seen_is_never_outside(scan, seen):
    better = with_volumes(
        scan, snr=10 * scan.volumes.snr, fwhm=scan.volumes.fwhm / 3,
        sd={name: volume / 4 for name, volume in scan.volumes.sd.items()},
    )  # fmt: skip
    assert judged(better, seen).score == judged(scan, seen).score


def test_a_unit_that_all_metabolites_share_is_no_difference(scan, seen):
    louder = with_volumes(scan, concentration={name: 50 * each for name, each in scan.volumes.concentration.items()})
    assert judged(louder, seen).score == judged(scan, seen).score


def test_flair_is_missed_by_a_method_that_reads_it_and_by_no_other(scan, seen):
    without = replace(scan, flair=None)
    assert warnings_of(judged(without, seen)) == ["T1 and FLAIR"]
    assert judged(without, seen).score == 0
    trust = judged(without, seen, reads_mri=False)
    assert not warnings_of(trust)
    assert "FLAIR is missing; the method does not read MRI" in trust.lines[0].words


@pytest.mark.parametrize(("sizes", "words"), [([24, 32], "coarser"), ([4, 6, 8], "finer")])
def test_an_upscaling_factor_that_was_not_learned_is_named(sizes, words, scan, seen):
    trust = judged(scan, seen, sizes=sizes)
    assert warnings_of(trust) == ["upscaling factor"]
    assert words in next(line.words for line in trust.lines if line.warns)


def test_what_cannot_be_compared_has_no_score_and_says_so(scan, seen):
    blind = with_volumes(scan, snr=np.full_like(scan.volumes.snr, np.nan))
    trust = judged(blind, seen | {"fwhm_ppm": None})
    by_name = {line.name: line for line in trust.lines}
    assert by_name["S/N"].score is None and "the scan has no value" in by_name["S/N"].words
    assert by_name["FWHM"].score is None and "no range" in by_name["FWHM"].words
    assert trust.score > 0.8


def test_warnings_reach_the_result_and_a_factor_is_not_named_twice(scan, result, seen):
    trust = judged(MOVES["S/N"](scan, 3.0), seen, sizes=[24, 32])
    assert [words.split(":")[0] for words in warned(result, trust).warnings] == ["Upscaling factor", "S/N"]
    told = replace(result, warnings=["an upscaling factor of 4.00"])
    assert [words.split(":")[0] for words in warned(told, trust).warnings] == ["an upscaling factor of 4.00", "S/N"]
    of_files = replace(result, warnings=["sform and qform disagree"])
    assert [words.split(":")[0] for words in warned(of_files, trust).warnings][1:] == ["Upscaling factor", "S/N"]


METABOLITES = ("tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly")


def phantom(run_script, folder, number: int, settings: dict):
    """A phantom of four slices, simulated and read as a scan is."""
    flags = [
        "--participant",
        f"sub-{number}",
        "--seed",
        number,
        "--settings",
        json.dumps({"slices": [19, 22]} | settings),
    ]
    read = ["--lcmodel", folder / "made/lcmodel", "--pattern", "multivoxel", "--metabolites", ",".join(METABOLITES)]
    for script, given, out in (("simulate", flags, "made"), ("ingest", read, "volumes")):
        reference = ["--reference", folder / "made/reference.nii.gz"] if script == "ingest" else []
        done = run_script(script, *given, *reference, "--out", folder / out)
        assert done.returncode == 0, done.stderr
    images = ScanFiles(*(folder / "made" / f"{name}.nii.gz" for name in ("t1", "flair", "brain_mask")))
    return prepare(
        f"sub-{number}", Volumes.load(folder / "volumes", METABOLITES), images, QualitySettings.of(),
        metabolites=METABOLITES, unit="mM", voxel_mm=3.4, frame=64,
    )  # fmt: skip


@pytest.mark.slow
def test_phantoms_at_low_resolution_raise_no_alarm_against_others_at_full_resolution(run_script, tmp_path):
    """Two of four at 16x16 against the other three, one of them with a large lesion."""
    full = [characteristics_of(phantom(run_script, tmp_path / f"full-{n}", n, {})) for n in range(1, 5)]
    for left_out in (0, 2):
        low = phantom(run_script, tmp_path / f"low-{left_out}", left_out + 1, {"acquired": [16, 16]})
        trust = judged(low, distribution([each for n, each in enumerate(full) if n != left_out]))
        assert not warnings_of(trust), [line.words for line in trust.lines if line.warns]
