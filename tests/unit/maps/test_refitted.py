"""Laws of training and sampling with refitted scans: the same condition, its noise, and no mixing with masked maps."""

import numpy as np
import pytest
import torch
from tiny_cohort import METABOLITES, MUNET, PARTS, participant, refit, truncate

from mrsi_sr import devices, training
from mrsi_sr.cli import UserError
from mrsi_sr.maps.dataset import MapsOnDevice, Movement
from mrsi_sr.maps.measured import Batches, Measurements, Task
from mrsi_sr.sampling.fold import sample_fold
from mrsi_sr.scan import low_resolution
from mrsi_sr.scan.windows import measured_windows
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.training.fold import train_fold

SIZES = [4, 8]
ONE_STEP = MUNET | {"iterations": 1, "validate_every": 1}


@pytest.fixture
def slices():
    return participant("sub-1", 1)


@pytest.fixture
def file(slices, tmp_path):
    return refit(slices, tmp_path / "refitted.npz", SIZES)


def maps_of(slices, file, sizes=SIZES, **more) -> MapsOnDevice:
    return MapsOnDevice([slices], "clean", sizes, low_resolution="refitted", refitted={"sub-1": file}, **more)


@pytest.mark.parametrize("size", SIZES)
def test_training_and_sampling_have_one_condition(slices, file, size):
    maps, measured = maps_of(slices, file), Measurements(file, slices, "clean", SIZES)
    batches = Batches(slices, slices.valid, measured, maps.truncation, maps.factors)
    tasks = [Task(s, m, size, 0) for s in range(3) for m in range(len(METABOLITES))]
    condition, scale = batches.condition(tasks)
    batch = maps.batch(torch.arange(len(maps)), torch.full((len(maps),), size))
    assert torch.allclose(scale, batch.scale, rtol=1e-5)
    for name in ("low_resolution", "kspace", "mask", "noise", "size", "metabolite"):
        ours, theirs = (getattr(each, name) for each in (condition, batch.condition))
        assert torch.allclose(ours.to(theirs.dtype), theirs, atol=1e-5), name
    assert condition.whole and batch.condition.whole


def test_each_map_of_a_batch_has_the_scan_of_its_size_and_its_noise(slices, file):
    maps, measured = maps_of(slices, file), Measurements(file, slices, "clean", SIZES)
    batch = maps.batch(torch.tensor([0, 3, 5]), torch.tensor([8, 4, 8]))
    tasks = [Task(0, 0, 8, 0), Task(1, 1, 4, 0), Task(2, 1, 8, 0)]
    kspace = torch.from_numpy(measured.of(tasks))
    assert torch.allclose(batch.condition.kspace * batch.scale, kspace, atol=1e-4)
    noise = torch.from_numpy(measured.noise_of(tasks))
    assert torch.allclose(batch.condition.noise * batch.scale.view(-1), noise, rtol=1e-5)


def test_a_moved_map_and_its_scan_move_together(slices, file):
    maps, index, sizes = maps_of(slices, file), torch.tensor([2, 2]), torch.tensor([8, 8])
    turn = Movement(torch.tensor([3, 3]), torch.zeros(2, 2, dtype=torch.long))
    still, moved = maps.batch(index, sizes), maps.batch(index, sizes, turn)
    for name, tolerance in (("low_resolution", 1e-5), ("mask", 0)):
        ours = turn(getattr(still.condition, name))
        assert torch.allclose(ours, getattr(moved.condition, name), atol=tolerance)
    assert torch.allclose(turn(still.target), moved.target, atol=1e-5)
    assert torch.equal(still.condition.noise, moved.condition.noise)


def test_factors_are_those_of_the_scans_and_linear_between_their_sizes(slices, file):
    maps = maps_of(slices, file, [8])
    inside, table = (maps.measured * maps.valid).amax(dim=(2, 3)).double(), maps.factors.table
    ratios = maps.maps.amax(dim=(1, 2, 3)).double()[:, None] / inside
    for m in range(len(METABOLITES)):
        assert torch.allclose(table[[1, 3], m], ratios[maps.metabolite == m].median(dim=0).values, atol=1e-4)
    assert torch.allclose(table[2], (table[1] + table[3]) / 2, atol=1e-4)
    assert torch.equal(table[0], table[1]) and torch.equal(table[-1], table[3])
    assert maps_of(slices, file, [4]).factors.plain() == maps.factors.plain()


def test_a_map_in_which_nothing_was_fitted_is_scaled_by_its_noise(slices, tmp_path):
    maps = slices.maps.copy()
    maps[0, 0] = 0
    noise = {n: np.full(maps.shape[:2], 0.2, np.float32) for n in SIZES}
    low_resolution.write(tmp_path / "dark.npz", measured_windows(maps, SIZES, "clean"), "clean", slices, noise)
    dark = maps_of(slices, tmp_path / "dark.npz")
    batch = dark.batch(torch.tensor([0]), torch.tensor([8]))
    assert not batch.condition.low_resolution.any()
    assert torch.allclose(batch.scale.flatten(), 0.2 * dark.factors.table[3, :1].float())


def test_masked_maps_have_no_noise(slices):
    batch = MapsOnDevice([slices], "clean", SIZES).batch(torch.arange(2), torch.tensor([4, 8]))
    assert batch.condition.noise is None and not batch.condition.whole


def test_noise_goes_with_its_map(slices, file):
    condition = maps_of(slices, file).batch(torch.arange(3), torch.tensor([4, 8, 4])).condition
    assert torch.equal(condition.select([2, 0]).noise, condition.noise[[2, 0]])
    assert torch.equal(condition.repeat(2).noise, condition.noise.repeat_interleave(2))


def test_what_was_not_refitted_is_refused(slices, file, tmp_path):
    with pytest.raises(UserError, match="no refitted scans of size 6"):
        maps_of(slices, file, [4, 6])
    with pytest.raises(UserError, match="no refitted scans"):
        maps_of(slices, truncate(slices, tmp_path / "masked.npz", "clean", SIZES))
    other = participant("sub-2", 2)
    files = {"sub-1": file, "sub-2": refit(other, tmp_path / "other.npz", [8])}
    with pytest.raises(UserError, match="different sizes"):
        MapsOnDevice([slices, other], "clean", [8], low_resolution="refitted", refitted=files)


def test_networks_sample_the_kind_that_they_were_trained_on(tmp_path):
    made = {name: participant(name, seed) for seed, name in enumerate(PARTS)}
    slices, scans, masked = [], [], []
    for name, each in made.items():
        slices.append(tmp_path / f"{name}.slices.npz")
        each.save(slices[-1])
        scans.append(refit(each, tmp_path / f"{name}.refitted.npz", SIZES))
        masked.append(truncate(each, tmp_path / f"{name}.masked.npz", "clean", SIZES))
    table = tmp_path / "folds.csv"
    table.write_text("participant,fold,part\n" + "".join(f"{name},1,{part}\n" for name, part in PARTS.items()))
    same = {
        "slices": slices, "table": table, "fold": 1, "protocol": "clean", "sizes": SIZES,
        "device": devices.choose("cpu", 1),
    }  # fmt: skip
    train_fold(
        ONE_STEP, **same, needs={}, needed={}, seed=1, checkpoint_every=10, out=tmp_path / "munet",
        low_resolution="refitted", refitted=scans,
    )  # fmt: skip
    method = MethodSettings.of(sampler={"kind": "single_pass"}, networks={"network": "munet"})
    weights = {"network": tmp_path / "munet" / "best.safetensors"}

    def sample(files, out):
        sample_fold(
            "munet", method, networks={"network": ONE_STEP}, weights=weights, low_resolution=files, batch_size=4,
            out=tmp_path / out, **same,
        )  # fmt: skip

    sample(scans, "samples")
    assert np.isfinite(np.load(tmp_path / "samples" / "sub-3.npz")["maps"]).all()
    with pytest.raises(UserError, match="low resolution refitted, but low resolution masked"):
        sample(masked, "others")
    with pytest.raises(UserError, match="--refitted"):
        train_fold(MUNET, **same, needs={}, needed={}, seed=1, checkpoint_every=10, out=tmp_path / "m", refitted=scans)


def test_how_refitted_scans_are_read_is_code_of_networks_trained_on_them_alone():
    module = "mrsi_sr/maps/refitted.py"
    assert module in training.code(MUNET, low_resolution="refitted")
    assert module not in training.code(MUNET)
