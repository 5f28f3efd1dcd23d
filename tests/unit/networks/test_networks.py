import pytest
import torch
from torch.nn.functional import conv3d, instance_norm, interpolate, max_pool2d
from toy_maps import architecture, toy_batch

from mrsi_sr import networks
from mrsi_sr.networks.layers import SlabConvolution, Unit, VectorisedPReLU
from mrsi_sr.networks.munet import halved
from mrsi_sr.networks.unet_layers import group_count

torch.set_num_threads(1)

TOY = {
    "munet": architecture("munet", channels=2),
    "denoising_unet": architecture(
        "denoising_unet", channels=[8, 12, 16], residual_blocks=1, attention_at=[16], heads=2
    ),
}


def run(network, batch):
    if isinstance(network, networks.munet.MUNet):
        return network(batch.condition)
    return network(batch.target, torch.arange(len(batch.target)), batch.condition)


def off_zero(network):
    """Move every parameter, so that layers that start at zero pass gradients on."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    return network


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        (architecture("munet"), 967_601),
        (architecture("denoising_unet"), 32_989_761),
        (architecture("denoising_unet", upscaling_factor=False), 30_301_761),
        (architecture("denoising_unet", upscaling_factor=False, normalisation="instance"), 30_301_761),
    ],
)
def test_trainable_parameters_are_the_papers(settings, count):
    with torch.device("meta"):
        assert networks.count_parameters(networks.build(settings)) == count


@pytest.mark.parametrize("name", TOY)
def test_a_gradient_reaches_every_parameter(name):
    batch = toy_batch()
    network = off_zero(networks.build(TOY[name]))
    output = run(network, batch)
    assert output.shape == batch.target.shape
    output.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("name", TOY)
def test_a_map_does_not_depend_on_the_rest_of_its_batch(name):
    batch = toy_batch(4)
    network = off_zero(networks.build(TOY[name]))
    together = run(network, batch)
    for index in range(4):
        step, condition = torch.tensor([index]), batch.condition.select([index])
        alone = network(condition) if name == "munet" else network(batch.target[[index]], step, condition)
        assert torch.allclose(together[[index]], alone, atol=1e-5)


def test_a_batch_with_the_papers_grid_goes_through_munet():
    batch = toy_batch(2, grid=64, sizes=(8, 32))
    assert networks.build(TOY["munet"])(batch.condition).shape == (2, 1, 64, 64)


@pytest.mark.parametrize("normalisation", ["group", "instance"])
def test_the_denoising_unet_starts_by_seeing_no_noise_and_works_on_the_papers_grid(normalisation):
    batch = toy_batch(2, grid=64)
    network = networks.build(TOY["denoising_unet"] | {"normalisation": normalisation})
    assert torch.equal(run(network, batch), torch.zeros(2, 1, 64, 64))


def test_munet_leaves_the_measured_k_space_as_it_is():
    batch = toy_batch()
    condition, network = batch.condition, networks.build(TOY["munet"])
    measured = condition.truncation.measure(network.unmasked(condition), condition.size)
    assert torch.allclose(measured, condition.kspace, atol=1e-5)


def test_munet_in_the_paper_protocol_leaves_all_but_the_line_without_a_conjugate():
    batch = toy_batch(protocol="paper")
    condition, network = batch.condition, networks.build(TOY["munet"])
    measured = condition.truncation.measure(network.unmasked(condition), condition.size)
    for index, n in enumerate(condition.size.tolist()):
        inner = slice(16 - n // 2 + 1, 16 + n // 2)
        inside = (index, 0, inner, inner)
        assert torch.allclose(measured[inside], condition.kspace[inside], atol=1e-5)


def test_munet_is_zero_outside_the_mask():
    batch = toy_batch()
    image = networks.build(TOY["munet"])(batch.condition)
    assert image[batch.condition.mask == 0].abs().max() == 0
    assert image[batch.condition.mask == 1].abs().min() > 0


def test_the_upscaling_factor_changes_the_estimate_only_where_the_network_is_told_it():
    batch = toy_batch()
    step = torch.zeros(3, dtype=torch.long)
    for told in (True, False):
        network = off_zero(networks.build(TOY["denoising_unet"] | {"upscaling_factor": told}))
        here = network(batch.target, step, batch.condition)
        batch.condition.size.mul_(2)
        there = network(batch.target, step, batch.condition)
        batch.condition.size.floor_divide_(2)
        assert torch.equal(here, there) != told


# The second of each pair has multiples of 8 channels, for which a CPU takes a grouped convolution.
@pytest.mark.parametrize(("inputs", "outputs"), [(5, 4), (8, 8)])
def test_a_convolution_of_a_slab_is_a_three_dimensional_one(inputs, outputs):
    x = torch.rand(2, inputs, 3, 12, 10)
    layer = SlabConvolution(inputs, outputs, 3, bias=True)
    torch.nn.init.normal_(layer.bias)
    expected = conv3d(x, layer.weight, layer.bias, padding=1)
    assert torch.allclose(layer(x.flatten(1, 2)).unflatten(1, (outputs, 3)), expected, atol=1e-5)


@pytest.mark.parametrize(("inputs", "outputs"), [(5, 4), (16, 8)])
def test_a_convolution_from_a_plane_is_one_of_the_plane_upsampled_to_three_slices(inputs, outputs):
    x = torch.rand(2, inputs, 6, 5)
    layer = SlabConvolution(inputs, outputs, 3, bias=True, from_plane=True)
    upsampled = interpolate(x[:, :, None], scale_factor=(3, 2, 2), mode="trilinear")
    expected = conv3d(upsampled, layer.weight, layer.bias, padding=1)
    plane = interpolate(x, scale_factor=2, mode="bilinear")
    assert torch.allclose(layer(plane).unflatten(1, (outputs, 3)), expected, atol=1e-5)


def test_gradients_of_prelu_are_those_of_finite_differences():
    x, slope = torch.randn(2, 3, 4, 5, dtype=torch.float64), torch.rand(3, dtype=torch.float64)
    torch.autograd.gradcheck(VectorisedPReLU.apply, (x.requires_grad_(), slope.requires_grad_()))


def test_pooling_without_gradients_is_pooling_with_them():
    x = torch.randn(2, 3, 8, 6)
    with torch.no_grad():
        pooled = halved(x)
    assert torch.equal(pooled, halved(x)) and torch.equal(pooled, max_pool2d(x, 2))


def test_a_unit_normalises_each_channel_over_its_whole_slab():
    x = torch.rand(2, 2, 3, 8, 8)
    unit = Unit(2, 4, 3)
    normalised = instance_norm(conv3d(x, unit.convolution.weight, padding=1))
    expected = torch.where(normalised > 0, normalised, 0.25 * normalised)
    assert torch.allclose(unit(x.flatten(1, 2)).unflatten(1, (4, 3)), expected, atol=1e-5)


def test_group_norm_has_32_groups_at_the_papers_widths_and_two_channels_or_more_in_each_at_others():
    assert {group_count(channels) for channels in (64, 128, 192, 256, 320, 448, 512)} == {32}
    assert [group_count(channels) for channels in (8, 12, 24, 1)] == [4, 6, 12, 1]


def test_repeating_and_selecting_conditions_keeps_each_map_with_its_own():
    condition = toy_batch().condition
    twice = condition.repeat(2)
    assert len(twice) == 6 and twice.size.tolist() == [8, 8, 10, 10, 16, 16]
    again = twice.select(slice(None, None, 2))
    assert torch.equal(again.kspace, condition.kspace) and torch.equal(again.t1, condition.t1)
    assert torch.allclose(condition.upscaling_factor, torch.tensor([4.0, 3.2, 2.0]))
    block = condition.flair[1, :, 3:6, 6:9].mean()  # the 27 MRI voxels of the map's voxel (1, 2)
    assert torch.allclose(condition.flair_low[1, 0, 1, 2], block)
