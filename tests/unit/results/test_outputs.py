"""Laws of outputs: a script replaces its own results alone, and a result is read as it was written or not at all."""

import json
import os
import re
import shutil
import sys

import pytest
from damage import flip, rewrite

from mrsi_sr.cli import UserError
from mrsi_sr.results import outputs
from mrsi_sr.results.outputs import MARK, RECORD, check_made_from, check_outputs, check_replaced, check_whole
from mrsi_sr.results.ownership import Ownership
from mrsi_sr.results.provenance import Provenance


@pytest.fixture(autouse=True)
def ingest(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["workflow/scripts/ingest.py"])


@pytest.fixture
def another_script(monkeypatch):
    def start():
        monkeypatch.setattr(sys, "argv", ["mask.py"])

    return start


def write_folder(path, *names, content="content"):
    with Provenance({}, code={}).folder(path) as folder:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content)


def write_file(path, content="content", **more):
    with Provenance({}, code={}).beside(path, **more):
        path.write_text(content)


@pytest.mark.parametrize("place", ["new", "empty", "former", "without its record", "without its mark", "half marked"])
def test_a_folder_that_is_new_empty_or_a_former_result_is_replaced(place, tmp_path):
    """Without its record: Snakemake deletes it before it runs the job again. Half marked: the run was killed."""
    out = tmp_path / "out"
    if place in ("empty", "half marked"):
        out.mkdir()
    if place == "half marked":
        (out / f".a-host.17.{MARK}").touch()
    if place.startswith(("former", "without")):
        write_folder(out, "old", "below/old")
    if place.startswith("without"):
        (out / {"without its record": RECORD, "without its mark": MARK}[place]).unlink()
    write_folder(out, "x")
    assert sorted(path.name for path in out.iterdir()) == sorted([MARK, RECORD, "x"])


SYSTEMS = [".DS_Store", "._status.nii.gz", ".nfs000000000123abcd00000001", ".fuse_hidden0001", "Thumbs.db"]


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_systems_own_file_makes_no_folder_full_and_is_no_persons_work(name, tmp_path):
    (tmp_path / "out").mkdir()
    for _ in range(2):
        (tmp_path / "out" / name).write_text("the system's")
        write_folder(tmp_path / "out", "x")
    (tmp_path / "network").mkdir()
    (tmp_path / "network" / name).touch()
    with Ownership(tmp_path / "network"):
        pass


@pytest.mark.parametrize("mine", ["thesis.tex", ".git", ".hidden/thesis.tex", "sub-07/lcmodel/sl1.table"])
def test_a_folder_of_anything_else_is_not_replaced(mine, tmp_path):
    (tmp_path / "out" / mine).parent.mkdir(parents=True)
    (tmp_path / "out" / mine).write_text("years of work")
    with pytest.raises(UserError, match=r"is no former result of ingest\.py: it is not replaced"):
        write_folder(tmp_path / "out", "x")
    assert (tmp_path / "out" / mine).read_text() == "years of work"


def test_a_folder_of_another_script_is_not_replaced(tmp_path, another_script):
    write_folder(tmp_path / "out", "x")
    another_script()
    with pytest.raises(UserError, match=r"was written by ingest\.py: it is not replaced"):
        write_folder(tmp_path / "out", "y")
    assert (tmp_path / "out" / "x").exists()


@pytest.mark.parametrize(
    "mine", ["notes.txt", ".git/HEAD", ".notes/observer.txt", ".notes", ".host.1.x", "._own/notes.txt", f"below/{MARK}"]
)
def test_what_a_person_put_into_a_former_result_is_not_lost(mine, tmp_path):
    """Hidden or not; before any work, and also where it came while the script worked."""
    write_folder(tmp_path / "out", "x")
    provenance = Provenance({}, code={})
    (tmp_path / "out" / mine).parent.mkdir(exist_ok=True)
    (tmp_path / "out" / mine).write_text("mine")
    for refused in (check_replaced, lambda out: provenance.folder(out).__enter__()):
        with pytest.raises(UserError, match=rf"has files that ingest\.py did not write: {re.escape(mine)}\n"):
            refused(tmp_path / "out")
    assert (tmp_path / "out" / mine).read_text() == "mine"


def test_results_of_an_earlier_version_are_refused_with_how_to_move_them_all(tmp_path):
    """They have neither the name of their script nor checksums, and Snakemake deletes the record before it runs."""
    (tmp_path / "volumes").mkdir()
    (tmp_path / "volumes" / "status.nii.gz").touch()
    for record in ("{}", '{"settings": {}, "inputs_sha256": {}, "version": "0.1.0"}'):
        (tmp_path / "volumes" / RECORD).write_text(record)
        with pytest.raises(UserError, match=r"results of an earlier version, all at once: mv results results\.old"):
            check_replaced(tmp_path / "volumes")
    (tmp_path / "slices.npz").touch()
    with pytest.raises(UserError, match=r"mv results results\.old"):
        write_file(tmp_path / "slices.npz")


@pytest.mark.parametrize("out", ["raw/lcmodel", "raw", ".", "link", "raw/lcmodel/../../raw", "raw/lcmodel/a.table"])
def test_an_input_and_the_folders_above_it_are_never_an_output(out, tmp_path):
    (tmp_path / "raw" / "lcmodel").mkdir(parents=True)
    (tmp_path / "raw" / "lcmodel" / "a.table").touch()
    (tmp_path / "link").symlink_to(tmp_path / "raw")
    inputs = [tmp_path / "raw" / "lcmodel", tmp_path / "raw" / "lcmodel" / "a.table"]
    with pytest.raises(UserError, match=r"would be replaced, and (is|holds) an input"):
        check_outputs([tmp_path / out], inputs)


def test_a_former_result_that_holds_an_input_of_this_run_is_not_replaced(tmp_path):
    write_folder(tmp_path / "out", "x")
    with pytest.raises(UserError, match="holds an input"):
        Provenance({}, [tmp_path / "out" / "x"], code={}).folder(tmp_path / "out").__enter__()
    hard_link = tmp_path / "hard"
    os.link(tmp_path / "out" / "x", hard_link)
    with pytest.raises(UserError, match="is an input"):
        check_outputs([tmp_path / "out" / "x"], [hard_link])


def test_an_output_beside_the_inputs_and_below_them_is_taken(tmp_path):
    (tmp_path / "raw").mkdir()
    check_outputs([tmp_path / "raw" / "losses.png", tmp_path / "raw-2"], [tmp_path / "raw"])


def test_a_file_is_replaced_by_the_script_that_wrote_it_alone(tmp_path, another_script):
    write_file(tmp_path / "slices.npz")
    write_file(tmp_path / "slices.npz", "again")
    assert (tmp_path / "slices.npz").read_text() == "again"
    (tmp_path / "mine.npz").write_text("mine")
    with pytest.raises(UserError, match=r"mine\.npz exists, and is no former result"):
        write_file(tmp_path / "mine.npz")
    another_script()
    with pytest.raises(UserError, match=r"slices\.npz exists, and was written by ingest\.py"):
        write_file(tmp_path / "slices.npz")
    write_folder(tmp_path / "mask", "m.nii.gz")
    with pytest.raises(UserError, match="exists, and"):
        check_outputs([tmp_path / "slices.provenance.json"])


def test_a_file_in_a_folder_of_another_script_is_not_replaced(tmp_path, another_script):
    write_folder(tmp_path / "volumes", "status.nii.gz")
    another_script()
    for name in ("status.nii.gz", RECORD, MARK):
        with pytest.raises(UserError, match=r"exists, and was written by ingest\.py"):
            check_outputs([tmp_path / "volumes" / name])


def test_files_of_one_result_are_known_again_also_under_other_names(tmp_path):
    files = [tmp_path / "table.csv", tmp_path / "elsewhere" / "figures.md"]
    files[1].parent.mkdir()
    for _ in range(2):
        with Provenance({}, code={}).beside(*files):
            for file in files:
                file.write_text("content")
    assert json.loads((tmp_path / "table.provenance.json").read_text())["outputs_sha256"].keys() == {
        "table.csv", "elsewhere/figures.md",
    }  # fmt: skip


def test_a_run_that_fails_before_it_writes_leaves_nothing_and_one_that_is_killed_can_be_run_again(tmp_path):
    def run(content, error=None):
        with Provenance({}, code={}).beside(tmp_path / "x.csv"):
            if content:
                (tmp_path / "x.csv").write_text(content)
            if error:
                raise error

    with pytest.raises(ValueError):
        run("", ValueError())
    assert not list(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):  # as far as a kill comes: the file, and no record of it yet
        run("half", KeyboardInterrupt())
    with pytest.raises(UserError, match=r"was not finished by ingest\.py"):
        check_whole(tmp_path / "x.csv")
    run("whole")
    check_whole(tmp_path / "x.csv")


@pytest.mark.parametrize("kind", ["folder", "folder without its record", "file"])
@pytest.mark.parametrize("position", [0.0, 0.5, 0.99])
def test_one_flipped_bit_is_named_with_what_to_do(kind, position, tmp_path):
    if kind == "file":
        file, made = tmp_path / "slices.npz", tmp_path / "slices.npz"
        write_file(file)
    else:
        file, made = tmp_path / "volumes" / "status.nii.gz", tmp_path / "volumes" / RECORD
        write_folder(tmp_path / "volumes", "status.nii.gz")
    if kind.endswith("without its record"):
        made.unlink()
    check_whole(file)
    flip(file, position)
    with pytest.raises(UserError, match="is damaged, or was changed after ingest") as error:
        check_whole(file)
    assert f"delete {made}, and run the workflow or ingest.py again" in str(error.value)


def test_a_result_that_was_copied_is_still_compared(tmp_path):
    write_folder(tmp_path / "networks", "best.safetensors")
    shutil.copytree(tmp_path / "networks", tmp_path / "copy", ignore=shutil.ignore_patterns(MARK))
    check_whole(tmp_path / "copy" / "best.safetensors")
    flip(tmp_path / "copy" / "best.safetensors")
    with pytest.raises(UserError, match="is damaged"):
        check_whole(tmp_path / "copy" / "best.safetensors")


def test_a_file_that_was_added_to_a_result_is_no_part_of_it(tmp_path):
    write_folder(tmp_path / "volumes", "status.nii.gz")
    (tmp_path / "volumes" / "brain_mask.nii.gz").write_text("mine")
    with pytest.raises(UserError, match="is no part of the result"):
        check_whole(tmp_path / "volumes" / "brain_mask.nii.gz")


def test_a_persons_own_file_is_taken_as_it_is(tmp_path):
    (tmp_path / "slices.npz").write_text("mine")
    check_whole(tmp_path / "slices.npz")
    check_whole(tmp_path / "missing.npz")


@pytest.mark.parametrize("content", ['{"software": "another"}', '[{"software": "another"}]', "prov:entity", ""])
def test_another_softwares_provenance_says_nothing_of_a_scan_beside_it(content, tmp_path):
    (tmp_path / "T1.nii.gz").write_text("scan")
    (tmp_path / RECORD).write_text(content)
    check_whole(tmp_path / "T1.nii.gz")


def test_a_damaged_record_in_a_folder_of_ours_hides_no_damage(tmp_path):
    write_folder(tmp_path / "volumes", "status.nii.gz")
    rewrite(tmp_path / "volumes" / RECORD, b"{")
    check_whole(tmp_path / "volumes" / "status.nii.gz")
    flip(tmp_path / "volumes" / "status.nii.gz")
    with pytest.raises(UserError, match="is damaged"):
        check_whole(tmp_path / "volumes" / "status.nii.gz")
    rewrite(tmp_path / "volumes" / MARK, b"{")
    with pytest.raises(UserError, match=r"result\.json cannot be read as a record of a result"):
        check_whole(tmp_path / "volumes" / "status.nii.gz")


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"', '{"script": 1, "script": 2}', "[" * 100_000])
def test_a_record_that_is_cut_or_another_thing_is_named(content, tmp_path):
    write_file(tmp_path / "slices.npz")
    rewrite(tmp_path / "slices.provenance.json", content.encode())
    with pytest.raises(UserError, match=r"slices\.provenance\.json cannot be read as a record of a result"):
        check_whole(tmp_path / "slices.npz")
    assert outputs.read_record(tmp_path / "slices.provenance.json") == {}


def test_what_was_made_from_another_source_is_refused(tmp_path):
    (tmp_path / "slices.npz").write_text("slices")
    with Provenance({}, [tmp_path / "slices.npz"], code={}).beside(tmp_path / "low.npz"):
        (tmp_path / "low.npz").write_text("k-space")
    check_made_from(tmp_path / "low.npz", tmp_path / "slices.npz")
    rewrite(tmp_path / "slices.npz", b"others")
    with pytest.raises(UserError, match=r"low\.npz was not made from .*slices\.npz"):
        check_made_from(tmp_path / "low.npz", tmp_path / "slices.npz")
    (tmp_path / "low.provenance.json").unlink()
    check_made_from(tmp_path / "low.npz", tmp_path / "slices.npz")
