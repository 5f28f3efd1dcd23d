"""Laws of what is scored: every map of every participant of the fold once, from the slices it is scored against."""

import io
import json

import evaluated
import numpy as np
import pytest
from damage import flip, rewrite

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.fold import score_fold
from mrsi_sr.evaluation.records import read_samples_record, read_scores_record
from mrsi_sr.report.agreement import read_records


@pytest.fixture
def cohort(tmp_path):
    return evaluated.write(tmp_path / "cohort")


def score(cohort, out, method="munet", fold=1, slices=None):
    score_fold(
        cohort["samples"][method, 1], method=method, fold=fold, seed=1, protocol="clean", experiment="demo",
        slices=slices or cohort["slices"], metrics=["nrmse"], lpips_weights=None, out=out / "munet.parquet",
        record=out / "munet.provenance.json", code={},
    )  # fmt: skip
    return out / "munet.parquet", out / "munet.provenance.json"


def change(path, to) -> None:
    """Write a file of samples again with other arrays."""
    with np.load(path) as file:
        arrays = to(dict(file))
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    rewrite(path, content.getvalue())


def rows(take):
    return lambda arrays: {name: array[take] for name, array in arrays.items()}


def refused(message, cohort, out, **changes):
    with pytest.raises(UserError, match=message):
        score(cohort, out, **changes)
    assert not out.exists()


def describe(slices, quality=5):
    """Write the record of a file of slices, as slices.py would."""
    content = {"settings": {"max_slices": 9}, "quality": quality and {"min_snr": quality}, "code": {}, "made_from": {}}
    slices.with_suffix(".provenance.json").write_text(json.dumps(content))


@pytest.mark.parametrize("quality", ["no record", None])
@pytest.mark.parametrize("unknown", [0, 1])
def test_slices_without_a_record_are_scored_beside_slices_that_have_one(unknown, quality, cohort, tmp_path):
    """The record of slices, or of a mask, that were changed by hand is deleted; those of the others are compared."""
    for number, path in enumerate(cohort["slices"]):
        if number != unknown:
            describe(path)
        elif quality is None:
            describe(path, quality=None)
    _, record = score(cohort, tmp_path / "out")
    assert read_scores_record(record)["cohort"] == {"slices": {"max_slices": 9}, "quality": {"min_snr": 5}}
    describe(cohort["slices"][2], quality=3)
    refused(f"the slices of sub-1{1 - unknown} and sub-12 were made with different settings", cohort, tmp_path / "two")


@pytest.mark.parametrize(
    ("to", "message"),
    [
        (rows(slice(6)), "6 maps of sub-11 are missing"),
        (rows(slice(1, None)), "1 maps of sub-11 are missing .*\n  slice 10, tCr, size 4, sample 0"),
        (rows(slice(0)), "12 maps of sub-11 are missing"),
        (rows([*range(12), 3]), "1 maps of sub-11 are there more than once"),
        (lambda arrays: arrays | {"sample": arrays["sample"] + 1}, "12 maps of sub-11 are missing"),
        (lambda arrays: arrays | {"size": np.full(12, 4)}, "6 maps of sub-11 are missing"),
        (lambda arrays: arrays | {"size": arrays["size"][:-1]}, "its arrays differ in length"),
    ],
)
def test_every_map_of_a_participant_is_scored_once_or_nothing_is(to, message, cohort, tmp_path):
    folder = cohort["samples"]["munet", 1]
    change(folder / "sub-11.npz", to)
    evaluated.record(folder)
    refused(message, cohort, tmp_path / "out")


def test_samples_that_are_not_of_their_record_are_refused(cohort, tmp_path):
    folder, out = cohort["samples"]["munet", 1], tmp_path / "out"
    change(folder / "sub-11.npz", lambda arrays: arrays | {"maps": arrays["maps"] + 1e-3})
    refused(r"sub-11\.npz is damaged, or was changed", cohort, out)
    (folder / "sub-11.npz").rename(folder / "sub-99.npz")
    refused(r"has samples of sub-10, sub-12, sub-99, its provenance names sub-10, sub-11, sub-12", cohort, out)
    (folder / "sub-99.npz").unlink()
    refused("has samples of sub-10, sub-12, its provenance names", cohort, out)
    evaluated.record(folder, participants=["sub-10", "sub-12", "sub-12"])
    refused("its provenance names sub-10, sub-12, sub-12", cohort, out)
    evaluated.record(folder, participants=["../sub-10", "sub-12"])
    refused("has the name '../sub-10'", cohort, out)


def test_samples_of_another_fold_are_refused(cohort, tmp_path):
    refused("samples of fold '1', asked for is '2'", cohort, tmp_path / "out", fold=2)


def test_samples_are_scored_against_the_slices_that_they_were_made_from(cohort, tmp_path):
    change(cohort["slices"][1], lambda arrays: arrays | {"maps": 1.01 * arrays["maps"]})
    refused(r"were not made from .*sub-11\.slices\.npz, or that has changed", cohort, tmp_path / "out")


def test_a_settings_number_of_repetitions_is_expected_of_every_map(cohort, tmp_path):
    folder = cohort["samples"]["munet", 1]
    evaluated.record(folder, settings=evaluated.SETTINGS["munet"] | {"samples": 2})
    refused("12 maps of sub-10 are missing", cohort, tmp_path / "out")


@pytest.mark.parametrize("position", np.linspace(0.02, 0.98, 7))
def test_a_flipped_bit_of_the_scores_is_no_other_score(position, cohort, tmp_path):
    metrics, record = score(cohort, tmp_path / "out")
    assert read_records([record], [metrics])[0]["method"] == "munet"
    flip(metrics, position)
    with pytest.raises(UserError, match="describes none of the metrics files given"):
        read_records([record], [metrics])


SHAPES = [
    ("sizes", [8, "x"]), ("participants", "sub-1"), ("settings", {}), ("settings", []), ("inputs_sha256", ["x"]),
    ("nfe", "many"), ("nfe", float("nan")), ("networks", {}), ("sampler", "munet"), ("fold", 0), ("outputs_sha256", 1),
    ("device", None), ("training", [1]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), SHAPES)
def test_a_record_of_another_shape_is_no_record_of_samples(key, value, cohort):
    path = cohort["samples"]["munet", 1] / "provenance.json"
    assert read_samples_record(path)["method"] == "munet"
    evaluated.record(path.parent, **({} if key == "outputs_sha256" else {key: value}))
    if key == "outputs_sha256":
        path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(UserError, match=f"cannot be read as a record of samples: {key}"):
        read_samples_record(path)


@pytest.mark.parametrize(
    "key", ["seed", "settings", "sampling_settings", "networks", "frame", "made_from", "seconds_per_slice"]
)
def test_a_record_of_scores_lacks_nothing(key, cohort, tmp_path):
    _, record = score(cohort, tmp_path / "out")
    content = json.loads(record.read_text())
    del content[key]
    record.write_text(json.dumps(content))
    with pytest.raises(UserError, match=f"cannot be read as a record of scores: {key}: Field required"):
        read_scores_record(record)
