"""Every configuration plans, and a wrong one is refused before any job starts."""

import re

import pytest

# Notes every file that Python opens and every folder that it lists.
WATCH = """
import os, sys
notes = os.open("touched.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def watch(event, arguments):
    if event in ("open", "os.listdir", "os.scandir"):
        os.write(notes, f"{event} {arguments[0]}\\n".encode())
sys.addaudithook(watch)
"""


def jobs(text: str) -> dict[str, int]:
    """Jobs by rule, from the table that a dry run ends with."""
    table = text.split("count\n")[1].split("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", table, re.MULTILINE)}


@pytest.mark.parametrize(("name", "networks", "methods"), [("demo", 6, 6), ("demo_all", 9, 10)])
def test_the_demos_plan(clone, name, networks, methods):
    planned = jobs(clone.dry_run("--configfile", "config/demo.yaml", "--config", f"run=[{name}]"))
    assert planned["simulate"] == planned["ingest"] == planned["slices"] == planned["truncate"] == 5
    assert planned["train"] == networks
    assert planned["sample"] == planned["evaluate"] == methods


def test_the_study_of_our_own_method_plans(clone):
    planned = jobs(clone.dry_run("--configfile", "config/own_method.yaml"))
    # Eleven for each low resolution, five finals for each of three seeds, four doubled, four of protocol paper.
    assert planned["train"] == 2 * 11 + 3 * 5 + 4 + 4
    assert planned["simulate"] == planned["truncate_refitted"] == 30
    assert planned["calibrate"] == 4 + 3 * 4 + 2 and planned["probe"] == 5


def test_the_papers_experiments_plan_for_25_participants(clone):
    (clone.folder / "scans").mkdir()
    lines = ["participant\tlcmodel\tt1\tflair"]
    for k in range(25):
        files = [f"scans/{k}.{ending}" for ending in ("tar.gz", "t1.nii.gz", "flair.nii.gz")]
        for file in files:
            (clone.folder / file).touch()
        lines.append("\t".join([f"p{k:02d}", *files]))
    (clone.folder / "config" / "participants.tsv").write_text("\n".join(lines) + "\n")
    planned = jobs(clone.dry_run())
    assert planned["ingest"] == planned["mask"] == planned["slices"] == 25
    # FTDDM and multi-scale in five folds, the flow enhancer in one: networks are trained once for all methods.
    assert planned["train"] == 5 * 22 + 5 * 15 + 11
    assert "simulate" not in planned
    assert sum(planned.values()) < 1000, planned


def test_the_clinic_trains_three_networks_hands_them_over_and_tests_nobody(clone):
    (clone.folder / "mine.yaml").write_text(
        "run: [clinic]\n"
        "cohort: {name: mine, participants: config/demo_participants.tsv, simulate: {slices: [16, 25]}}\n"
    )
    planned = jobs(clone.dry_run("--configfile", "mine.yaml"))
    assert planned["train"] == 3 and planned["hand_over"] == planned["inventory"] == 1
    assert not planned.keys() & {"truncate", "sample", "evaluate", "table", "compare", "shown_maps", "figure"}


def test_the_worked_example_of_the_guide_plans_what_it_says(clone):
    guide = (clone.folder / "config" / "README.md").read_text()
    example, *_ = re.findall(r"^```yaml\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    (clone.folder / "mine.yaml").write_text(example)
    planned = jobs(clone.dry_run("--profile", "profiles/local", "--configfile", "mine.yaml"))
    assert planned["train"] == 3 * 2 and planned["sample"] == 4 * 2 and planned["table"] == 1
    assert {"simulate": 5, "ingest": 5}.items() <= planned.items()


def test_a_scan_whose_mri_is_raw_is_stripped_and_registered_before_it_is_masked(clone):
    rows = ["participant\tlcmodel\tt1\tflair\tmri"]
    for name, mri in (("raw", "raw"), ("ready", "prepared")):
        files = [f"scans/{name}.{ending}" for ending in ("tar.gz", "t1.nii.gz", "flair.nii.gz")]
        for file in files:
            (clone.folder / file).parent.mkdir(exist_ok=True)
            (clone.folder / file).touch()
        rows.append("\t".join([name, *files, mri]))
    (clone.folder / "config" / "participants.tsv").write_text("\n".join(rows) + "\n")
    said = clone.dry_run("cohort", "--printshellcmds")
    planned = jobs(said)
    assert planned["strip"] == planned["register"] == 1 and planned["mask"] == planned["slices"] == 2
    assert "strip.py --t1=scans/raw.t1.nii.gz --method=deepbet" in said
    (masked,) = re.findall(r"mask\.py --volumes \S*/raw/volumes (.+) --settings", said)
    folder = "results/cohorts/glioma/raw/mri/registered"
    assert masked == f"--brain-mask={folder}/brain_mask.nii.gz --t1={folder}/t1.nii.gz"


def test_planning_reads_no_folder_of_voxel_files(clone):
    """Ten thousand files on a slow disk are listed and read by the one job that ingests them."""
    for scan in (clone.folder / "scans" / "voxels" / f"p{number:02d}" for number in range(15)):
        scan.mkdir(parents=True)
        for k in range(3):
            (scan / f"sl1_1-{k + 1}.table").touch()
    for name in ("t1", "flair"):
        (clone.folder / "scans" / f"{name}.nii.gz").touch()
    rows = [f"p{k:02d}\tscans/voxels/p{k:02d}\tmultivoxel\tscans/t1.nii.gz\tscans/flair.nii.gz" for k in range(15)]
    table = "\n".join(["participant\tlcmodel\tpattern\tt1\tflair", *rows]) + "\n"
    (clone.folder / "config" / "participants.tsv").write_text(table)
    (clone.folder / "src" / "sitecustomize.py").write_text(WATCH)
    assert jobs(clone.dry_run())["ingest"] == 15
    touched = (clone.folder / "touched.txt").read_text().splitlines()
    assert any("participants.tsv" in line for line in touched)
    assert not [line for line in touched if "scans/voxels" in line]


def test_no_participants_is_one_clear_message(clone):
    done = clone.snakemake("--dry-run")
    assert done.returncode != 0
    said = done.stdout + done.stderr  # a dry run speaks on standard output
    assert "config/participants.tsv lists no participants" in said
    assert "Traceback" not in said


def test_a_wrong_key_is_named_before_any_job_starts(clone):
    file = clone.folder / "config" / "demo.yaml"
    file.write_text(file.read_text().replace("temperature", "temprature").replace("label: MUNet-FS", "lable: MUNet-FS"))
    done = clone.snakemake("--dry-run", "--configfile", "config/demo.yaml")
    assert done.returncode != 0
    assert "methods.munet_fs_cwgan.lable is not a known key: did you mean label?" in done.stdout + done.stderr


def refused(clone, *arguments: str) -> str:
    """What a dry run says that cannot plan, without frames of Python."""
    done = clone.snakemake("--dry-run", *arguments)
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "Traceback (most recent call last)" not in said
    return said


def test_a_first_look_at_two_scans_plans_though_the_experiment_wants_five_folds(clone):
    clone.participants("config/demo_participants.tsv", 2)
    planned = jobs(clone.dry_run("cohort", "--configfile", "config/demo.yaml"))
    assert planned["slices"] == 2 and "train" not in planned
    said = refused(clone, "--configfile", "config/demo.yaml")
    assert "experiments.demo.folds.number is 5, but it has 2 participants" in said


def test_a_key_that_is_given_twice_and_a_wrong_folder_are_one_message(clone):
    (clone.folder / "twice.yaml").write_text("run: [demo]\nrun: [demo_all]\n")
    assert "the key run is given twice" in refused(clone, "--configfile", "twice.yaml")
    (clone.folder / "elsewhere").mkdir()
    assert f"cd {clone.folder}, and run snakemake there" in refused(clone, "--directory", "elsewhere")
