"""Every configuration plans, and a wrong one is refused before any job starts."""

import re

import pytest


def jobs(text: str) -> dict[str, int]:
    """Jobs by rule, from the table that a dry run ends with."""
    table = text.split("count\n")[1].split("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", table, re.MULTILINE)}


@pytest.mark.parametrize(("name", "networks", "methods"), [("demo", 4, 4), ("demo_all", 7, 8)])
def test_the_demos_plan(clone, name, networks, methods):
    planned = jobs(clone.dry_run("--configfile", f"config/{name}.yaml"))
    assert planned["simulate"] == planned["ingest"] == planned["slices"] == planned["truncate"] == 5
    assert planned["train"] == networks
    assert planned["sample"] == planned["evaluate"] == methods


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
    assert planned["train"] == 5 * 19 + 5 * 15 + 8
    assert "simulate" not in planned
    assert sum(planned.values()) < 1000


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
