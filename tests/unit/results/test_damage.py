"""Damage of every kind to every kind of file: a result or one message, nothing else, and no pickle is run."""

import csv
import io
import json
import pickle

import evaluated
import numpy as np
import pytest
import shown_content
import tiny_cohort
import torch
from damage import rewrite
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mrsi_sr import networks
from mrsi_sr.cli import UserError
from mrsi_sr.evaluation import scores
from mrsi_sr.evaluation.records import read_samples_record, read_scores_record
from mrsi_sr.evaluation.samples import Samples, evaluate
from mrsi_sr.maps import folds
from mrsi_sr.report.figures import shown
from mrsi_sr.results.checkpoint import Checkpoint, Weights
from mrsi_sr.results.outputs import read_record
from mrsi_sr.results.ownership import Owner
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.results.reading import read_csv
from mrsi_sr.scan import low_resolution
from mrsi_sr.scan.slices import ParticipantSlices, participant_of

TRIES = settings(
    max_examples=40, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
DAMAGE = st.one_of(
    st.tuples(st.just("cut"), st.floats(0, 1), st.just(b"")),
    st.tuples(st.just("flip"), st.floats(0, 1, exclude_max=True), st.integers(0, 7)),
    st.tuples(st.just("overwrite"), st.floats(0, 1), st.binary(min_size=1, max_size=12)),
    st.tuples(st.just("insert"), st.floats(0, 1), st.binary(min_size=1, max_size=12)),
    st.tuples(st.just("instead"), st.just(0.0), st.binary(max_size=40)),
)


def damaged(whole: bytes, how: str, position: float, with_what) -> bytes:
    place = int(position * len(whole))
    match how:
        case "cut":
            return whole[:place]
        case "flip":
            return whole[:place] + bytes([whole[place] ^ 1 << with_what]) + whole[place + 1 :]
        case "overwrite":
            return whole[:place] + with_what + whole[place + len(with_what) :]
        case "insert":
            return whole[:place] + with_what + whole[place:]
    return with_what


class Intruder:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


TRUTH = tiny_cohort.participant("sub-1", 1)
SAMPLES = 6


def write_slices(path):
    TRUTH.save(path)


def write_windows(path):
    tiny_cohort.truncate(TRUTH, path, "clean", [4, 8])


def write_samples(path):
    np.savez_compressed(
        path, maps=TRUTH.maps.reshape(-1, 16, 16) + 1, slice=np.repeat(TRUTH.slices, 2),
        metabolite=np.tile(tiny_cohort.METABOLITES, 3), size=np.full(SAMPLES, 4), sample=np.zeros(SAMPLES, int),
        point=np.full(SAMPLES, ""),
    )  # fmt: skip


def write_shown(path):
    shown.write(
        shown_content.content("qualitative", [shown_content.shown_map(shown_content.shown_slice("sub-1"))]), path
    )


def write_folds(path):
    folds.write([folds.Row(name, 1, part) for name, part in tiny_cohort.PARTS.items()], path)


def write_losses(path):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("iteration", "part", "loss"), (1, "train", 0.5)])


def write_scores(path):
    content = io.BytesIO()
    write_samples(content)
    content.seek(0)
    with np.load(content) as file:
        samples = Samples("x.npz", "sub-1", **file)
    table = evaluate(samples, TRUTH, "clean", ["nrmse", "psnr"], {})
    scores.write(
        table.assign(method="munet", fold=1, seed=1, protocol="clean"), path, protocol="clean", experiment="demo"
    )


def write_weights(path):
    facts = {"fold": 1, "protocol": "clean", "sizes": [4, 8], "metabolites": ["tCr"], "iteration": 4}
    network = networks.build(tiny_cohort.DENOISER)
    Weights(network.state_dict(), tiny_cohort.DENOISER.plain(), scale_factors=None, **facts).save(path)


def write_checkpoint(path):
    Checkpoint(path, "a").save({"network": {"weight": torch.arange(100.0)}, "iteration": 3})


def load_weights(path):
    Weights.load(path).load_into(networks.build(tiny_cohort.DENOISER), path)


SHARED = {"method": "munet", "fold": 1, "inputs_sha256": {}, "outputs_sha256": {}, "nfe": 1, "seconds_per_slice": 0.1,
          "parameters": 5, "training": {}, "networks": {"network": {}}}  # fmt: skip
SAMPLED = SHARED | {
    "protocol": "clean", "sizes": [4], "participants": ["sub-1"], "maps": 6, "sampler": {"kind": "single_pass"},
    "settings": evaluated.SETTINGS["munet"], "device": "cpu",
}  # fmt: skip
SCORED = SHARED | {
    "seed": 1, "settings": {"lpips_weights": {}, "lpips_reason": ""}, "code": {}, "made_from": {}, "frame": 16,
    "sampling_device": "cpu", "sampling_settings": evaluated.SETTINGS["munet"],
}  # fmt: skip

KINDS = {
    "slices": (write_slices, ParticipantSlices.load),
    "participant of slices": (write_slices, participant_of),
    "k-space": (write_windows, lambda path: low_resolution.read(path, TRUTH, "clean", [4, 8])),
    "samples": (write_samples, lambda path: Samples.load(path).maps.sum()),
    "folds": (write_folds, folds.read),
    "losses": (write_losses, lambda path: read_csv(path, ("iteration", "part", "loss"), "losses", "train again")),
    "scores": (write_scores, lambda path: scores.read([path], "clean")),
    "maps of a figure": (write_shown, shown.read),
    "weights": (write_weights, load_weights),
    "checkpoint": (write_checkpoint, lambda path: Checkpoint(path, "a").load(torch.device("cpu"))),
    "record": (lambda path: path.write_text(json.dumps(SAMPLED)), read_record),
    "record of samples": (lambda path: path.write_text(json.dumps(SAMPLED)), read_samples_record),
    "record of scores": (lambda path: path.write_text(json.dumps(SCORED)), read_scores_record),
    "owner": (lambda path: path.write_text('{"token": "a", "host": "b"}'), lambda path: Owner.of(path.parent)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_named(kind, tmp_path):
    write, read = KINDS[kind]
    path = tmp_path / ("owner" if kind == "owner" else "file.npz")
    write(path)
    whole = path.read_bytes()
    read(path)

    @TRIES
    @given(DAMAGE)
    @example(("instead", 0.0, b""))
    @example(("instead", 0.0, b"[" * 100_000))
    @example(("instead", 0.0, pickle.dumps(Intruder(tmp_path / "was-here"), protocol=2)))
    def attempt(damage):
        path.write_bytes(damaged(whole, *damage))
        try:
            read(path)
        except UserError as error:
            assert str(path) in str(error)

    attempt()
    assert not (tmp_path / "was-here").exists()


@pytest.mark.parametrize("kind", ["slices", "k-space", "samples", "scores", "checkpoint"])
@pytest.mark.parametrize("position", np.linspace(0.01, 0.6, 6))
def test_a_flipped_bit_in_an_array_is_never_another_value(kind, position, tmp_path):
    """Also where there is no record to compare with: CRCs are looked at."""
    write, read = KINDS[kind]
    write(tmp_path / "file.npz")
    whole = (tmp_path / "file.npz").read_bytes()
    before = read(tmp_path / "file.npz")
    (tmp_path / "file.npz").write_bytes(damaged(whole, "flip", position, 3))
    try:
        after = read(tmp_path / "file.npz")
    except UserError:
        return
    assert after is None or same(before, after)


def same(before, after) -> bool:
    if isinstance(before, ParticipantSlices):
        before, after = vars(before), vars(after)
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(same(before[key], after[key]) for key in before)
    return np.array_equal(np.asarray(before), np.asarray(after))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2), max_leaves=4,
)  # fmt: skip


@pytest.mark.parametrize(("content", "read"), [(SAMPLED, read_samples_record), (SCORED, read_scores_record)])
def test_a_record_with_any_value_for_a_key_is_read_or_named(content, read, tmp_path):
    path = tmp_path / "provenance.json"

    @TRIES
    @given(st.sampled_from(sorted(content)), JSON)
    def attempt(key, value):
        path.write_text(json.dumps(content | {key: value}))
        try:
            record = read(path)
        except UserError as error:
            assert str(path) in str(error)
        else:
            assert record["networks"].keys() >= set((record.get("sampling_settings") or record["settings"])["networks"])

    attempt()


@pytest.mark.parametrize("name", ["maps", "valid", "t1", "slices", "metabolites", "participant", "affine"])
def test_slices_of_other_arrays_are_read_or_named(name, tmp_path):
    shapes = st.lists(st.integers(0, 3), max_size=4)
    types = st.sampled_from(["<f4", "<f8", "<i2", "?", "<U3", "<c8", "<M8[s]", "u1"])

    @TRIES
    @given(shapes, types)
    def attempt(shape, kind):
        np.savez(tmp_path / "x.npz", **vars(TRUTH) | {name: np.zeros(shape, kind)})
        try:
            slices = ParticipantSlices.load(tmp_path / "x.npz")
        except UserError as error:
            assert "x.npz" in str(error)
        else:
            assert slices.maps.shape == TRUTH.maps.shape and slices.valid.dtype == bool

    attempt()


@pytest.mark.parametrize("kind", ["slices", "k-space", "samples", "folds", "scores", "weights"])
def test_what_reads_a_file_compares_it_with_its_record(kind, tmp_path):
    """Also where the file can be read all the same."""
    write, read = KINDS[kind]
    path = tmp_path / "file.npz"
    with Provenance({}, code={}).beside(path):
        write(path)
    read(path)
    rewrite(path, path.read_bytes() + b"\n")
    with pytest.raises(UserError, match=r"file\.npz is damaged, or was changed"):
        read(path)
