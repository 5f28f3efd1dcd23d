"""Files and folders appear whole or not at all."""

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.files import checksum, writing, writing_folder


def test_a_file_that_fails_half_way_does_not_appear(tmp_path):
    with pytest.raises(RuntimeError), writing(tmp_path / "x.csv") as path:
        path.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_name_keeps_the_endings(tmp_path):
    with writing(tmp_path / "x.nii.gz") as path:
        assert path.name.endswith(".nii.gz")
        path.write_text("")


def test_a_folder_that_fails_half_way_leaves_the_old_one(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    with pytest.raises(RuntimeError), writing_folder(tmp_path / "out") as folder:
        (folder / "new").touch()
        raise RuntimeError
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_is_replaced_whole(tmp_path):
    for name in ("first", "second"):
        with writing_folder(tmp_path / "out") as folder:
            (folder / name).touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["second"]


def test_a_checksum_sees_contents_and_names(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    first = checksum(tmp_path / "a")
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    assert checksum(tmp_path / "a") != first


def test_the_working_directory_is_never_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "precious").touch()
    for folder in (".", "..", tmp_path):
        with pytest.raises(UserError, match="working directory"), writing_folder(folder):
            pass
    assert (tmp_path / "precious").exists()
