"""Laws of the LPIPS metric, with backbone weights made on the spot."""

import json
import pickle
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.lpips import Lpips, import_lpips, weights_of
from mrsi_sr.settings.experiment import LpipsWeights


@pytest.fixture(scope="module")
def features():
    """A random state dict with the convolutions of torchvision's AlexNet."""
    import_lpips()
    from torchvision.models import alexnet

    torch.manual_seed(0)
    torch.set_num_threads(1)
    return {name: value for name, value in alexnet().state_dict().items() if name.startswith("features")}


@pytest.fixture(scope="module")
def backbone(features, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    torch.save(features, path)
    return str(path)


@pytest.fixture
def maps():
    random = np.random.default_rng(0)
    truth = random.gamma(4, 2, (5, 64, 64)).astype(np.float32)
    return truth + random.normal(0, 1, truth.shape).astype(np.float32), truth


def test_lpips_is_the_lpips_packages_value_on_maps_scaled_by_their_own_maximum(backbone, features, maps):
    estimate, truth = maps
    with warnings.catch_warnings(action="ignore"):
        reference = import_lpips().LPIPS(net="alex", pnet_rand=True, verbose=False)
    reference.net.load_state_dict({k: features[f"features.{k.split('.', 1)[1]}"] for k in reference.net.state_dict()})
    images = [torch.stack([torch.from_numpy(2 * m / m.max() - 1)] * 3)[None] for m in (estimate[2], truth[2])]
    assert Lpips("lpips_alex", LpipsWeights.of(backbone=backbone))(estimate, truth)[2] == pytest.approx(
        reference(*images).item(), rel=1e-4
    )


def test_lpips_is_zero_for_the_truth_in_any_unit_and_positive_for_another_map(backbone, maps):
    estimate, truth = maps
    distance = Lpips("lpips_alex", LpipsWeights.of(backbone=backbone))
    assert np.allclose(distance(truth * 1000, truth), 0, atol=1e-6)
    assert (distance(estimate, truth) > 0).all()


def test_lpips_does_not_depend_on_the_batch(backbone, maps):
    estimate, truth = (np.tile(m, (8, 1, 1)) for m in maps)
    distance = Lpips("lpips_alex", LpipsWeights.of(backbone=backbone))
    assert np.allclose(distance(estimate, truth)[33:35], distance(estimate[33:35], truth[33:35]), rtol=1e-4)


def test_an_empty_estimate_has_a_distance(backbone, maps):
    assert np.isfinite(Lpips("lpips_alex", LpipsWeights.of(backbone=backbone))(np.zeros_like(maps[1]), maps[1])).all()


def test_safetensors_and_pth_give_the_same_distance(backbone, features, maps, tmp_path):
    save_file(features, tmp_path / "alexnet.safetensors")
    safe = Lpips("lpips_alex", LpipsWeights.of(backbone=str(tmp_path / "alexnet.safetensors")))
    assert np.array_equal(safe(*maps), Lpips("lpips_alex", LpipsWeights.of(backbone=backbone))(*maps))


def test_other_linear_weights_are_used_where_named(backbone, maps, tmp_path):
    linear = {f"lin{i}.model.1.weight": torch.zeros(1, c, 1, 1) for i, c in enumerate([64, 192, 384, 256, 256])}
    torch.save(linear, tmp_path / "linear.pth")
    weights = LpipsWeights.of(backbone=backbone, linear=str(tmp_path / "linear.pth"))
    assert (Lpips("lpips_alex", weights)(*maps) == 0).all()


def test_a_foreign_pickle_is_refused_and_not_run(tmp_path):
    class Intruder:
        def __reduce__(self):
            return (open, (str(tmp_path / "was-here"), "w"))

    (tmp_path / "alexnet.pth").write_bytes(pickle.dumps(Intruder(), protocol=2))
    with pytest.raises(UserError, match="cannot be read as a file of tensors"):
        Lpips("lpips_alex", LpipsWeights.of(backbone=str(tmp_path / "alexnet.pth")))
    assert not (tmp_path / "was-here").exists()


def test_weights_of_another_network_are_refused(backbone):
    with pytest.raises(UserError, match="no weights of a torchvision vgg16"):
        Lpips("lpips_vgg", LpipsWeights.of(backbone=backbone))


def test_a_missing_weights_file_is_named():
    with pytest.raises(UserError, match=r"no LPIPS weights file absent\.pth"):
        Lpips("lpips_alex", LpipsWeights.of(backbone="absent.pth"))


@pytest.mark.parametrize(
    "weights",
    [{"lpips_vgg": {}}, {"lpips_vgg": {"backbone": "a", "download": True}}, {"lpips_squeeze": {"backbone": "a"}}],
)
def test_weights_that_say_nothing_or_too_much_are_refused(weights):
    with pytest.raises(UserError, match="LPIPS weights"):
        weights_of(json.dumps(weights), ["lpips_vgg"])
