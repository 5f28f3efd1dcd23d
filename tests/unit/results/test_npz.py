"""Laws of NPZ files: arrays as they were written, or a message; no header is believed before it is compared."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.results.npz import read_npz

ARRAYS = {"maps": "f3", "name": "U0"}


def read(path, arrays=None):
    return read_npz(path, arrays or ARRAYS, "a file of maps", "make it again")


def member(array) -> bytes:
    text = io.BytesIO()
    np.lib.format.write_array(text, np.asarray(array))
    return text.getvalue()


def write(path, members: dict[str, bytes], **more) -> None:
    with zipfile.ZipFile(path, "w", **more) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def header(shape: str, kind: str = "<f4") -> bytes:
    words = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(words).to_bytes(2, "little") + words.encode()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_as_they_were_written(save, tmp_path):
    maps = np.random.default_rng(1).normal(size=(3, 4, 5)).astype(np.float32)
    save(tmp_path / "x.npz", maps=maps, name="sub-1", more=np.zeros(3))
    back = read(tmp_path / "x.npz")
    assert back.keys() == ARRAYS.keys() and np.array_equal(back["maps"], maps) and str(back["name"]) == "sub-1"


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("(1000000, 1000000, 1000000)", "is not its size in the file"),
        ("(1, 3, 5)", "is not its size in the file"),
        ("(1, 4, 5)", "is not its size in the file"),
        ("(-1, 4, -4)", "is not its size in the file"),
        ("(4, 4)", "maps has 2 axes"),
        ("(1, 1, 2**60)", "cannot be read"),
        ("'x'", "cannot be read"),
    ],
)
def test_a_header_that_promises_what_the_file_has_not_takes_no_memory(shape, message, tmp_path):
    write(tmp_path / "x.npz", {"maps.npy": header(shape) + bytes(64), "name.npy": member("sub-1")})
    with pytest.raises(UserError, match=message):
        read(tmp_path / "x.npz")


def test_an_archive_that_would_fill_the_machine_is_refused(tmp_path, monkeypatch):
    maps = np.zeros((1, 1000, 1000), np.float32)
    np.savez_compressed(tmp_path / "x.npz", maps=maps, name="sub-1")
    assert (tmp_path / "x.npz").stat().st_size < 8000
    monkeypatch.setattr(os, "sysconf", lambda name: 1000)  # a machine with a million bytes
    with pytest.raises(UserError, match="more than this machine's memory"):
        read(tmp_path / "x.npz")


def test_sizes_in_the_directory_that_deflate_cannot_reach_are_refused(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", maps=np.zeros((2, 2, 2), np.float32), name="sub-1")
    content = bytearray((tmp_path / "x.npz").read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (2**31).to_bytes(4, "little")
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(UserError, match="the size of maps cannot be true"):
        read(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (np.zeros((2, 2), np.float32), "maps has 2 axes of type float32, expected 3 of real numbers"),
        (np.zeros((2, 2, 2), complex), "maps has 3 axes of type complex128"),
        (np.zeros((2, 2, 2), "U3"), "maps has 3 axes of type <U3"),
    ],
)
def test_an_array_of_another_kind_is_named(maps, message, tmp_path):
    np.savez(tmp_path / "x.npz", maps=maps, name="sub-1")
    with pytest.raises(UserError, match=message):
        read(tmp_path / "x.npz")


def test_an_array_that_is_missing_or_there_twice_is_named(tmp_path):
    np.savez(tmp_path / "x.npz", name="sub-1")
    with pytest.raises(UserError, match="it has no arrays maps"):
        read(tmp_path / "x.npz")
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("name.npy", member("sub-2"))
    with pytest.raises(UserError, match="it has 2 arrays name"):
        read(tmp_path / "x.npz", {"name": "U0"})


class Intruder:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_objects_are_not_loaded(tmp_path):
    np.savez(tmp_path / "x.npz", maps=np.array([Intruder(tmp_path / "was-here")], object), name="sub-1")
    (tmp_path / "y.npz").write_bytes(pickle.dumps(Intruder(tmp_path / "was-here")))
    for name in ("x.npz", "y.npz"):
        with pytest.raises(UserError, match="cannot be read as a file of maps"):
            read(tmp_path / name)
    assert not (tmp_path / "was-here").exists()


def test_what_is_no_archive_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(3))
    (tmp_path / "x.npy").rename(tmp_path / "x.npz")
    (tmp_path / "terabytes.npz").write_bytes(header("(1000000, 1000000, 1000000)") + bytes(64))
    (tmp_path / "empty.npz").touch()
    (tmp_path / "folder.npz").mkdir()
    os.mkfifo(tmp_path / "pipe.npz")
    for name in ("x", "terabytes", "empty", "folder", "pipe", "missing"):
        with pytest.raises(UserError, match="a file of maps"):
            read(tmp_path / f"{name}.npz")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_nobody_writes_are_not_tried(compression, tmp_path):
    members = {"maps.npy": member(np.zeros((2, 2, 2), np.float32)), "name.npy": member("sub-1")}
    write(tmp_path / "x.npz", members, compression=compression)
    with pytest.raises(UserError, match="the size of maps cannot be true"):
        read(tmp_path / "x.npz")
