"""Winograd's algorithm gives what a convolution gives, and its gradients, in either memory layout."""

import pytest
import torch
from torch import nn

from mrsi_sr.networks import winograd
from mrsi_sr.networks.winograd import Convolution

torch.set_num_threads(1)


@pytest.fixture
def always(monkeypatch):
    """Winograd's algorithm wherever it is possible, in parts of one map."""
    for name in ("FEWEST_CHANNELS", "FEWEST_TILES", "TILES_AT_A_TIME"):
        monkeypatch.setattr(winograd, name, 1)


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_convolution_and_its_gradients_are_the_librarys(always, groups, layout):
    torch.manual_seed(0)
    layer = Convolution(6, 9, groups).double()
    x = torch.randn(3, 6, 8, 12, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    assert layer._pays(x)
    ours, theirs = layer(x), nn.Conv2d.forward(layer, x)
    assert torch.allclose(ours, theirs, atol=1e-12)
    assert groups > 1 or ours.is_contiguous(memory_format=layout)
    gradient = torch.randn_like(ours)
    for here, there in zip(*(torch.autograd.grad(y, (x, *layer.parameters()), gradient) for y in (ours, theirs)),
                           strict=True):  # fmt: skip
        assert torch.allclose(here, there, atol=1e-12)


def test_a_wide_layer_is_off_by_rounding_alone():
    torch.manual_seed(0)
    layer, x = Convolution(128, 128), torch.randn(1, 128, 32, 32)
    with torch.no_grad():
        assert layer._pays(x)
        exact = nn.Conv2d.forward(layer.double(), x.double())
        error = (layer.float()(x) - exact).std() / exact.std()
    assert 0 < error < 1e-4


def test_it_is_for_wide_layers_and_grids_of_whole_tiles_in_float32():
    wide = Convolution(128, 128)
    assert wide._pays(torch.zeros(2, 128, 32, 32)) and Convolution(256, 256, 2)._pays(torch.zeros(1, 256, 32, 32))
    assert not wide._pays(torch.zeros(2, 128, 30, 32))
    assert not wide._pays(torch.zeros(1, 128, 8, 8))
    assert not Convolution(64, 128)._pays(torch.zeros(2, 64, 32, 32))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not wide._pays(torch.zeros(2, 128, 32, 32))
        assert wide(torch.zeros(1, 128, 32, 32)).dtype == torch.bfloat16
