"""Laws of the samplers without a network: interpolation, and reconstruction guided by MRI."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from toy_maps import toy_batch, toy_sampler

from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.condition import Condition
from mrsi_sr.samplers import guided, interpolated
from mrsi_sr.sampling.conditioned import conditioned_on

RESAMPLING = {"lanczos": Image.Resampling.LANCZOS, "cubic": Image.Resampling.BICUBIC}


def everywhere(protocol: str = "clean", **batch) -> Condition:
    """Conditions whose mask is the whole frame."""
    condition = toy_batch(protocol=protocol, **batch).condition
    return replace(condition, mask=torch.ones_like(condition.mask))


def wave(frame: int, kx: int, ky: int) -> torch.Tensor:
    position = 2 * torch.pi / frame * torch.arange(frame, dtype=torch.float64)
    return 1.5 + torch.cos(kx * position + 0.3)[:, None] * torch.sin(ky * position + 1.1)[None, :]


def test_the_low_resolution_image_of_waves_is_those_waves_at_its_voxels_centres():
    truncation, n = Truncation("clean", 32), 8
    image = interpolated._low_resolution_image(truncation.measure(wave(32, 3, 2)[None, None], n), n, "clean")[0, 0]
    centres = (torch.arange(n, dtype=torch.float64) + 0.5) * 32 / n - 0.5
    angle = 2 * torch.pi / 32 * centres
    expected = 1.5 + torch.cos(3 * angle + 0.3)[:, None] * torch.sin(2 * angle + 1.1)[None, :]
    assert torch.allclose(image, expected, atol=1e-12)


@pytest.mark.parametrize("kernel", RESAMPLING)
@pytest.mark.parametrize("protocol", ["clean", "paper"])
def test_interpolation_is_that_of_pillow(kernel, protocol):
    condition = everywhere(protocol, sizes=(8, 12, 16))
    maps, evaluations = toy_sampler("interpolated", {}, kernel=kernel)(condition, None)
    assert evaluations == 0
    for k, n in enumerate(condition.size.tolist()):
        image = interpolated._low_resolution_image(condition.kspace[k : k + 1], n, protocol)[0, 0].numpy()
        theirs = Image.fromarray(image.astype(np.float32)).resize((32, 32), RESAMPLING[kernel])
        assert np.abs(maps[k, 0].numpy() - np.asarray(theirs)).max() < 1e-5


def test_the_image_of_protocol_paper_is_the_magnitude_of_what_was_measured():
    condition = everywhere("paper", sizes=(32,), number=1)  # voxels of the frame itself
    image = interpolated._low_resolution_image(condition.kspace, 32, "paper")
    assert torch.allclose(image.float(), condition.low_resolution, atol=1e-5) and (image >= 0).all()


def guided_maps(condition: Condition, **settings) -> torch.Tensor:
    maps, evaluations = toy_sampler("guided", {}, **settings)(condition, None)
    assert evaluations == 0
    return maps


def objective(condition: Condition, x: torch.Tensor, weight: float, edge: float) -> torch.Tensor:
    """The quadratic objective of each map x [B, 1, H, W], pair by pair."""
    misfit = condition.residual(x * condition.mask).abs().square().sum((1, 2, 3))
    t1, flair, inside = condition.t1_low, condition.flair_low, condition.mask
    rough = torch.zeros(len(condition), dtype=torch.float64)
    for i, j in (((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
                 ((slice(None), slice(1, None)), (slice(None), slice(None, -1)))):  # fmt: skip
        i, j = (..., *i), (..., *j)
        own = torch.exp(-((t1[i] - t1[j]) ** 2 + (flair[i] - flair[j]) ** 2) / (2 * edge**2)) * inside[i] * inside[j]
        rough += (own * (x[i] - x[j]) ** 2).sum((1, 2, 3))
    return misfit + weight * rough


def solved(condition: Condition, weight: float, edge: float) -> torch.Tensor:
    """The least objective of one map over values inside its mask, by a dense matrix of second derivatives."""
    frame = condition.mask.shape[-1]
    basis = torch.eye(frame**2, dtype=torch.float64)
    x = torch.cat([torch.zeros_like(basis[:1]), basis]).view(-1, 1, frame, frame).requires_grad_()
    total = objective(condition.repeat(len(x)), x, weight, edge).sum()
    gradients = torch.autograd.grad(total, x)[0].flatten(1)
    inside = condition.mask.flatten() > 0
    found = torch.zeros(frame**2, dtype=torch.float64)
    hessian = (gradients[1:] - gradients[0])[inside][:, inside]
    found[inside] = torch.linalg.solve(hessian, -gradients[0][inside])
    return found.view_as(condition.mask)


@pytest.mark.parametrize("whole", [False, True])
def test_the_guided_map_is_the_dense_solution(whole):
    condition = replace(toy_batch(number=1, grid=12, sizes=(6,)).condition, whole=whole)
    weight, edge = 0.05, 0.2
    expected = condition.consistent(solved(condition, weight, edge).float()) * condition.mask
    assert torch.allclose(guided_maps(condition, weight=weight, edge=edge, iterations=60), expected, atol=1e-4)


def test_the_objective_falls_with_every_iteration(monkeypatch):
    condition = toy_batch(sizes=(8, 16)).condition
    states = [condition.low_resolution.double() * condition.mask]
    whole = guided.conjugate_gradients

    def noting(apply, target, x, iterations):
        states.extend(whole(apply, target, x, number) for number in range(1, iterations + 1))
        return states[-1]

    monkeypatch.setattr(guided, "conjugate_gradients", noting)
    guided_maps(condition, weight=0.1, edge=0.2, iterations=12)
    values = torch.stack([objective(condition, x, 0.1, 0.2) for x in states])
    assert len(values) == 13 and (values.diff(dim=0) < 0).all()


def test_without_smoothness_the_guided_map_is_the_zero_filled_one():
    condition = everywhere()
    assert torch.allclose(guided_maps(condition, weight=0.0), condition.low_resolution, atol=1e-5)


def test_the_guided_map_has_exactly_the_measured_window():
    condition = everywhere()
    assert condition.residual(guided_maps(condition, weight=10.0)).abs().max() < 1e-4
    assert (guided_maps(toy_batch().condition)[toy_batch().condition.mask == 0] == 0).all()


def test_a_map_is_smooth_within_tissues_and_not_across_an_edge_of_mri():
    """Of two halves of the frame, the step between them is steeper where T1 or FLAIR has it too."""
    half = (torch.arange(32) < 16).float()[None, None, :, None].expand(1, 1, 32, 32)
    truncation, fine = (
        Truncation("clean", 32),
        half.repeat_interleave(3, 2).repeat_interleave(3, 3).expand(1, 3, 96, 96),
    )
    kspace, size, none = truncation.measure(1 + half, 8), torch.tensor([8]), torch.zeros(1, 3, 96, 96)
    steps = {}
    for name, t1, flair in (("neither", none, none), ("t1", fine, none), ("flair", none, fine)):
        condition = Condition(
            truncation.image(kspace), kspace, truncation, torch.ones_like(half), t1, flair, size, torch.tensor([0])
        )
        maps = guided_maps(condition)[0, 0, :, 16]
        steps[name] = (maps[15] - maps[16]).item()
    assert steps["t1"] == pytest.approx(steps["flair"], rel=1e-4) and steps["t1"] > 2 * steps["neither"] > 0


@pytest.mark.parametrize(("kind", "settings"), [("interpolated", {}), ("guided", {"iterations": 20})])
def test_maps_do_not_depend_on_the_batch(kind, settings):
    condition = toy_batch(number=4).condition
    draw = toy_sampler(kind, {}, **settings)
    together, _ = draw(condition, None)
    alone = torch.cat([draw(condition.select([k]), None)[0] for k in range(4)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_the_guided_map_is_fitted_to_the_measurement_whatever_networks_are_conditioned_on():
    condition = toy_batch().condition
    assert torch.equal(guided_maps(conditioned_on(condition, 10, 1)), guided_maps(condition))
