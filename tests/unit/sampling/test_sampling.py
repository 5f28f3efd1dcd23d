"""Laws of sampling: each map has its own noise, comes from the measurement alone, and comes back in its own unit."""

import dataclasses
import io
import json
from itertools import chain, repeat

import numpy as np
import pytest
import torch
from damage import flipped, rewrite
from tiny_cohort import FRAME, METABOLITES, MUNET, participant, truncate, write
from tiny_methods import CPU, SAMPLERS, method_of, sample, weights_file

from mrsi_sr import networks, samplers
from mrsi_sr.cli import UserError
from mrsi_sr.maps.measured import Measurements
from mrsi_sr.maps.scale import ScaleFactors
from mrsi_sr.results.outputs import MARK
from mrsi_sr.results.ownership import Ownership
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.sampling import fold as sampling
from mrsi_sr.sampling.method import Method
from mrsi_sr.sampling.participant import MapNoise, sample_participant
from mrsi_sr.settings.method import MethodSettings

pytestmark = pytest.mark.usefixtures("one_thread")


def test_noise_of_a_map_is_the_same_in_any_batch():
    keys = [(1, "sub-1", 10, "tCr", size, 0) for size in range(8, 22, 2)]
    together = MapNoise(keys)
    alone = [MapNoise([key]) for key in keys]
    for _ in range(3):
        drawn = together(torch.zeros(7, 1, 5, 5))
        assert torch.equal(drawn, torch.cat([each(torch.zeros(1, 1, 5, 5)) for each in alone]))


def test_noise_differs_between_maps_samples_and_seeds():
    keys = [(1, "sub-1", 10, "tCr", 8, 0), (2, "sub-1", 10, "tCr", 8, 0), (1, "sub-2", 10, "tCr", 8, 0),
            (1, "sub-1", 11, "tCr", 8, 0), (1, "sub-1", 10, "NAA", 8, 0), (1, "sub-1", 10, "tCr", 16, 0),
            (1, "sub-1", 10, "tCr", 8, 1)]  # fmt: skip
    drawn = MapNoise(keys)(torch.zeros(len(keys), 1, 4, 4))
    assert len({tuple(each.flatten().tolist()) for each in drawn}) == len(keys)


@pytest.mark.parametrize("name", SAMPLERS)
def test_batches_of_one_and_of_seven_give_the_same_maps(name, tmp_path):
    one = sample(method_of(name, tmp_path, batch_size=1, samples=2), tmp_path)
    seven = sample(method_of(name, tmp_path, batch_size=7, samples=2), tmp_path)
    highest = np.abs(one["maps"]).max()
    assert highest > 0
    # The last step of a four-step chain divides by its signal, 0.03, and rounding with it.
    assert np.abs(one["maps"] - seven["maps"]).max() <= 1e-4 * highest
    for key in ("slice", "metabolite", "size", "sample"):
        assert np.array_equal(one[key], seven[key])


def test_repeated_samples_differ_where_the_sampler_draws(tmp_path):
    arrays = sample(method_of("ddpm", tmp_path, samples=3), tmp_path)
    assert arrays["sample"].tolist() == [0, 1, 2] * (len(arrays["sample"]) // 3)
    assert not np.allclose(arrays["maps"][0], arrays["maps"][1])


def test_every_map_size_and_sample_is_there_once(tmp_path):
    arrays = sample(method_of("zero_filled", tmp_path, samples=2), tmp_path)
    rows = list(zip(*(arrays[key].tolist() for key in ("slice", "metabolite", "size", "sample")), strict=True))
    assert rows == [(k, m, n, s) for k in (10, 11, 12) for m in METABOLITES for n in (4, 8) for s in (0, 1)]


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_clean_protocol_never_looks_at_the_truth(name, tmp_path):
    method = method_of(name, tmp_path)
    slices = participant("sub-1", 1)
    other = dataclasses.replace(slices, maps=np.where(slices.valid, 7 * slices.maps[::-1] + 1, 0).astype(np.float32))
    assert np.array_equal(sample(method, tmp_path)["maps"], sample(method, tmp_path, slices=other)["maps"])


@pytest.mark.parametrize("protocol", ["clean", "paper"])
def test_maps_come_back_in_their_own_unit(protocol, tmp_path):
    """At the full matrix but one line nothing is lost, so that zero-filling returns nearly the map itself."""
    slices = participant("sub-1", 1)
    path = truncate(slices, tmp_path / "low.npz", protocol, [16])
    measured = Measurements(path, slices, protocol, [16])
    arrays, cost = sample_participant(method_of("zero_filled", tmp_path, protocol), slices, measured, protocol, [16])
    truth = slices.maps.reshape(-1, 16, 16)
    error = np.linalg.norm(arrays["maps"] - truth) / np.linalg.norm(truth)
    assert error < (1e-5 if protocol == "paper" else 0.1)
    assert cost["nfe"] == 0 and cost["maps"] == 6 and cost["seconds"] > 0


def test_paper_clips_to_the_own_maximum_and_clean_does_not(tmp_path):
    highest = participant("sub-1", 1).maps.max(axis=(2, 3)).reshape(-1, 1).repeat(2, 1).ravel()
    for protocol in ("paper", "clean"):
        method = method_of("ddpm", tmp_path, protocol)
        maps = sample(method, tmp_path, protocol)["maps"]
        inside = (maps >= 0).all() and (maps.max(axis=(1, 2)) <= highest * (1 + 1e-6)).all()
        assert inside == (protocol == "paper")


def test_nfe_and_parameters_are_those_of_the_method(tmp_path):
    for name, nfe in (("zero_filled", 0), ("munet", 1), ("ddpm", 4)):
        method = method_of(name, tmp_path)
        roles = SAMPLERS[name][1].values()
        assert method.parameters == sum(networks.count_parameters(networks.build(each)) for each in roles)
        slices = participant("sub-1", 1)
        path = truncate(slices, tmp_path / "low.npz", "clean", [8])
        measured = Measurements(path, slices, "clean", [8])
        assert sample_participant(method, slices, measured, "clean", [8])[1]["nfe"] == nfe


def test_nfe_is_that_of_the_map_with_the_most(tmp_path, monkeypatch):
    evaluations = chain([3, 5], repeat(2))
    monkeypatch.setattr(
        samplers, "sampler_of", lambda kind: lambda networks, given, noise: (given.low_resolution, next(evaluations))
    )
    slices = participant("sub-1", 1)
    measured = Measurements(truncate(slices, tmp_path / "low.npz", "clean", [8]), slices, "clean", [8])
    method = method_of("zero_filled", tmp_path, batch_size=1)
    assert sample_participant(method, slices, measured, "clean", [8])[1]["nfe"] == 5


def test_a_network_of_two_roles_counts_once(tmp_path):
    path, roles = weights_file(tmp_path, MUNET), ("size_4", "size_8")
    known = {"fold": 1, "protocol": "clean", "sizes": [4, 8], "device": CPU, "batch_size": 64}
    counted = [
        Method(
            "single", MethodSettings.of(sampler={"kind": "single_pass"}, networks=dict(zip(roles, names, strict=True))),
            dict.fromkeys(roles, MUNET), dict.fromkeys(roles, path), **known,
        ).parameters
        for names in (("one", "one"), ("one", "other"))
    ]  # fmt: skip
    assert counted[1] == 2 * counted[0] > 0


def test_samples_carry_the_seconds_that_the_training_of_each_network_took(tmp_path):
    paths = write(tmp_path / "cohort")
    settings = MethodSettings.of(sampler={"kind": "single_pass"}, networks={"network": "munet"})

    def training(out) -> dict:
        sampling.sample_fold(
            "munet", settings, networks={"network": MUNET}, weights={"network": weights_file(tmp_path, MUNET)},
            slices=paths["slices"], low_resolution=paths["low_resolution"], table=paths["folds"], fold=1,
            protocol="clean", sizes=[4, 8], batch_size=64, out=out, device=CPU,
        )  # fmt: skip
        return json.loads((out / "provenance.json").read_text())["training"]

    assert training(tmp_path / "unknown") == {"munet": {"seconds": None, "device": None, "run": {}}}
    run = {"seconds": 99, "processor_seconds": 150, "energy_joules": 5e4, "energy_note": ""}
    run["peak_memory_mb"] = {"host": 900.0, "gpu": 4000.0, "gpu_reserved": 5000.0}
    (tmp_path / "provenance.json").write_text(json.dumps({"training_seconds": 12.5, "device": "a GPU"} | run))
    expected = {"munet": {"seconds": 12.5, "device": "a GPU", "run": run | {"gpu": True}}}
    assert training(tmp_path / "known") == expected


def test_a_measurement_that_does_not_belong_is_refused(tmp_path):
    slices = participant("sub-1", 1)
    path = truncate(slices, tmp_path / "low.npz", "clean", [4, 8])
    with pytest.raises(UserError, match="has no low-resolution size 6\n  it has 4, 8"):
        Measurements(path, slices, "clean", [4, 6])
    with pytest.raises(UserError, match="was truncated by protocol clean, but this run is paper"):
        Measurements(path, slices, "paper", [4])
    with pytest.raises(UserError, match=r"has other slices than slices\.npz"):
        Measurements(path, dataclasses.replace(slices, slices=slices.slices + 1), "clean", [4])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fold": 2}, "was trained on fold 2, but fold 1 is to be used"),
        ({"protocol": "paper"}, "was trained on protocol paper, but protocol clean is to be used"),
        (
            {"settings": MUNET | {"learning_rate": 1.0}},
            "other settings: learning_rate: 1.0 there, 0.01 here",
        ),
        ({"scale_factors": None}, "lacks scale factors of tCr, tCho"),
        ({"scale_factors": [[1.0, 1.0], [1.0]]}, "lacks scale factors of tCr, tCho"),
        ({"scale_factors": [[1.0, 0.0]] * 8}, "lacks scale factors of tCr, tCho"),
    ],
)
def test_weights_of_another_training_are_refused(changes, message, tmp_path):
    settings = changes.pop("settings", MUNET)
    path = weights_file(tmp_path, settings, **changes)
    method = MethodSettings.of(sampler={"kind": "single_pass"}, networks={"network": "munet"})
    known = {"fold": 1, "protocol": "clean", "sizes": [4], "device": CPU, "batch_size": 64}
    with pytest.raises(UserError, match=message):
        Method("munet", method, {"network": MUNET}, {"network": path}, **known)


def test_other_metabolites_than_trained_on_are_refused(tmp_path):
    slices = dataclasses.replace(participant("sub-1", 1), metabolites=("NAA", "Gly"))
    path = truncate(slices, tmp_path / "low.npz", "clean", [4])
    method = method_of("munet", tmp_path)
    with pytest.raises(UserError, match="sub-1 has the metabolites NAA, Gly, but the weights of network"):
        sample_participant(method, slices, Measurements(path, slices, "clean", [4]), "clean", [4])


def one_value_of_another(whole: bytes) -> bytes:
    with np.load(io.BytesIO(whole)) as file:
        arrays = dict(file)
    arrays["maps"][0, 3, 3] += 1
    changed = io.BytesIO()
    np.savez_compressed(changed, **arrays)
    return changed.getvalue()


def test_maps_of_another_frame_than_trained_on_are_refused(tmp_path):
    """A low-resolution size of 4 is another resolution in a larger frame."""
    slices = participant("sub-1", 1, frame=32)
    path = truncate(slices, tmp_path / "low.npz", "clean", [4])
    with pytest.raises(UserError, match="sub-1 has maps of 32x32 voxels, but the weights were trained on 16x16"):
        sample_participant(method_of("munet", tmp_path), slices, Measurements(path, slices, "clean", [4]), "clean", [4])


def test_the_factors_of_the_weights_scale_what_a_network_meets(tmp_path):
    """The map itself, passed through, comes back in its own unit, whatever the factors are."""
    slices, seen = participant("sub-1", 1), []
    path = truncate(slices, tmp_path / "low.npz", "clean", [8])
    table = [[1.0, 3.0]] * (FRAME // 2)
    method = method_of("munet", tmp_path)
    method.factors = ScaleFactors(torch.tensor(table))
    method.networks["network"] = lambda condition: seen.append(condition) or condition.low_resolution
    arrays, _ = sample_participant(method, slices, Measurements(path, slices, "clean", [8]), "clean", [8])
    highest = (seen[0].low_resolution * seen[0].mask).amax(dim=(1, 2, 3))
    assert torch.allclose(highest, 1 / torch.tensor(table)[3][seen[0].metabolite])
    expected = seen[0].truncation.truncate(torch.from_numpy(slices.maps).flatten(0, 1)[:, None], 8)[:, 0].numpy()
    assert np.allclose(arrays["maps"], expected, atol=1e-4)


@pytest.fixture
def two(tmp_path):
    """The slices and the measured k-space of two participants, by name."""
    slices, low_resolution = {}, {}
    for seed in (1, 2):
        made = participant(f"sub-{seed}", seed)
        slices[made.participant] = tmp_path / f"{seed}.npz"
        made.save(slices[made.participant])
        low_resolution[made.participant] = truncate(made, tmp_path / f"low-{seed}.npz", "clean", [4])
    return slices, low_resolution


def sample_all(method: Method, slices: dict, low_resolution: dict, out, fingerprint: str) -> list[dict]:
    with Ownership(out) as ownership:
        return sampling.sample_participants(
            method, slices, low_resolution, "clean", [4], ownership, Provenance({}, code={}), fingerprint
        )


def test_sampling_resumes_with_the_participant_that_was_interrupted(two, tmp_path, monkeypatch):
    method, out, done = method_of("zero_filled", tmp_path), tmp_path / "out", []
    whole = sampling.sample_participant

    def interrupted(method, slices, *rest, **more):
        if slices.participant == "sub-2" and not done.count("sub-2") and len(done) == 1:
            done.append("interrupted")
            raise KeyboardInterrupt
        done.append(slices.participant)
        return whole(method, slices, *rest, **more)

    monkeypatch.setattr(sampling, "sample_participant", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sample_all(method, *two, out, "a")
    assert sorted(file.name for file in out.iterdir()) == [MARK, "sub-1.npz"]
    assert [cost["maps"] for cost in sample_all(method, *two, out, "a")] == [6, 6]
    assert done == ["sub-1", "interrupted", "sub-2"]
    sample_all(method, *two, out, "b")
    assert done == ["sub-1", "interrupted", "sub-2", "sub-1", "sub-2"]


def test_a_resumed_sampling_counts_what_the_interrupted_one_had_used(two, tmp_path, monkeypatch):
    method, out, whole = method_of("zero_filled", tmp_path), tmp_path / "out", sampling.sample_participant
    first, second = Provenance({}, code={}), Provenance({}, code={})

    def slow(*given, **more):
        first.started -= 1000
        return whole(*given, **more)

    monkeypatch.setattr(sampling, "sample_participant", slow)
    for run in (first, second):
        with Ownership(out) as ownership:
            sampling.sample_participants(method, *two, "clean", [4], ownership, run, "a")
    assert 2000 <= second.used()["seconds"] < 2500


def test_samples_of_participants_that_do_not_belong_are_removed(two, tmp_path):
    slices, low_resolution = two
    sample_all(method_of("zero_filled", tmp_path), *two, tmp_path / "out", "a")
    sample_all(method_of("zero_filled", tmp_path), {"sub-2": slices["sub-2"]}, low_resolution, tmp_path / "out", "a")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [MARK, "sub-2.npz"]


def test_a_record_never_lies_beside_samples_that_it_is_not_of(two, tmp_path, monkeypatch):
    method, out = method_of("zero_filled", tmp_path), tmp_path / "out"
    sample_all(method, *two, out, "a")
    (out / "provenance.json").write_text("{}")
    sample_all(method, *two, out, "a")
    assert (out / "provenance.json").exists()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(np, "savez_compressed", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        sample_all(method, *two, out, "b")
    assert not (out / "provenance.json").exists()


@pytest.mark.parametrize("damage", [lambda whole: whole[:300], lambda whole: whole[:-1], flipped, one_value_of_another])
def test_a_damaged_or_changed_file_of_samples_is_sampled_again(damage, two, tmp_path, caplog):
    """Also one with the fingerprint of this run, readable, and with another value in it."""
    method, out = method_of("zero_filled", tmp_path), tmp_path / "out"
    sample_all(method, *two, out, "a")
    before = (out / "sub-1.npz").read_bytes()
    rewrite(out / "sub-1.npz", damage(before))
    sample_all(method, *two, out, "a")
    assert "sub-1.npz is damaged, or was changed" in caplog.text
    with np.load(out / "sub-1.npz") as again, np.load(io.BytesIO(before)) as whole:
        assert all(np.array_equal(again[name], whole[name]) for name in whole if name != "cost")
    assert "sub-2.npz is damaged" not in caplog.text


@pytest.mark.parametrize("part", ["train", "validation"])
def test_nobody_is_tested_with_a_network_that_was_trained_or_validated_on_them(part, tmp_path):
    weights = weights_file(tmp_path, MUNET)
    record = tmp_path / "provenance.json"
    record.write_text(json.dumps({"participants": {"train": ["sub-10"], "validation": ["sub-2"]}}))
    sampling.check_held_out(["sub-1"], [weights], "test")
    record.write_text(json.dumps({"participants": {"train": ["sub-10"], "validation": ["sub-2"], part: ["sub-1"]}}))
    with pytest.raises(UserError, match="was trained or validated on sub-1, who would be tested with it"):
        sampling.check_held_out(["sub-1"], [weights], "test")


def test_a_method_of_validation_participants_samples_those_and_nobody_that_its_networks_were_trained_on(tmp_path):
    paths, record = write(tmp_path / "cohort"), tmp_path / "provenance.json"
    settings = MethodSettings.of(
        sampler={"kind": "single_pass"}, networks={"network": "munet"}, part="validation", samples=2
    )

    def sampled() -> dict:
        sampling.sample_fold(
            "own", settings, networks={"network": MUNET}, weights={"network": weights_file(tmp_path, MUNET)},
            slices=paths["slices"], low_resolution=paths["low_resolution"], table=paths["folds"], fold=1,
            protocol="clean", sizes=[4], batch_size=64, out=tmp_path / "out", device=CPU,
        )  # fmt: skip
        return json.loads((tmp_path / "out" / "provenance.json").read_text())

    record.write_text(json.dumps({"participants": {"train": ["sub-1"], "validation": ["sub-2"]}}))
    assert sampled()["participants"] == ["sub-2"]
    assert [file.name for file in (tmp_path / "out").glob("*.npz")] == ["sub-2.npz"]
    record.write_text(json.dumps({"participants": {"train": ["sub-2"], "validation": ["sub-1"]}}))
    with pytest.raises(UserError, match="was trained on sub-2, who would be validated with it"):
        sampled()
