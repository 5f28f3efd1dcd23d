"""Laws of sampling a new scan: nothing from a truth, what was measured is kept, batches make no difference."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from new_scans import FIELD_MM, StandIn, field, new_scan, positions, volumes

from mrsi_sr.cli import UserError
from mrsi_sr.new_scan.batches import BatchSize
from mrsi_sr.new_scan.partial import Partial
from mrsi_sr.new_scan.ratios import Ratio
from mrsi_sr.new_scan.result import SliceResult, SuperResolved, zero_filled_of
from mrsi_sr.new_scan.sampling import ScanSampler, check_sizes, check_usable
from mrsi_sr.results.ownership import Ownership
from mrsi_sr.settings.cohort import QualitySettings

KNOWN = ["tCho", "Glu", "NAA"]  # of the networks, in their order


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return new_scan(tmp_path_factory.mktemp("scan"))


def noisy() -> StandIn:
    return StandIn(lambda condition, noise: (condition.low_resolution + 0.1 * noise(condition.mask)) * condition.mask)


def sampled(scan, methods, samples=1, whole=True, limit=4, seed=1, **more):
    sampler = ScanSampler(methods, scan, KNOWN, whole=whole, seed=seed)
    found = dict(sampler.slices(samples, [], BatchSize(limit)))
    slices = [SliceResult.of(found[s], scan.metabolites, more.get("ratios", []), keep=True) for s in sorted(found)]
    return SuperResolved.of(scan, slices, more.get("ratios", []), method="m", samples=samples, warnings=[], seconds=0.0)


def test_a_method_that_adds_nothing_gives_the_zero_filled_map(scan):
    result = sampled(scan, [StandIn(lambda condition, _: condition.low_resolution * condition.mask)])
    for name, expected in zero_filled_of(scan).items():
        assert np.allclose(result.mean[name], expected, atol=1e-3, equal_nan=True)
        assert np.nanmax(result.misfit[name]) < 2e-4


def test_the_condition_is_of_the_scan_alone(scan):
    """Its size is that of the matrix, its metabolites are the networks', its scale is its own maximum."""
    sampler = ScanSampler([noisy()], scan, KNOWN, whole=True, seed=1)
    s, m = torch.tensor([0, 1]), torch.tensor([0, 1])
    condition, scale = sampler.condition(s, m, noisy())
    assert condition.size.tolist() == [16.0, 16.0]
    assert condition.metabolite.tolist() == [KNOWN.index("NAA"), KNOWN.index("tCho")]
    assert (condition.low_resolution * condition.mask).amax((1, 2, 3)).tolist() == pytest.approx([1, 1])
    assert torch.allclose(condition.low_resolution[:, 0] * scale[:, 0], sampler.low[s, m])
    assert condition.whole


def test_networks_of_scans_with_noise_are_told_the_noise_in_their_scale(scan):
    s, m = torch.tensor([0, 1]), torch.tensor([0, 1])
    sampler = ScanSampler([noisy()], scan, KNOWN, whole=True, seed=1, noisy=True)
    condition, scale = sampler.condition(s, m, noisy())
    known = scan.measurement.noise[[0, 1], [0, 1]]
    expected = [np.sqrt((each[each > 0] ** 2).mean()) * 15 / 16 for each in known]
    assert (condition.noise * scale.view(-1)).tolist() == pytest.approx(expected, rel=1e-4)
    assert ScanSampler([noisy()], scan, KNOWN, whole=True, seed=1).condition(s, m, noisy())[0].noise is None


def test_networks_that_read_neighbours_are_given_the_slices_beside(scan):
    method = noisy()
    method.neighbours = True
    sampler = ScanSampler([method], scan, KNOWN, whole=True, seed=1)
    condition, scale = sampler.condition(torch.tensor([1]), torch.tensor([0]), method)
    assert torch.allclose(condition.neighbours[0] * scale[0], sampler.low[[0, 2], 0], atol=1e-4)


def test_networks_of_masked_maps_are_given_the_masked_map_measured_again(scan):
    sampler = ScanSampler([noisy()], scan, KNOWN, whole=False, seed=1)
    zero_filled = scan.window.zero_filled(torch.from_numpy(scan.measurement.values))
    mask = torch.from_numpy(scan.valid.astype(np.float32))
    assert torch.allclose(sampler.low, scan.window.truncate(zero_filled * mask, scan.target.size), atol=1e-5)
    assert not sampler.beyond.any()
    result = sampled(scan, [noisy()], whole=False)
    assert np.nanmax(result.misfit["NAA"]) < np.nanmax(result.misfit_before["NAA"])


def test_the_maps_do_not_depend_on_the_batches(scan):
    one, many = (sampled(scan, [noisy()], samples=3, limit=limit) for limit in (1, 64))
    for name in scan.metabolites:
        assert np.allclose(one.every[name], many.every[name], atol=1e-4, equal_nan=True)
        assert not np.allclose(one.every[name][:, 0], one.every[name][:, 1], atol=1e-4, equal_nan=True)


def test_another_seed_draws_other_maps(scan):
    first, second = (sampled(scan, [noisy()], seed=seed) for seed in (1, 2))
    assert not np.allclose(first.mean["NAA"], second.mean["NAA"], atol=1e-3, equal_nan=True)


def test_an_ensemble_shares_the_samples(scan):
    constant = [StandIn(lambda condition, _, value=value: value * condition.mask) for value in (1.0, 2.0)]
    sampler = ScanSampler(constant, scan, KNOWN, whole=True, seed=1)
    sampler.consistent = lambda maps, s, m: type(
        "Fitted", (), {"maps": maps, "misfit_before": torch.zeros(len(maps)), "misfit": torch.zeros(len(maps))}
    )
    _, slice_ = next(iter(sampler.slices(4, [], BatchSize(64))))
    levels = [np.nanmean(slice_.maps[k, 0]) for k in range(4)]
    assert levels[0] == levels[2] and levels[1] == levels[3]
    assert levels[1] == pytest.approx(2 * levels[0])


def test_mean_and_standard_deviation_are_those_of_the_samples(scan):
    ratio = Ratio.of("tCho/NAA")
    result = sampled(scan, [noisy()], samples=5, ratios=[ratio])
    for name in scan.metabolites:
        assert np.allclose(result.mean[name], result.every[name].mean(axis=1), equal_nan=True, atol=1e-5)
        assert np.allclose(result.sd[name], result.every[name].std(axis=1, ddof=1), equal_nan=True, atol=1e-5)
    each = result.every["tCho"] / result.every["NAA"]
    known = np.isfinite(result.mean["tCho/NAA"])
    assert known.any()
    assert np.allclose(result.mean["tCho/NAA"][known], each.mean(axis=1)[known], atol=1e-4)
    assert np.allclose(result.sd["tCho/NAA"][known], each.std(axis=1, ddof=1)[known], atol=1e-4)


def test_a_single_sample_has_no_standard_deviation(scan):
    assert sampled(scan, [noisy()]).sd == {}


def test_noise_of_the_fits_is_not_fitted(tmp_path):
    """With %SD the misfit stays at the noise's level; without, it goes to zero."""
    unknown, known = new_scan(tmp_path, volumes(sd=np.nan)), new_scan(tmp_path, volumes(sd=5.0))
    assert unknown.measurement.without_noise(unknown.metabolites) == list(unknown.metabolites)
    assert known.measurement.without_noise(known.metabolites) == []
    exact = sampled(unknown, [noisy()])
    soft = sampled(known, [noisy()])
    assert np.nanmax(exact.misfit["NAA"]) < 2e-4
    assert 0.02 < np.nanmedian(soft.misfit["NAA"]) < 0.08


def test_holes_are_filled_before_zero_filling_and_left_out_of_the_mask(tmp_path):
    whole, holed = volumes(), volumes()
    for volume in holed.concentration.values():
        volume[8, 6, 1] = np.nan
    complete, filled = new_scan(tmp_path, whole), new_scan(tmp_path, holed)
    inside = filled.filled[1, 0] & complete.valid[1, 0]
    assert inside.sum() >= 12  # about 4 x 4 target voxels
    assert not filled.valid[1, 0][inside].any()
    around = complete.valid[1, 0] & ~inside
    maps = [zero_filled_of(each)["NAA"][1] for each in (complete, filled)]
    error = np.abs(maps[1] - maps[0])[around & filled.valid[1, 0]].max()
    zeroed = np.where(filled.measurement.filled, 0, filled.measurement.values)
    ringing = np.abs(filled.window.zero_filled(torch.from_numpy(zeroed))[1, 0].numpy() - maps[0])
    assert error < 0.3 < ringing[around & filled.valid[1, 0]].max()


def test_voxels_that_a_rule_rejects_are_missing_for_that_reason(tmp_path):
    scan = volumes()
    scan.snr[8, 6, 1] = 1.0
    prepared = new_scan(tmp_path, scan, QualitySettings.of(skull_margin_mm=10.0))
    bits = prepared.reasons[1, 0][prepared.filled[1, 0] & prepared.brain[1]]
    assert (bits & 16).any()  # low_snr
    assert (prepared.reasons[1, 0][prepared.brain[1]] & 8).any()  # near_skull, by the target grid's finer brain
    assert (prepared.reasons[1, 0][~prepared.brain[1]] & 4).all()  # outside_brain


@pytest.mark.parametrize("matrix", [(16, 16), (15, 17), (27, 32)])
def test_a_map_lies_where_the_scan_is(tmp_path, matrix):
    """Nowhere else does the zero-filled map agree better with the field that was scanned: not half a voxel away."""
    edges = (FIELD_MM / matrix[0], FIELD_MM / matrix[1], 5.0)
    scan = new_scan(tmp_path, volumes((*matrix, 3), edges))
    seen = scan.target.crop(zero_filled_of(scan)["NAA"])[1]
    place = positions(scan.target.shape, scan.target.voxel_mm)[:, :, 1]

    def error(shift) -> float:
        truth = field(place + np.array([*shift, 0]) * scan.target.voxel_mm)
        return float(np.nanmean(np.abs(seen - truth)))

    steps = [(x, y) for x in (-0.5, 0, 0.5) for y in (-0.5, 0, 0.5)]
    assert min(steps, key=error) == (0, 0)


def test_an_interrupted_run_goes_on_with_the_slice_that_it_was_at(scan, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["super_resolve.py"])
    sampler = ScanSampler([noisy()], scan, KNOWN, whole=True, seed=1)
    found = {s: SliceResult.of(each, scan.metabolites, [], True) for s, each in sampler.slices(1, [], BatchSize(64))}
    with Ownership(tmp_path / "sub-07.partial") as ownership:
        Partial(ownership, "a").save(1, found[1], 3)
    with Ownership(tmp_path / "sub-07.partial") as ownership:
        assert Partial(ownership, "b").load(3) == {}  # of another request
        done = Partial(ownership, "a").load(3)
        assert list(done) == [1]
        assert np.array_equal(done[1].mean, found[1].mean, equal_nan=True)
        assert [s for s, _ in sampler.slices(1, list(done), BatchSize(64))] == [0, 2]
        (tmp_path / "sub-07.partial" / "slice-001.npz").write_bytes(b"damaged")
        assert Partial(ownership, "a").load(3) == {}


def test_a_size_that_no_network_learned_is_refused_or_warned_about(scan, tmp_path, caplog):
    check_sizes(scan, [8, 16, 32], allow=False)
    assert not caplog.text
    with pytest.raises(UserError, match=r"upscaling factor of 4\.00 .* learned 2 to 3\.2"):
        check_sizes(scan, [20, 32], allow=False)
    check_sizes(scan, [20, 32], allow=True)
    assert "learned" in caplog.text
    coarse = new_scan(tmp_path, volumes((4, 4, 3), (54.4, 54.4, 5.0)))
    check_sizes(coarse, [8, 32], allow=True)
    assert "below 6x6" in caplog.text


def test_a_scan_without_valid_voxels_is_refused(tmp_path):
    scan = volumes()
    scan.snr[:] = 1.0
    with pytest.raises(UserError, match="no valid voxel"):
        new_scan(tmp_path, scan)


def test_the_batch_grows_while_it_pays_and_halves_when_memory_ends():
    batches = BatchSize(64)
    assert batches.size == 4
    batches.took(4, 4.0)
    assert batches.size == 8
    batches.took(8, 4.0)
    assert batches.size == 16
    batches.took(16, 9.0)
    batches.took(16, 9.0)
    assert batches.size == 16
    batches.exceeded_memory(16)
    batches.took(8, 0.1)
    assert batches.size == 8
    with pytest.raises(MemoryError):
        batches.exceeded_memory(1)


def test_maps_without_a_value_above_zero_are_told_of_and_refused_where_there_is_no_other(scan, caplog):
    usable = np.ones((len(scan.slices), 2), bool)
    check_usable(scan, usable)
    assert not caplog.text
    usable[1, 1] = False
    check_usable(scan, usable)
    assert f"tCho has no value above zero in 1 slices, such as {scan.slices[1]}" in caplog.text
    valid = scan.valid.copy()
    valid[:, 1] = False
    usable[:, 1] = False
    check_usable(replace(scan, valid=valid), usable)
    assert "no voxel of tCho is valid on the target grid" in caplog.text
    with pytest.raises(UserError, match="no map has a value above zero"):
        check_usable(scan, ~np.ones_like(usable))
