"""Lineage: a change reaches every stage behind it as a parameter, and no other; scan files count by their content."""

import copy
import fcntl
import gzip
import inspect
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.results.files import checksum
from mrsi_sr.workflow.plan import Plan
from mrsi_sr.workflow.records import KEPT, set_aside_inventories_of_lost_files
from mrsi_sr.workflow.scan_files import Contents

OF_RAW = ("strip", "register")  # rules of participants whose MRI is raw
OF_COHORT = ("mask", "montage", "slices", "truncate", "cohort_summary", "inventory")
OF_NETWORKS = ("train", "losses", "sample", "evaluate", "compare", "table", "shown_maps", "figure", "hand_over")
OF_NETWORKS += ("probe", "probe_table")
PLACE = SimpleNamespace(
    cohort="toy", participant="sub-01", protocol="clean", experiment="toy", fold="1", network="munet", method="munet",
    table="comparison", figure="qualitative", scan="sub-02", probe="lesions",
)  # fmt: skip


@pytest.fixture
def scans(tmp_path, monkeypatch):
    """A folder with a participants table of three real scans, and their files."""
    monkeypatch.chdir(tmp_path)
    rows = [["participant", "lcmodel", "reference", "t1", "flair"]]
    for name in ("sub-01", "sub-02", "sub-03"):
        (tmp_path / name / "lcmodel").mkdir(parents=True)
        for image in ("reference", "t1", "flair"):
            (tmp_path / name / f"{image}.nii.gz").write_text(f"{image} of {name}")
        rows.append([name, f"{name}/lcmodel", *(f"{name}/{image}.nii.gz" for image in ("reference", "t1", "flair"))])
    (tmp_path / "participants.tsv").write_text("\n".join("\t".join(row) for row in rows) + "\n")
    return tmp_path


@pytest.fixture
def real(raw, scans):
    """The toy configuration for these scans."""
    raw["cohort"] = {"name": "toy", "participants": "participants.tsv"}
    raw["experiments"]["toy"]["folds"] = {"number": 3, "run": [1]}
    raw["experiments"]["toy"]["probes"] = {"lesions": {}}
    return raw


def lineage(raw: dict) -> dict[str, str]:
    plan = Plan(copy.deepcopy(raw))
    return {rule: plan.lineage(rule)(PLACE) for rule in ("ingest", *OF_COHORT, *OF_NETWORKS)}


def reached(raw: dict, change) -> set[str]:
    """Rules whose lineage a change of the configuration or the scans changes."""
    before = lineage(raw)
    change(raw)
    after = lineage(raw)
    return {rule for rule in before if before[rule] != after[rule]}


def make_raw(scans, name: str) -> None:
    """Say in the participants table that one scan's MRI is raw."""
    table = scans / "participants.tsv"
    head, *rows = table.read_text().splitlines()
    rows = [f"{row}\t{'raw' if row.startswith(name) else ''}" for row in rows]
    table.write_text("\n".join([f"{head}\tmri", *rows]) + "\n")


def test_a_participant_whose_mri_is_raw_changes_nothing_of_those_whose_mri_is_prepared(real, scans):
    """PLACE is of sub-01; what comes of all participants changes."""
    changed = reached(real, lambda _: make_raw(scans, "sub-02"))
    assert changed == {"cohort_summary", "inventory", *OF_NETWORKS}
    plan = Plan(copy.deepcopy(real))
    assert plan.files("t1", "brain_mask")(PLACE) == ["sub-01/t1.nii.gz"]
    assert plan.file_flags("t1", "brain_mask")(PLACE) == "--t1=sub-01/t1.nii.gz"


def test_raw_mri_is_prepared_before_what_reads_it_which_is_given_the_prepared_images(real, scans):
    make_raw(scans, "sub-01")
    plan, folder = Plan(copy.deepcopy(real)), "results/cohorts/toy/sub-01/mri/registered"
    assert plan.files("t1", "flair", "brain_mask")(PLACE) == [f"{folder}/provenance.json"]
    flags = plan.file_flags("t1", "flair", "brain_mask", "lesion")(PLACE).split()
    assert flags == [f"--{flag}={folder}/{flag.replace('-', '_')}.nii.gz" for flag in ("t1", "flair", "brain-mask")]
    assert plan.strip_flags(PLACE) == "--t1=sub-01/t1.nii.gz --method=deepbet"
    assert plan.registration_files(PLACE) == ["sub-01/flair.nii.gz", "sub-01/t1.nii.gz"]


@pytest.mark.parametrize(
    ("key", "value", "rules"),
    [
        ("strip", "bet", {"register"}),
        ("registration", "flirt", set()),
        ("target", "reference", set()),
        ("n4", True, set()),
    ],
)
def test_a_setting_of_raw_mri_reaches_every_stage_behind_it(key, value, rules, real, scans):
    make_raw(scans, "sub-01")
    before = {rule: Plan(copy.deepcopy(real)).lineage(rule)(PLACE) for rule in OF_RAW}
    assert reached(real, setting("cohort", "mri", key, value=value)) == {"mask", *BEHIND["mask"]}
    after = {rule: Plan(copy.deepcopy(real)).lineage(rule)(PLACE) for rule in OF_RAW}
    assert {rule for rule in OF_RAW if before[rule] != after[rule]} == rules


def test_a_raw_image_with_other_content_reaches_what_is_prepared_from_it(real, scans):
    make_raw(scans, "sub-01")
    file = scans / "sub-01" / "flair.nii.gz"
    assert reached(real, lambda _: file.write_text("another")) == {"mask", *BEHIND["mask"]}
    plan = Plan(copy.deepcopy(real))
    before = plan.lineage("register")(PLACE)
    (scans / "sub-01" / "t1.nii.gz").write_text("another")
    assert Plan(copy.deepcopy(real)).lineage("register")(PLACE) != before


def test_raw_mri_without_the_reference_that_it_is_to_be_registered_to_is_refused(real, scans):
    make_raw(scans, "sub-01")
    table = scans / "participants.tsv"
    table.write_text(table.read_text().replace("sub-01/reference.nii.gz", ""))
    real["cohort"]["mri"] = {"target": "reference"}
    with pytest.raises(UserError, match="sub-01 has raw MRI and no reference, but"):
        Plan(real)


def setting(*keys, value):
    def change(raw):
        for key in keys[:-1]:
            raw = raw.setdefault(key, {})
        raw[keys[-1]] = value

    return change


AFTER_SLICES = {"truncate", "cohort_summary", "inventory", *OF_NETWORKS}
BEHIND = {
    "ingest": {"mask", "montage", "slices", *AFTER_SLICES},
    "mask": {"montage", "slices", *AFTER_SLICES},
    "slices": AFTER_SLICES,
    "truncate": {"inventory", *OF_NETWORKS},
    "folds": set(OF_NETWORKS),
    "train": {"losses", "hand_over", "sample", "evaluate", "compare", "table", "shown_maps", "figure"}
    | {"probe", "probe_table"},
    "sample": {"evaluate", "compare", "table", "shown_maps", "figure", "probe_table"},
    "evaluate": {"compare", "table", "shown_maps", "figure"},
}
EXPERIMENT = ("experiments", "toy")


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("ingest", setting("cohort", "ingest", "flip", value="x")),
        ("ingest", setting("cohort", "metabolites", value=["tCho", "NAA"])),
        ("mask", setting("cohort", "quality", "max_sd_percent", value=15.0)),
        ("slices", setting("cohort", "slices", "max_slices", value=30)),
        ("slices", setting("cohort", "unit", value="mmol/kg")),
        ("truncate", setting(*EXPERIMENT, "evaluate_sizes", value=[4, 8, 16, 32])),
        ("folds", setting(*EXPERIMENT, "folds", "seed", value=7)),
        ("train", setting("networks", "munet", "learning_rate", value=2e-3)),
        ("train", setting(*EXPERIMENT, "seeds", value=[9])),
        ("sample", setting("methods", "munet", "seed", value=9)),
        ("evaluate", setting(*EXPERIMENT, "metrics", value=["nrmse", "psnr"])),
    ],
)
def test_a_setting_reaches_every_stage_behind_the_one_it_belongs_to_and_no_other(rule, change, real):
    if rule == "evaluate":  # else the table asks for a metric that is not computed
        real["experiments"]["toy"]["tables"]["comparison"]["metrics"] = ["nrmse"]
    assert reached(real, change) == BEHIND[rule]


@pytest.mark.parametrize("change", [
    setting("networks", "munet", "checkpoint_every", value=1),
    setting("methods", "munet", "batch_size", value=3),
    setting("methods", "munet", "label", value="Another"),
    setting(*EXPERIMENT, "tables", "comparison", "title", value="Another"),
    setting("networks", "unused", value={"like": "munet", "learning_rate": 1.0}),
])  # fmt: skip
def test_what_changes_no_result_reaches_nothing(change, real):
    assert reached(real, change) == set()


@pytest.mark.parametrize(("image", "rule"), [("reference", "ingest"), ("t1", "mask"), ("flair", "slices")])
def test_a_scan_file_with_other_content_reaches_what_is_behind_its_reader_and_one_that_is_touched_nothing(
    image, rule, real, scans
):
    file = scans / "sub-02" / f"{image}.nii.gz"
    assert reached(real, lambda _: os.utime(file, (1, 1))) == set()
    behind_one = {"truncate", "slices", "montage", "mask"}  # jobs of the participant, who is another one here
    assert reached(real, lambda _: file.write_text("another")) == BEHIND[rule] - behind_one


def test_what_a_rule_is_given_is_in_the_lineage_of_what_comes_after_it(real, repository):
    real["experiments"]["toy"]["calibration"] = {"methods": {PLACE.method: None}}
    plan = Plan(real | {"scans": {"table": "participants.tsv", "networks": "from/elsewhere", "method": "munet"}})
    text = "\n".join(path.read_text() for path in (repository / "workflow" / "rules").glob("*.smk"))
    for rule, parts in plan._lineage._deciding.items():
        block = re.search(rf"^rule {rule}:\n(?:(?:    .*)?\n)+", text, re.MULTILINE)[0]
        asked = re.findall(r"^ +\w+=(plan\..+),$", block[block.index("    params:") :], re.MULTILINE)
        given = [eval(each, {"plan": plan}) for each in asked if "code_hash" not in each and "lineage" not in each]
        given = [each for each in given if not callable(each) or "threads" not in inspect.signature(each).parameters]
        if rule in ("simulate", "super_resolve", "truncate_refitted"):  # of phantoms, new or refitted scans alone
            assert {each.__name__ for each in given} <= {each.__name__ for each in parts}
            continue
        decided = [part(PLACE) if callable(part) else part for part in parts]
        for each in given:
            assert (each(PLACE) if callable(each) else each) in decided, f"{rule}: {each}"


def test_a_refitted_scan_with_other_content_reaches_the_experiments_that_read_it_alone(real, scans):
    table = scans / "participants.tsv"
    header, *rows = table.read_text().splitlines()
    folders = [f"sub-0{k}/low" for k in (1, 2, 3)]
    lines = [f"{header}\tlow_resolution", *map("\t".join, zip(rows, folders, strict=True))]
    table.write_text("\n".join(lines) + "\n")
    scan = scans / "sub-02" / "low" / "size-8" / "NAA_sd.nii.gz"
    scan.parent.mkdir(parents=True)
    scan.write_text("scan")
    for kind, behind in (("refitted", BEHIND["truncate"]), ("masked", set())):
        real["experiments"]["toy"]["low_resolution"] = kind
        assert reached(real, lambda _, kind=kind: scan.write_text(f"another, {kind}")) == behind


def test_a_file_is_read_again_only_where_its_size_or_time_has_changed(scans, monkeypatch):
    path, kept = str(scans / "sub-01" / "t1.nii.gz"), scans / "contents.json"
    first = Contents(kept)
    known = first.of(path)
    first.keep()
    monkeypatch.setattr("mrsi_sr.workflow.scan_files.checksum", lambda path: "read")
    assert Contents(kept).of(path) == known
    os.utime(path, (1, 1))
    assert Contents(kept).of(path) == "read"


def test_a_file_that_is_gone_has_the_content_it_had_and_a_folder_changes_with_what_lies_in_it(scans):
    contents, path, folder = Contents(scans / "contents.json"), scans / "sub-01" / "t1.nii.gz", scans / "sub-01/lcmodel"
    known, before = contents.of(str(path)), contents.of(str(folder))
    contents.keep()
    path.unlink()
    os.utime(folder, (1, 1))
    assert Contents(scans / "contents.json").of(str(path)) == known != ""
    assert contents.of(str(folder)) != before
    assert contents.of("never/there") == ""


@pytest.mark.parametrize("text", ["", "[]", "{", '{"sub-01/t1.nii.gz": 1}', '{"sub-01/t1.nii.gz": []}', "7"])
def test_a_damaged_list_of_contents_is_made_anew(text, scans):
    (scans / "contents.json").write_text(text)
    assert Contents(scans / "contents.json").of("sub-01/t1.nii.gz") == Contents(scans / "none").of("sub-01/t1.nii.gz")


def test_a_large_archive_is_known_by_its_end_with_its_checksum_and_any_other_large_file_by_all_of_it(
    scans, monkeypatch
):
    monkeypatch.setattr("mrsi_sr.workflow.scan_files.WHOLE_BYTES", 10)
    monkeypatch.setattr("mrsi_sr.workflow.scan_files.END_BYTES", 8)

    def seen(content: bytes) -> str:
        (scans / "large").write_bytes(content)
        return Contents(scans / "none").of(str(scans / "large"))

    tables = [100 * b"." + text for text in (b"one", b"two")]
    assert seen(gzip.compress(tables[0])) != seen(gzip.compress(tables[1]))
    assert seen(b"head.....tail") != seen(b"head..!..tail")
    monkeypatch.setattr("mrsi_sr.workflow.scan_files.checksum", lambda path: "read whole")
    assert seen(gzip.compress(tables[0])) != "read whole" == seen(tables[0])


def test_an_inventory_of_files_that_are_gone_is_set_aside_and_a_whole_one_kept_and_both_while_a_workflow_runs(scans):
    for experiment, names in (("whole", ["sub-01/t1.nii.gz"]), ("lost", ["sub-01/t1.nii.gz", "sub-02/slices.npz"])):
        (scans / "results" / experiment).mkdir(parents=True)
        lines = ["file,sha256", *(f"{name},abc" for name in names)]
        (scans / "results" / experiment / "inventory.csv").write_text("\n".join(lines) + "\n")
    KEPT.mkdir()
    with (KEPT / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        set_aside_inventories_of_lost_files()
    assert len(list((scans / "results").glob("*/inventory.csv"))) == 2
    set_aside_inventories_of_lost_files()
    names = {path.parent.name: path.name for path in (scans / "results").glob("*/inventory*")}
    assert names == {"whole": "inventory.csv", "lost": "inventory.lost.csv"}


def test_a_check_of_scans_follows_the_scans_and_how_they_are_read_alone(real):
    scans = {"table": "participants.tsv", "networks": "from/elsewhere", "method": "munet"}

    def table(change=lambda raw: None) -> str:
        changed = copy.deepcopy(real | {"scans": scans})
        change(changed)
        return Plan(changed).lineage("check_table")(PLACE)

    before = table()
    assert table(setting("cohort", "ingest", "flip", value="x")) != before
    assert table(lambda raw: raw["scans"].update(ingest={"flip": "x"})) != before
    assert table(setting("cohort", "quality", "min_snr", value=3.0)) == before
    assert table(lambda raw: raw["scans"].update(seed=2)) == before
    checks = Plan(real | {"scans": scans}).checks()
    assert checks[0] == "results/cohorts/toy/sub-01/check.json" and checks[-1] == "results/checks/sub-03.json"
    assert Plan(real).checks() == checks[:3]


def test_lpips_weights_reach_the_evaluations_of_experiments_with_lpips_alone_and_by_their_content(real, monkeypatch):
    """An archive in place of its download changes no lineage: both are known by one checksum."""
    Path("archive.tar.gz").write_bytes(b"weights")
    monkeypatch.setattr("mrsi_sr.workflow.lpips.ARCHIVE_SHA256", checksum("archive.tar.gz"))
    real["lpips"] = {"download": True}
    assert reached(real, setting("lpips", value={"archive": "archive.tar.gz"})) == set()
    assert reached(real, setting("lpips", value=None)) == set()  # the toy has no such metric
    real |= {"lpips": {"download": True}}
    real["experiments"]["toy"]["metrics"] = ["nrmse", "psnr", "ssim", "lpips_vgg"]
    assert reached(real, setting("lpips", value={"archive": "archive.tar.gz"})) == set()
    behind = {"evaluate", *BEHIND["evaluate"]}
    assert reached(real, lambda _: Path("archive.tar.gz").write_bytes(b"other weights")) == behind
    assert reached(real, setting("lpips", value=None)) == behind
