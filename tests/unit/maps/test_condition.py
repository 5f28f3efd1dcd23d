"""Laws of conditions: consistency with a measurement of the map inside the mask or of a whole map; sizes between."""

from dataclasses import replace

import pytest
import torch
from toy_maps import architecture, noise_of, objective, toy_batch, toy_sampler

from mrsi_sr import networks, objectives
from mrsi_sr.diffusion.schedule import Schedule
from mrsi_sr.maps.scale import ScaleFactors
from mrsi_sr.samplers.denoiser import Denoiser

torch.set_num_threads(1)

MUNET = {"modulation": "filter_scaling", "metabolite": True}


def smooth(whole: bool):
    """The condition of maps that go on outside the mask and have nothing finer than what was measured; these maps."""
    batch = toy_batch(3, grid=16, sizes=(4, 8))
    maps = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    maps = batch.condition.truncation.truncate(maps, batch.condition.size)
    kspace = batch.condition.truncation.measure(maps, batch.condition.size)
    return replace(batch.condition, low_resolution=maps, kspace=kspace, whole=whole), maps


@pytest.mark.parametrize("whole", [False, True])
def test_consistent_maps_have_the_measured_k_space_and_no_residual(whole):
    condition, _ = smooth(whole)
    x = noise_of(range(3))(torch.empty(3, 1, 16, 16))
    image = condition.consistent(x)
    assert torch.allclose(condition.truncation.measure(image, condition.size), condition.kspace, atol=1e-5)
    assert condition.residual(x).abs().max() > 0.1
    assert replace(condition, whole=False).residual(image).abs().max() < 1e-5


def test_what_is_consistent_inside_the_mask_with_a_whole_map_stays_as_it_is():
    """Nothing is missing: inside it is the map itself, outside the zero-filled one."""
    condition, maps = smooth(whole=True)
    assert torch.allclose(condition.consistent(maps * condition.mask), maps, atol=1e-5)
    assert condition.residual(maps * condition.mask).abs().max() < 1e-5
    masked = replace(condition, whole=False)
    assert (masked.consistent(maps * condition.mask) - maps)[condition.mask > 0].abs().max() > 0.01


def test_of_a_whole_map_the_values_outside_the_mask_do_not_count():
    condition, maps = smooth(whole=True)
    other = torch.where(condition.mask > 0, maps, noise_of(range(3))(maps))
    assert torch.allclose(condition.consistent(other), condition.consistent(maps), atol=1e-6)
    assert torch.allclose(condition.residual(other), condition.residual(maps), atol=1e-6)


def test_munet_and_the_data_consistency_loss_judge_by_the_measurement_of_the_whole_map():
    condition, maps = smooth(whole=True)
    network = networks.build(architecture("munet", channels=2))
    image = network.unmasked(condition)
    assert torch.allclose(condition.truncation.measure(image, condition.size), condition.kspace, atol=1e-5)
    batch = toy_batch(3, grid=16, sizes=(4, 8))
    batch.condition, batch.target = condition, maps * condition.mask
    super_resolver = (
        torch.nn.Identity()
    )  # of an enhancer, whose condition has another map in the zero-filled one's place
    super_resolver.forward = lambda condition: torch.zeros_like(condition.mask)
    settings = objective("likelihood", truncation=0, guide_weight=0, data_consistency_weight=1)
    flow = networks.build(architecture("flow", features=4, levels=2, steps=1))
    flow.sample = lambda context, temperature, noise: maps
    _, parts = objectives.build(settings, {"super_resolver": super_resolver})(flow, batch, torch.Generator())
    assert parts["data_consistency"] < 1e-5


def test_parts_of_a_batch_are_measured_as_the_batch_is():
    condition, _ = smooth(whole=True)
    assert condition.select([0]).whole and condition.repeat(2).whole and condition.to("cpu").whole
    assert not replace(condition, whole=False).repeat(2).whole


def methods():
    """One sampler of every architecture, with networks that read the size."""
    torch.manual_seed(0)
    settings = architecture(
        "denoising_unet", channels=[8, 8], residual_blocks=1, attention_at=[], heads=1, diffusion_steps=3
    )
    unet = networks.build(settings)
    torch.nn.init.normal_(unet.last.weight, std=0.1)
    flow = networks.build(architecture("flow", features=4, levels=2, steps=1, upscaling_factor=True))
    munets = {kind: networks.build(architecture("munet", channels=2, modulation=kind)) for kind in ("am_layer", "none")}
    conditioned = networks.build(architecture("munet", channels=2, **MUNET))
    return {
        "zero_filled": toy_sampler("zero_filled", {}),
        "filter_scaling": toy_sampler("single_pass", {"network": conditioned}),
        "am_layer": toy_sampler("single_pass", {"network": munets["am_layer"]}),
        "by size": toy_sampler("single_pass", {"size_4": munets["none"], "size_8": conditioned}),
        "ancestral": toy_sampler("ancestral", {"denoiser": Denoiser(unet, Schedule.cosine(3))}),
        "flow": toy_sampler("flow", {"flow": flow}),
    }


@pytest.mark.parametrize("name", methods())
def test_a_size_that_is_a_whole_number_makes_the_same_maps_as_an_integer_one(name):
    condition = toy_batch(4, grid=16, sizes=(4, 8)).condition
    with torch.no_grad():
        of_integers, _ = methods()[name](condition, noise_of(range(4)))
        of_floats, _ = methods()[name](replace(condition, size=condition.size.float()), noise_of(range(4)))
    assert torch.equal(of_integers, of_floats)
    assert torch.equal(condition.upscaling_factor, replace(condition, size=condition.size.float()).upscaling_factor)


def test_a_size_between_two_is_read_as_it_is_and_takes_the_network_of_the_nearest_size():
    condition = toy_batch(2, grid=16, sizes=(8,)).condition
    between = replace(condition, size=torch.tensor([7.3, 4.9]))
    between.truncation.consistent = lambda x, kspace, size: x  # a scan's own operator knows its matrix
    sampler = methods()["filter_scaling"]
    with torch.no_grad():
        conditioned, whole = (sampler(each, None)[0] for each in (between, replace(between, size=condition.size)))
        assert not torch.allclose(conditioned, whole)
        seven, four = (methods()["by size"](between.select([index]), None)[0] for index in (0, 1))
        assert torch.equal(seven, methods()["filter_scaling"](between.select([0]), None)[0])
        assert not torch.equal(four, methods()["filter_scaling"](between.select([1]), None)[0])


def test_factors_of_sizes_between_are_on_the_line_and_those_beyond_are_the_last():
    factors = ScaleFactors(torch.tensor([[1.0, 2.0], [3.0, 6.0], [5.0, 4.0]], dtype=torch.float64))
    size, metabolite = torch.tensor([3.0, 4.5, 1.0, 9.0, 4.0]), torch.tensor([0, 1, 0, 1, 1])
    assert factors.of(size, metabolite).flatten().tolist() == [2.0, 5.5, 1.0, 4.0, 6.0]
    cubes = ScaleFactors(torch.linspace(1, 2, 16, dtype=torch.float64).view(8, 2) ** 3)
    sizes, metabolite = torch.arange(2, 17, 2), torch.tensor([0, 1]).repeat(4)
    assert torch.equal(cubes.of(sizes, metabolite), cubes.of(sizes.float(), metabolite))
    assert torch.equal(cubes.of(sizes, metabolite).flatten(), cubes.table[sizes // 2 - 1, metabolite].float())
