"""What every script with an output does first: it refuses a place that is not its own, before it reads or writes."""

import json
import runpy
import sys

import pytest
from clone import REPOSITORY
from tiny_cohort import MUNET

from mrsi_sr.cli import UserError
from mrsi_sr.results.outputs import MARK, facts_of

ZERO_FILLED, NETWORK = (
    json.dumps(settings, separators=(",", ":")) for settings in ({"sampler": {"kind": "zero_filled"}}, MUNET.plain())
)
FIGURE = '{"figure":{"kind":"qualitative"}}'
HANDED = {
    "experiment": "a", "cohort": "a", "protocol": "clean", "low_resolution": "masked", "sizes": [8], "folds": [1],
    "methods": {"a": {"label": "a", "sampler": {"kind": "zero_filled"}}}, "networks": {},
}  # fmt: skip
# Flags of each script: IN are files and folders that it reads, OUT is what it writes, beside these words.
SCRIPTS = {
    "simulate": "--participant a --seed 1 --out OUT",
    "ingest": "--lcmodel IN/lcmodel --pattern vienna --reference IN/t1.nii.gz --metabolites NAA --out OUT",
    "check": "--lcmodel IN/lcmodel --pattern vienna --reference IN/t1.nii.gz --metabolites NAA --name a"
    " --flair IN/flair.nii.gz --out OUT",
    "check_table": "--checks IN/a.parquet --out OUT",
    "strip": "--t1 IN/t1.nii.gz --out OUT",
    "register": "--volumes IN/volumes --brain IN/mask --t1 IN/t1.nii.gz --flair IN/flair.nii.gz --out OUT",
    "mask": "--volumes IN/volumes --t1 IN/t1.nii.gz --out OUT",
    "montage": "--volumes IN/volumes --mask IN/mask --t1 IN/t1.nii.gz --unit mM --out OUT",
    "slices": "--participant a --volumes IN/volumes --mask IN/mask --metabolites NAA --unit mM --t1 IN/t1.nii.gz"
    " --flair IN/flair.nii.gz --out OUT",
    "cohort_summary": "--cohort IN --out OUT",
    "truncate": "--slices IN/slices.npz --sizes 8 --protocol clean --out OUT",
    "inventory": "--slices IN/slices.npz --low-resolution IN/low.npz --out OUT",
    "folds": "--participants a,b,c --out OUT",
    "train": f"--settings {NETWORK} --slices IN/slices.npz --folds IN/folds.csv --fold 1 --protocol clean"
    " --sizes 8 --out OUT",
    "sample": f"--method a --settings {ZERO_FILLED} --slices IN/slices.npz --low-resolution IN/low.npz"
    " --folds IN/folds.csv --fold 1 --protocol clean --sizes 8 --out OUT",
    "evaluate": "--samples IN/samples --slices IN/slices.npz --fold 1 --method a --protocol clean --metrics nrmse"
    " --out OUT --provenance OUT.provenance.json",
    "lpips_weights": "--archive IN/lpips.tar.gz --out OUT",
    "losses": "--networks IN/network --out OUT",
    "compare": "--metrics IN/a.parquet --provenance IN/a.provenance.json --out-csv OUT --out-md OUT.md"
    " --out-tex OUT.tex",
    "table": "--metrics IN/a.parquet --provenance IN/a.provenance.json --out-csv OUT --out-md OUT.md --out-tex OUT.tex",
    "shown_maps": "--samples IN/samples --metrics IN/a.parquet --provenance IN/a.provenance.json --slices IN/slices.npz"
    f" --low-resolution IN/low.npz --settings {FIGURE} --out OUT",
    "evidence": "--published IN/folds.csv --tables IN/volumes/counts.csv --out OUT",
    "figure": f"--maps IN/shown.npz --settings {FIGURE} --out-png OUT --out-pdf OUT.pdf",
}
CLAIM = {
    "experiment": "a", "cohort": "a", "protocol": "clean", "metabolites": ["NAA"], "sizes": [8], "metrics": ["nrmse"],
    "folds_in_all": 5,
}  # fmt: skip
SCRIPTS["claim"] = (
    "--provenance IN/a.provenance.json --folds IN/folds.csv --summary IN/volumes/counts.csv"
    f" --settings {json.dumps(CLAIM, separators=(',', ':'))} --out OUT"
)
SCRIPTS["cost"] = "--provenance IN/a.provenance.json --out-csv OUT --out-md OUT.md"
SCRIPTS["page"] = "--title a --texts IN/folds.csv --out OUT"
SCRIPTS["reader_study"] = (
    "--samples IN/samples --slices IN/slices.npz --out-page OUT --out-key OUT.key.csv --out-methods OUT.md"
)
SCRIPTS["reader_ratings"] = (
    "--ratings IN/folds.csv --keys IN/volumes/counts.csv --out-table OUT --out-completeness OUT.complete.csv"
    " --out-agreement OUT.agreement.csv --out-png OUT.png --out-pdf OUT.pdf"
)
SCRIPTS["probe"] = SCRIPTS["sample"]
SCRIPTS["probe_table"] = (
    "--findings IN/volumes --out-csv OUT --out-md OUT.md --out-tex OUT.tex --out-rows OUT.parquet"
    " --out-curves-png OUT.png --out-curves-pdf OUT.pdf --out-examples-png OUT.x.png --out-examples-pdf OUT.x.pdf"
)
SCRIPTS["calibrate"] = (
    "--samples IN/samples --slices IN/slices.npz --fold 1 --method a --protocol clean --metrics nrmse --out OUT"
)
SCRIPTS["calibration_report"] = """--calibrations IN/network --settings {"methods":{"a":null}} --out OUT"""
SCRIPTS["scans_page"] = "--scans IN/scan --out OUT"
SCRIPTS["hand_over"] = (
    f"--settings {json.dumps(HANDED, separators=(',', ':'))} --networks 1/munet=IN/network --scans IN/volumes"
    " --folds IN/folds.csv --out OUT"
)
WITHOUT_OUTPUT = {"status", "estimate", "describe_networks"}
IN_A_FOLDER = {"super_resolve"}  # writes a folder sub-NAME in its output folder: test_super_resolve.py
FOLDERS = (
    "simulate", "ingest", "strip", "register", "mask", "train", "sample", "probe", "lpips_weights", "hand_over",
    "calibrate", "calibration_report",
)  # fmt: skip
FILES = (
    "lcmodel/a.table", "volumes/x.nii.gz", "volumes/counts.csv", "mask/x.nii.gz", "samples/a.npz", "network/losses.csv",
    "t1.nii.gz", "flair.nii.gz", "lpips.tar.gz", "slices.npz", "low.npz", "folds.csv", "a.parquet", "a.provenance.json",
    "scan/provenance.json", "scan/trust.json", "shown.npz",
)  # fmt: skip


@pytest.fixture
def inputs(tmp_path):
    for name in FILES:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("content")
    return tmp_path / "in"


@pytest.fixture
def run(monkeypatch, inputs):
    def run(script, out):
        path = REPOSITORY / "workflow" / "scripts" / f"{script}.py"
        words = [word.replace("IN", str(inputs)).replace("OUT", str(out)) for word in SCRIPTS[script].split()]
        monkeypatch.setattr(sys, "argv", [str(path), *words])
        content = runpy.run_path(str(path))
        content["main"](content["parser"]().parse_args(words))

    return run


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_script_with_an_output_is_here():
    scripts = {path.stem for path in (REPOSITORY / "workflow" / "scripts").glob("*.py")}
    assert scripts == SCRIPTS.keys() | WITHOUT_OUTPUT | IN_A_FOLDER


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_place_that_is_somebody_elses_is_refused_and_left_as_it_is(script, run, tmp_path):
    mine = tmp_path / "mine" / "thesis.tex"
    mine.parent.mkdir()
    mine.write_text("years of work")
    before = contents(tmp_path)
    with pytest.raises(UserError, match="is no former result of"):
        run(script, mine.parent if script in FOLDERS else mine)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "script", ["simulate", "ingest", "mask", "hand_over", "lpips_weights", "calibrate", "calibration_report"]
)
def test_what_a_person_put_into_a_folder_that_is_replaced_is_named_before_anything_is_read(script, run, tmp_path):
    """What they would read is damaged here, which they do not get to see; the folders of the others are kept."""
    out = tmp_path / "out"
    (out / ".git").mkdir(parents=True)
    (out / ".git" / "HEAD").write_text("years of work")
    (out / MARK).write_text(json.dumps(facts_of(f"{script}.py", {})))
    before = contents(tmp_path)
    with pytest.raises(UserError, match=rf"has files that {script}\.py did not write: \.git/HEAD"):
        run(script, out)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("script", [script for script in SCRIPTS if "IN" in SCRIPTS[script]])
def test_an_input_and_what_holds_one_is_refused_and_left_as_it_is(script, run, inputs, tmp_path):
    before = contents(tmp_path)
    given = [word.partition("=")[2] or word for word in SCRIPTS[script].split() if word.startswith("IN")]
    given = {"cohort_summary": ["IN/volumes/counts.csv"], "scans_page": ["IN/scan/trust.json"]}.get(script, given)
    for place in ["IN", *given] if script in FOLDERS else given:
        with pytest.raises(UserError, match=r"would be replaced, and (is|holds) an input"):
            run(script, place.replace("IN", str(inputs)))
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "script",
    ["simulate", "mask", "montage", "slices", "sample", "probe", "evaluate", "calibrate", "folds", "ingest", "check"],
)
def test_a_name_that_leaves_its_place_is_refused(script, run, tmp_path, monkeypatch):
    flags = {"folds": "--participants a", "ingest": "--metabolites NAA"}
    flags |= dict.fromkeys(("sample", "probe", "evaluate", "calibrate"), "--method a") | {"check": "--name a"}
    flag = flags.get(script, "--participant a")
    text = SCRIPTS[script] if flag in SCRIPTS[script] else f"{SCRIPTS[script]} {flag}"
    monkeypatch.setitem(SCRIPTS, script, text.replace(flag, f"{flag.split()[0]} ../../x"))
    with pytest.raises(UserError, match=r"has the name '\.\./\.\./x'"):
        run(script, tmp_path / "out")
