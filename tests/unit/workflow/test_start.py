"""What a workflow checks when it starts: its folder, the files that are named, what experiments ask of the cohort."""

import base64
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.workflow import records, start
from mrsi_sr.workflow.plan import Plan

FILES = ("lcmodel", "t1", "flair", "lesion")


@pytest.fixture
def cohort(raw, tmp_path, monkeypatch):
    """The toy configuration of six real scans, and a function that writes their table with some changes and plans."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    raw["cohort"] = {"name": "mine", "participants": "participants.tsv"}
    rows = {f"p{k}": {column: f"data/p{k}.{column}" for column in FILES} for k in range(6)}
    for row in rows.values():
        for path in row.values():
            Path(path).touch()

    def plan(**changes) -> Plan:
        for name, columns in changes.items():
            rows[name] |= columns
        columns = sorted({column for row in rows.values() for column in row})
        lines = [["participant", *columns], *([name, *(row.get(c, "") for c in columns)] for name, row in rows.items())]
        Path("participants.tsv").write_text("\n".join(map("\t".join, lines)) + "\n")
        return Plan(raw)

    return plan


def refused(check, *arguments) -> str:
    with pytest.raises(UserError) as error:
        check(*arguments)
    return str(error.value)


def test_a_cohort_whose_files_are_there_starts_and_says_who_is_in(cohort):
    assert start.check(cohort()) == ["6 of 6 scans of the participants table are included"]
    (said,) = start.check(cohort(p2={"exclude": "moved {a lot}"}))
    assert "5 of 6 scans" in said and "p2 is left out: moved {a lot}" in said


def test_a_mistyped_path_stops_the_workflow_and_every_one_of_them_is_named(cohort):
    said = refused(start.check, cohort(p1={"t1": "data/p1.T1"}, p4={"lcmodel": "nowhere", "lesion": "no"}))
    assert "3 files are not there" in said
    for words in ("p1: t1 data/p1.T1", "p4: lcmodel nowhere", "p4: lesion no"):
        assert words in said


def test_a_participant_who_is_left_out_needs_no_files(cohort):
    assert start.check(cohort(p1={"t1": "nowhere", "exclude": "no T1"}))


def test_a_broken_link_is_not_there(cohort):
    Path("data/p1.t1").unlink()
    Path("data/p1.t1").symlink_to("gone")
    assert "p1: t1 data/p1.t1" in refused(start.check, cohort())


def test_a_file_that_results_were_made_from_may_be_archived_and_no_other(cohort):
    before = cohort()
    for path in ("data/p1.t1", "data/p1.lcmodel"):
        before.contents.of(path)
    before.contents.keep()
    Path("data/p1.t1").unlink()
    lines = start.check(cohort())
    assert len(lines) == 2 and "1 file is not there any more" in lines[1] and "p1: t1 data/p1.t1" in lines[1]
    Path("data/p2.t1").unlink()
    said = refused(start.check, cohort())
    assert "p2: t1 data/p2.t1" in said and "p1" not in said


def recorded(plan, name: str, protocol: str = "clean") -> None:
    """A record of Snakemake's of the participant's low-resolution maps, as made with today's configuration."""
    path = f"{plan.folder}/{name}/low_resolution-{protocol}.npz"
    lineage = plan.lineage("truncate")(SimpleNamespace(participant=name))
    records.KEPT.joinpath("metadata").mkdir(parents=True, exist_ok=True)
    key = base64.urlsafe_b64encode(path.encode()).decode()
    (records.KEPT / "metadata" / key).write_text(json.dumps({"params": ["'8,16'", repr(lineage)]}))


def test_results_of_archived_scans_are_studied_with_the_settings_that_they_were_made_with_alone(cohort, raw):
    before = cohort()
    recorded(before, "p1")
    before.contents.keep()
    Path("data/p1.t1").unlink()
    assert len(start.check(cohort())) == 2
    raw["cohort"]["slices"] = {"max_slices": 30}
    assert "files of p1 are not there any more, and its results were made with other" in refused(start.check, cohort())
    assert start.check(cohort(p1={"exclude": "archived"}))


def test_ready_made_maps_may_be_archived_like_other_files(cohort, raw):
    raw["cohort"] |= {"metabolites": ["NAA"], "ingest": {"maps": {"value": "{metabolite}.nii.gz"}}}
    Path("maps").mkdir()
    Path("maps/NAA.nii.gz").write_text("a map")
    before = cohort(p1={"maps": "maps", "lcmodel": ""})
    before.contents.of("maps/NAA.nii.gz")
    before.contents.keep()
    volumes = Path(before.folder, "p1", "volumes")
    volumes.mkdir(parents=True)
    (volumes / "provenance.json").write_text(json.dumps({"inputs_sha256": {"maps/NAA.nii.gz": "abc"}}))
    Path("maps/NAA.nii.gz").unlink()
    Path("maps").rmdir()
    assert "p1: maps maps/NAA.nii.gz" in start.check(cohort())[1]
    (volumes / "provenance.json").unlink()
    assert "p1: maps maps" in refused(start.check, cohort())


def test_phantoms_are_made_by_the_workflow(raw, repository, monkeypatch):
    monkeypatch.chdir(repository)
    assert start.absent(Plan(raw)) == []


def test_files_that_the_configuration_names_are_looked_for_too(cohort, raw):
    raw["cohort"]["quality"] = {"snr_map": "data/{participant}_snr.nii"}
    raw["lpips"] = {"lpips_vgg": {"backbone": "vgg.pth", "linear": "heads.pth"}}
    said = refused(start.check, cohort())
    assert "p3: cohort.quality.snr_map data/p3_snr.nii" in said and "lpips: vgg.pth" in said and "heads.pth" in said


def test_snakemake_works_in_the_clone_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start.check_place(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert f"cd {tmp_path}, and run snakemake there" in refused(start.check_place, tmp_path)


def test_a_first_look_at_two_scans_needs_no_five_folds(cohort, raw):
    plan = cohort(**{f"p{k}": {"exclude": "later"} for k in range(2, 6)})
    assert len(plan.all_slices()) == 2 and start.check(plan)
    assert "experiments.toy.folds.number is 5, but it has 2 participants" in refused(plan.check_against_cohort)
    cohort(p2={"exclude": ""}, p3={"exclude": ""}, p4={"exclude": ""}).check_against_cohort()


def test_one_fold_asks_nothing_of_the_cohort_for_the_experiments_that_do_not_run_it(cohort, raw):
    raw["experiments"]["toy"]["folds"] = {"number": 6, "run": [2, 3]}
    raw["experiments"]["large"] = raw["experiments"]["toy"] | {"folds": {"number": 9, "run": [7, 3]}}
    raw["run"] = ["toy", "large"]
    plan = cohort()
    plan.check_against_cohort(2)
    for fold in (3, 7, None):
        assert "experiments.large.folds.number is 9" in refused(plan.check_against_cohort, fold)


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        ("12345", "experiments.toy.folds: the column fold is empty for p5"),
        ("123450", None),
        ("123456", "experiments.toy.folds: the fold of p5 is '6'"),
        ("123441", "nobody is tested in fold 5"),
    ],
)
def test_the_column_fold_is_checked_before_anything_runs(cohort, folds, said):
    plan = cohort(**{f"p{k}": {"fold": fold} for k, fold in enumerate(folds.replace("0", "1"))})
    if said:
        assert said in refused(plan.check_against_cohort)
    else:
        plan.check_against_cohort()


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (
            {"participant": "p9"},
            "the participant is p9, but the test participants of fold 1 are p0, p5",
        ),
        (
            {"participant": "p1"},
            "the participant is p1, but the test participants of fold 1 are p0, p5",
        ),
        ({"slice": 39}, "figures.qualitative: the slice is 39, but the scans have the slices 0 to 38"),
        ({"participant": "p0", "slice": 38}, None),
    ],
)
def test_a_figure_shows_a_test_participant_of_its_fold_and_a_slice_of_the_scan(cohort, raw, figure, said):
    raw["experiments"]["toy"]["figures"]["qualitative"]["maps"] = [figure]
    plan = cohort(**{f"p{k}": {"fold": str(k % 5 + 1)} for k in range(6)})
    if said:
        assert said in refused(plan.check_against_cohort)
    else:
        plan.check_against_cohort()


def test_a_figure_of_a_method_of_validation_participants_shows_one_of_those(cohort, raw):
    for method in raw["methods"].values():
        method["part"] = "validation"
    for participant, said in (("p0", "but the validation participants of fold 1 are p1"), ("p1", None)):
        raw["experiments"]["toy"]["figures"]["qualitative"]["maps"] = [{"participant": participant}]
        plan = cohort(**{f"p{k}": {"fold": str(k % 5 + 1)} for k in range(6)})
        if said:
            assert said in refused(plan.check_against_cohort)
        else:
            plan.check_against_cohort()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"t1": "results/simulated/p1/t1.nii.gz"}, "a file of a simulated scan"),
        ({"lcmodel": "", "maps": "data/p1.lcmodel"}, "cohort.ingest.maps lacks value"),
    ],
)
def test_a_row_fits_the_cohort(cohort, change, said):
    assert said in refused(lambda: cohort(p1=change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"t1": "results/simulated/p7/t1.nii.gz"}, "no included row simulates p7"),
        ({"t1": "results/simulated/p1/t1.nii.gz", "pattern": r"(?P<x>.)(?P<y>.)(?P<z>.)"}, "multivoxel or vienna"),
    ],
)
def test_a_row_of_a_phantom_is_one_that_can_be_simulated(cohort, raw, change, said):
    raw["cohort"]["simulate"] = {}
    assert said in refused(lambda: cohort(p1=change))
