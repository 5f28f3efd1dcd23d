"""Laws of archives of LCModel files: an archive gives what the same folder gives, whole, or an error."""

import bz2
import gzip
import io
import lzma
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrsi_sr.cli import UserError
from mrsi_sr.lcmodel import archives
from mrsi_sr.lcmodel.names import voxel_names
from mrsi_sr.lcmodel.scans import read_scan
from mrsi_sr.scan.volumes import Status

EXAMPLES = Path(__file__).parents[2] / "data/lcmodel"
TABLE = (EXAMPLES / "grid/t1/sl1_3-3.table").read_bytes()
OTHER = (EXAMPLES / "grid/t1/sl1_4-3.table").read_bytes()


def read(path, matrix=(5, 6, 2)):
    return read_scan(path, voxel_names("multivoxel", matrix, ""), ["tCr"], np.eye(4))[0]


def equal(one, other):
    return np.array_equal(one.status, other.status) and np.array_equal(
        one.concentration["tCr"], other.concentration["tCr"], equal_nan=True
    )


def pack(path, *members, form=tarfile.GNU_FORMAT):
    """An archive of (name, content), (name, link type, target)."""
    with tarfile.open(path, "w:gz" if str(path).lower().endswith("gz") else "w", format=form) as archive:
        for name, *content in members:
            member = tarfile.TarInfo(name)
            if len(content) == 1:
                member.size = len(content[0])
                archive.addfile(member, io.BytesIO(content[0]))
            else:
                member.type, member.linkname = content
                archive.addfile(member)
    return path


@pytest.mark.parametrize(("form", "deep"), [
    (tarfile.USTAR_FORMAT, ""), (tarfile.GNU_FORMAT, "a" * 60 + "/" + "b" * 60 + "/"),
    (tarfile.PAX_FORMAT, "a" * 60 + "/" + "b" * 60 + "/"),
])  # fmt: skip
def test_a_folder_with_links_and_its_archive_give_the_same(tmp_path, form, deep):
    scan = tmp_path / f"scan/{deep}tables"
    scan.mkdir(parents=True)
    (tmp_path / "scan/.data/x").mkdir(parents=True)
    (tmp_path / "scan/.data/x/key").write_bytes(OTHER)
    (scan / "sl1_3-3.table").write_bytes(TABLE)
    (scan / "sl1_1-1.table").symlink_to("sl1_3-3.table")  # to a later member
    (scan / "sl1_4-4.table").symlink_to("./../tables/sl1_3-3.table")
    (scan / "sl1_5-5.table").symlink_to("sl1_4-4.table")  # to a link
    os.link(scan / "sl1_3-3.table", scan / "sl2_1-1.table")
    (scan / "sl2_2-2.table").symlink_to(os.path.relpath(tmp_path / "scan/.data/x/key", scan))  # as git-annex has them
    (scan / "way").symlink_to(os.path.relpath(tmp_path / "scan/.data", scan))
    (scan / "sl2_3-3.table").symlink_to("way/x/key")  # through a linked folder
    (tmp_path / "scan/again").symlink_to(f"{deep}tables")
    (scan / "up").symlink_to("..")
    with tarfile.open(tmp_path / "scan.tar.gz", "w:gz", format=form) as archive:
        archive.add(tmp_path / "scan", "scan")
    packed, folder = read(tmp_path / "scan.tar.gz"), read(tmp_path / "scan")
    assert equal(packed, folder)
    assert packed.counts()["ok"] == 7
    assert packed.concentration["tCr"][2, 2, 1] == packed.concentration["tCr"][1, 1, 1] == np.float32(0.823)


@pytest.mark.parametrize("target", ["gone.table", "../../out.table", "/etc/hostname", "sl1_1-2.table", "tables", "."])
def test_a_link_that_leads_to_no_file_is_called_broken_in_a_folder_and_in_an_archive(tmp_path, target):
    scan = tmp_path / "tables"
    scan.mkdir()
    (scan / "sl1_1-1.table").write_bytes(TABLE)
    (scan / "sl1_1-2.table").symlink_to(target)
    with tarfile.open(tmp_path / "scan.tar", "w") as archive:
        archive.add(scan, "tables")
    with pytest.raises(UserError, match=r"sl1_1-2.table in .*scan.tar is a broken link(.|\n)*--dereference"):
        read(tmp_path / "scan.tar")
    if target not in ("/etc/hostname", "."):  # the first is a file outside; the second a folder
        with pytest.raises(UserError, match=r"sl1_1-2.table is a broken link"):
            read(scan)


def test_a_broken_link_that_is_no_voxels_file_is_passed_over(tmp_path):
    path = pack(tmp_path / "a.tar", ("sl1_1-1.table", TABLE), ("notes.txt", tarfile.SYMTYPE, "../gone.txt"))
    assert read(path).counts()["ok"] == 1


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
@pytest.mark.parametrize("last", ["table", "failed", "link", "file after link", "./"])
def test_of_members_of_one_name_the_last_one_is_the_file_as_unpacked(tmp_path, ending, last):
    one, other = ("t/sl1_1-1.table", TABLE), ("t/sl1_1-1.table", OTHER)
    link = ("t/sl1_1-1.table", tarfile.SYMTYPE, "sl1_1-2.table")
    members = [("t/sl1_1-2.table", OTHER), *{
        "table": (one, other), "failed": (one, ("t/sl1_1-1.table", b"")), "link": (one, link),
        "file after link": (link, one), "./": (one, ("./t/sl1_1-1.table", OTHER)),
    }[last]]  # fmt: skip
    path = pack(tmp_path / f"scan.{ending}", *members)
    (tmp_path / "scan").mkdir()
    subprocess.run(["tar", "-xf", path, "-C", tmp_path / "scan"], check=True)
    packed = read(path)
    assert equal(packed, read(tmp_path / "scan"))
    assert packed.status[0, 0, 0] == (Status.EMPTY if last == "failed" else Status.OK)


@pytest.mark.parametrize(("form", "content"), [
    ("bzip2", bz2.compress(TABLE)), ("xz", lzma.compress(TABLE)), ("zip", b"PK\x03\x04" + bytes(600)),
])  # fmt: skip
@pytest.mark.parametrize("name", ["scan.tar.gz", "scan.tar"])
def test_another_format_under_the_name_of_an_archive_is_named_with_what_to_do(tmp_path, form, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name} is packed with {form}, expected a tar(.|\n)*unpack it with"):
        read(tmp_path / name)


@pytest.mark.parametrize("ending", ["tar", "TAR.GZ", "tgz", "TGZ"])
def test_capitals_in_endings_are_read(tmp_path, ending):
    path = pack(tmp_path / f"scan.{ending}", ("a/sl1_1-1.TABLE", TABLE), ("a/SL1_1-2.Table", TABLE))
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan/sl1_1-1.TABLE").write_bytes(TABLE)
    assert read(path).counts() == read(tmp_path / "scan").counts()


def test_pax_headers_count_for_the_member_that_follows_alone(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for number, name in enumerate(("sl1_1-1.table", "sl1_1-2.table", "sl1_1-3.table")):
            member = tarfile.TarInfo(name)
            member.size = len(TABLE)
            member.pax_headers = {"comment": "ü" * 300, "size": str(len(TABLE))} if number else {}
            archive.addfile(member, io.BytesIO(TABLE))
    assert read(tmp_path / "a.tar").counts()["ok"] == 3


def header(name, size=0, kind=b"0", **more) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(more.pop("form", tarfile.GNU_FORMAT))


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


@pytest.mark.parametrize("content", [
    header("sl1_1-1.table", -512), header("x", -(10**18)), header("x", 10**18),
    header("p", 11, b"x") + padded(b"0 path=abc\n"), header("p", 12, b"x") + padded(b"-9 path=abc\n"),
    header("p", 13, b"x") + padded(b"999 path=abc\n"), header("p", 11, b"x") + padded(b"x path=abc\n"),
    header("p", 9, b"x") + padded(b"9 path=a\n") + header("q", 12, b"x") + padded(b"12 size=-9\n\n") + header("a", 9),
    header("long", 1 << 31, b"L"), header("p", 1 << 31, b"x"), header("s", 512, b"S") + bytes(512),
        header("p", 23, b"x") + padded(b"23 GNU.sparse.major=1\n\n") + header("sl1_1-3.table"),
    b"\1" * 512, header("a", 0).replace(b"ustar", b"other"),
])  # fmt: skip
def test_headers_that_lie_are_refused(tmp_path, content):
    good = header("sl1_1-1.table", len(TABLE)) + padded(TABLE)
    (tmp_path / "a.tar").write_bytes(good + content + bytes(1024))
    (tmp_path / "b.tar").write_bytes(content + good + bytes(1024))
    for name in ("a.tar", "b.tar"):
        with pytest.raises(UserError, match=rf"{name} cannot be read as an archive"):
            read(tmp_path / name)


def test_the_size_of_a_pax_header_counts_before_the_members_own(tmp_path):
    record = b"13 size=%d\n" % len(TABLE)
    assert len(record) == 13
    pax = header("p", len(record), b"x") + padded(record)
    (tmp_path / "a.tar").write_bytes(pax + header("sl1_1-1.table", 0) + padded(TABLE) + bytes(1024))
    assert read(tmp_path / "a.tar").counts()["ok"] == 1


def test_a_long_name_of_gigabytes_is_refused_before_it_is_read(tmp_path):
    for kind in (b"L", b"K", b"x"):
        (tmp_path / "a.tar").write_bytes(header("long", 1 << 31, kind))
        with pytest.raises(UserError, match="a header of 2,147,483,648 bytes"):
            read(tmp_path / "a.tar")


def test_an_archive_with_an_empty_header_before_its_end_is_not_whole(tmp_path):
    good = header("sl1_1-1.table", len(TABLE)) + padded(TABLE)
    (tmp_path / "whole.tar").write_bytes(good + bytes(10240))
    (tmp_path / "holed.tar").write_bytes(good + bytes(512) + good)
    assert read(tmp_path / "whole.tar").counts()["ok"] == 1
    with pytest.raises(UserError, match="an empty header is followed by more"):
        read(tmp_path / "holed.tar")


def test_an_archive_is_read_up_to_its_checksum(tmp_path):
    path = pack(tmp_path / "a.tar.gz", ("sl1_1-1.table", TABLE))
    whole = path.read_bytes()
    assert read(path).counts()["ok"] == 1
    for position in (-8, -7, -4, -1):  # of the checksum and of the size, which follow the content
        flipped = bytearray(whole)
        flipped[position] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(UserError, match=r"a.tar.gz cannot be read as an archive"):
            read(path)


@pytest.mark.parametrize(("ending", "size"), [("table", (1 << 20) + 1), ("coord", (1 << 24) + 1), ("TABLE", 1 << 31)])
def test_a_file_that_is_too_large_for_a_voxel_is_refused_before_it_is_read(tmp_path, ending, size):
    """A table is never above 1 MB, a .coord file never above 16."""
    name = f"sl1_1-1.{ending}"
    (tmp_path / "scan").mkdir()
    with (tmp_path / "scan" / name).open("wb") as file:
        file.truncate(size)
    (tmp_path / "a.tar").write_bytes(header(name, size))
    for path in (tmp_path / "scan", tmp_path / "a.tar"):
        with pytest.raises(UserError, match=rf"{name} has {size:,} bytes(.|\n)*something else under a voxel's name"):
            read(path)


def test_a_link_is_held_to_the_same_size(tmp_path):
    path = pack(tmp_path / "a.tar", ("big", bytes((1 << 20) + 1)), ("sl1_1-1.table", tarfile.LNKTYPE, "big"))
    with pytest.raises(UserError, match=r"sl1_1-1.table has 1,048,577 bytes"):
        read(path)


def test_an_archive_in_an_archive_is_said_not_to_be_read(tmp_path, caplog):
    read(pack(tmp_path / "a.tar", ("s/CoordFiles.tar.gz", b"\x1f\x8b"), ("sl1_1-1.table", TABLE)))
    assert "s/CoordFiles.tar.gz in" in caplog.text and "is not read" in caplog.text


def test_a_member_that_no_voxel_has_may_be_of_any_size(tmp_path):
    path = pack(tmp_path / "a.tar.gz", ("raw.dat", bytes(3 << 20)), ("sl1_1-1.table", TABLE))
    assert read(path).counts()["ok"] == 1


def test_hidden_members_are_skipped_as_hidden_files_are(tmp_path):
    path = pack(
        tmp_path / "a.tar", ("s/sl1_1-1.table", TABLE), ("s/._sl1_1-1.table", b"x"), ("s/.old/sl1_1-1.table", OTHER)
    )
    assert read(path).concentration["tCr"][0, 0, 0] != np.float32(0.823)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    path = pack(
        folder / "a.tar", ("t/" + "d" * 120 + "/sl1_1-1.table", TABLE), ("t/sl1_1-2.table", OTHER),
        ("t/sl1_1-3.table", tarfile.SYMTYPE, "sl1_1-2.table"), form=tarfile.PAX_FORMAT,
    )  # fmt: skip
    return path.read_bytes()


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.binary(min_size=1, max_size=8)), max_size=3),
    st.integers(0, 12_000), st.booleans(), st.booleans(),
)  # fmt: skip
def test_no_archive_whatever_is_more_than_a_user_error(whole, tmp_path_factory, flips, cut, zipped, is_cut):
    """Flipped, cut and foreign archives give volumes of a scan or a UserError."""
    data = bytearray(whole)
    for place, flip in flips:
        data[place : place + len(flip)] = flip
    data = bytes(data[:cut] if is_cut else data)
    path = tmp_path_factory.getbasetemp() / "fuzzed.tar"
    path.write_bytes(gzip.compress(data, 1)[: -1 - cut % 9 if flips and is_cut else None] if zipped else data)
    try:
        scan = read(path)
    except UserError:
        return
    assert scan.counts()["ok"] > 0


# --- folders


def test_a_pipe_or_folder_named_like_a_table_is_refused_and_not_waited_for(tmp_path):
    (tmp_path / "sl1_1-1.table").write_bytes(TABLE)
    os.mkfifo(tmp_path / "sl1_1-2.table")
    with pytest.raises(UserError, match=r"sl1_1-2.table is a pipe or a device, expected an LCModel table"):
        read(tmp_path)
    (tmp_path / "sl1_1-2.table").unlink()
    os.mkfifo(tmp_path / "CoordFiles.tar.gz")
    with pytest.raises(UserError, match=r"CoordFiles.tar.gz is a pipe"):
        read(tmp_path)


def test_a_pointer_of_git_lfs_is_called_one(tmp_path):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan/sl1_1-1.table").write_bytes(pointer)
    (tmp_path / "scan.tar.gz").write_bytes(pointer)
    pack(tmp_path / "packed.tar", ("sl1_1-1.table", pointer))
    for name in ("scan", "scan.tar.gz", "packed.tar"):
        with pytest.raises(UserError, match=r"is a pointer of Git LFS(.|\n)*git lfs pull"):
            read(tmp_path / name)


def test_linked_folders_are_followed_and_circles_end(tmp_path):
    shutil.copytree(EXAMPLES / "grid/t1", tmp_path / "elsewhere/t1")
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "scan")
    (tmp_path / "elsewhere/again").symlink_to("t1")
    (tmp_path / "scan/circle").symlink_to("circle")
    assert equal(read(tmp_path / "scan"), read(EXAMPLES / "grid/t1"))


def test_broken_links_are_counted_in_the_log(tmp_path, caplog):
    (tmp_path / "sl1_1-1.table").write_bytes(TABLE)
    (tmp_path / "t2").symlink_to("/scratch/gone")
    read(tmp_path)
    assert f"links that are broken in {tmp_path}: 1, such as {tmp_path}/t2" in caplog.text


def test_a_scan_that_is_a_broken_link_is_called_one(tmp_path):
    (tmp_path / "scan").symlink_to("gone")
    with pytest.raises(UserError, match="scan is a broken link"):
        read(tmp_path / "scan")


@pytest.mark.parametrize(("matrix", "said"), [
    ((5, 6, 2), False), ((8, 8, 3), False), ((20, 20, 10), True), ((5, 13, 2), True), ((5, 6, 40), True),
])  # fmt: skip
def test_a_matrix_that_the_files_hardly_fill_is_said(caplog, matrix, said):
    read(EXAMPLES / "grid", matrix)
    assert ("the files are of voxels x 1 to 5, y 1 to 6, z 1 to 2 only" in caplog.text) is said


def test_the_reader_of_archives_needs_no_folder(tmp_path):
    path = pack(tmp_path / "a.tar", ("x", b"1"), ("y", b"2"), ("z", tarfile.LNKTYPE, "x"))
    assert list(archives.members(path, lambda name: name)) == [("x", b"1"), ("y", b"2"), ("z", b"1")]
