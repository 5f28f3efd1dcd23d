"""Skull-stripping: a given mask first; networks of known bytes alone; the same brain however the image is stored."""

import hashlib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch

from mrsi_sr.cli import UserError
from mrsi_sr.scan import skull_strip
from mrsi_sr.scan.image import Image
from mrsi_sr.scan.nifti import write_nifti


class Bright(torch.nn.Module):
    """Stands for a network: brain is what is brighter than the mean of the head."""

    def __init__(self):
        super().__init__()
        self.smooth = torch.nn.Conv3d(1, 1, 3, padding=1, bias=False)
        torch.nn.init.constant_(self.smooth.weight, 1 / 27)

    def forward(self, x):
        brain = torch.sigmoid(200 * (self.smooth(x) - 0.6))
        return torch.cat([1 - brain, brain], dim=1)


@pytest.fixture(scope="module")
def network_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.pt"
    torch.jit.script(Bright()).save(str(path))
    return path


@pytest.fixture
def head():
    """A bright ellipsoid with a hole, in a grey one, and a bright speck that is no brain."""
    i, j, k = np.indices((40, 44, 30))
    values = 100.0 * ((i - 20) ** 2 + (j - 21) ** 2 + 1.5 * (k - 14) ** 2 < 16**2)
    brain = (i - 19) ** 2 + (j - 23) ** 2 + 2 * (k - 15) ** 2 < 11**2
    values[brain] = 900
    values[18:21, 22:25, 14:17] = 50
    values[1:3, 1:3, 1:3] = 900
    return Image(values.astype(np.float32), np.diag([2.0, 2.0, 2.5, 1.0])), brain


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_networks_saved_as_torchscript_find_the_brain_without_its_hole_and_without_a_speck(network_file, head):
    t1, brain = head
    network = skull_strip.load_network(network_file, sha256(network_file))
    found = skull_strip.brain_by_networks(t1, network, network, (32, 64))
    assert 2 * np.count_nonzero(found & brain) / (found.sum() + brain.sum()) > 0.93
    assert found[19, 23, 15] and not found[2, 2, 2]


def test_the_brain_is_the_same_however_the_image_is_stored(network_file, head):
    t1, _ = head
    network = skull_strip.load_network(network_file, sha256(network_file))
    found = skull_strip.brain_by_networks(t1, network, network, (32, 64))
    to_stored = np.array([[0, 0, -1, 39], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    stored = Image(np.ascontiguousarray(t1.values.transpose(1, 2, 0)[:, :, ::-1]), t1.affine @ to_stored)
    again = skull_strip.brain_by_networks(stored, network, network, (32, 64))
    assert (again[:, :, ::-1].transpose(2, 0, 1) == found).all()


def test_a_network_of_other_bytes_is_refused_before_anything_of_it_is_loaded(network_file, tmp_path, monkeypatch):
    changed = tmp_path / "model.pt"
    content = bytearray(network_file.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(UserError, match=r"model\.pt cannot be read as a network of deepbet: its SHA-256 is"):
        skull_strip.load_network(changed, sha256(network_file))


def test_a_file_that_is_exchanged_after_the_check_is_not_read_again(network_file, tmp_path, monkeypatch):
    known, path, loaded = network_file.read_bytes(), tmp_path / "model.pt", []
    path.write_bytes(known)
    read = Path.read_bytes

    def read_and_exchanged(self) -> bytes:
        content = read(self)
        self.write_bytes(b"another program")
        return content

    monkeypatch.setattr(Path, "read_bytes", read_and_exchanged)
    monkeypatch.setattr(torch.jit, "load", lambda source, **_: loaded.append(source.read()) or Bright())
    skull_strip.load_network(path, sha256(network_file))
    assert loaded == [known]


def test_deepbet_that_is_not_installed_is_said_with_what_to_install(head, monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    with pytest.raises(UserError, match=r"is not installed\n  install it: python -m pip install --no-deps deepbet==1"):
        skull_strip.brain_of(head[0], "deepbet")


def test_a_given_mask_comes_first_on_whatever_grid_it_is(head, monkeypatch, tmp_path):
    monkeypatch.setattr(skull_strip, "deepbet", lambda *_: pytest.fail("deepbet was asked"))
    t1, brain = head
    shifted = np.diag([1.0, 1.0, 1.0, 1.0])
    shifted[:3, 3] = [-2, -2, -2.5]  # one voxel, which the larger matrix has more
    write_nifti(tmp_path / "t1.nii.gz", t1.values, t1.affine)
    write_nifti(tmp_path / "mask.nii.gz", np.pad(brain, 1).astype(np.uint8), shifted @ t1.affine)
    found = skull_strip.find_brain(tmp_path / "t1.nii.gz", "deepbet", tmp_path / "mask.nii.gz")
    assert (found.values == brain).all()


def test_a_stripped_t1_is_its_own_brain_with_dark_fluid_inside(head):
    t1, brain = head
    stripped = np.where(brain, t1.values, 0)
    stripped[18:21, 22:25, 14:17] = 0
    assert (skull_strip.brain_of(Image(stripped, t1.affine), "none") == brain).all()


def test_a_brain_of_an_unusual_size_is_said_and_none_is_refused(head, caplog):
    t1, brain = head
    skull_strip.brain_of(t1, "deepbet", Image(brain, t1.affine))
    assert "litres is unusual" in caplog.text
    with pytest.raises(UserError, match="no brain was found by the given mask"):
        skull_strip.brain_of(t1, "deepbet", Image(np.zeros_like(brain), t1.affine))


@pytest.mark.slow
def test_deepbet_finds_the_brain_of_a_head_with_scalp():
    if not any(each.name == "deepbet" for each in metadata.distributions()):
        pytest.skip("deepbet is not installed")
    from raw_mri import raw_scan

    scan = raw_scan((64, 64, 39), 3.4)
    found = skull_strip.brain_of(scan.t1, "deepbet")
    assert 2 * np.count_nonzero(found & scan.brain.values) / (found.sum() + scan.brain.values.sum()) > 0.9
