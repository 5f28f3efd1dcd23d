"""Plan of new scans: which networks are planned for them, what the script is given, and what is refused."""

import json
import shlex
from types import SimpleNamespace

import pytest
import yaml

from mrsi_sr.cli import UserError
from mrsi_sr.settings.cohort import PhantomSettings
from mrsi_sr.workflow import start
from mrsi_sr.workflow.layers import layered
from mrsi_sr.workflow.plan import Plan

HEADER = "participant\tlcmodel\treference\tt1\tflair\n"
ROW = "new-01\tscans/a.tar\tscans/a.nii\tscans/t1.nii\tscans/flair.nii\n"


@pytest.fixture
def planned(repository, tmp_path, monkeypatch):
    """Plan of the demo with these settings of scans and this table, in a folder without results."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    rows = (repository / "config" / "demo_participants.tsv").read_text()
    (tmp_path / "config" / "demo_participants.tsv").write_text(rows)
    user = yaml.safe_load((repository / "config" / "demo.yaml").read_text())

    def planned(table: str = HEADER + ROW, **scans) -> Plan:
        (tmp_path / "scans.tsv").write_text(table)
        user["scans"] = {"table": "scans.tsv", "networks": "demo", "method": "ftddm"} | scans
        return Plan(layered(user))

    return planned


def flags_of(plan: Plan, scan: str = "sub-new01") -> dict[str, str]:
    words = shlex.split(plan.new_scans.scan_flags(SimpleNamespace(scan=scan)))
    return dict(word.removeprefix("--").partition("=")[::2] for word in words)


def test_the_script_is_given_the_scan_and_what_is_asked_of_it(planned):
    plan = planned(samples=8, temperature=0.0, ratios=["tCho/NAA"], keep_samples=True)
    given = flags_of(plan)
    assert {key: given[key] for key in ("lcmodel", "reference", "t1", "flair", "name")} == {
        "lcmodel": "scans/a.tar", "reference": "scans/a.nii", "t1": "scans/t1.nii", "flair": "scans/flair.nii",
        "name": "new-01",
    }  # fmt: skip
    assert (given["samples"], given["temperature"], given["ratios"]) == ("8", "0", "tCho/NAA")
    assert "keep-samples" in given and "ensemble" not in given
    assert json.loads(given["quality"])["min_snr"] == 2.5
    assert plan.new_scans.results() == ["results/scans/sub-new01/provenance.json"]


def test_each_ready_made_map_of_a_scan_is_an_input_by_its_path(planned, tmp_path):
    table = "participant\tmaps\tt1\tflair\nnew-01\tscans/maps\tt1.nii\tflair.nii\n"
    scan = SimpleNamespace(scan="sub-new01")
    assert "scans/maps" in planned(table).new_scans.files(scan)  # without files: what is wrong, the script says
    (tmp_path / "scans" / "maps").mkdir(parents=True)
    for name in ("NAA.nii.gz", "snr.nii.gz"):
        (tmp_path / "scans" / "maps" / name).touch()
    expected = ["flair.nii", "scans/maps/NAA.nii.gz", "scans/maps/snr.nii.gz", "t1.nii"]
    assert planned(table).new_scans.files(scan) == expected


def test_raw_mri_is_said_by_the_row(planned):
    table = HEADER.replace("flair", "flair\tmri") + ROW.replace("flair.nii", "flair.nii\traw")
    assert json.loads(flags_of(planned(table, mri={"strip": "bet"}))["raw-mri"])["strip"] == "bet"
    assert "raw-mri" not in flags_of(planned())


def test_networks_of_an_experiment_are_handed_over_first_and_those_of_others_are_taken_as_they_are(planned):
    scan = SimpleNamespace(scan="sub-new01")
    assert planned().new_scans.networks(scan) == "results/demo/hand_over/provenance.json"
    assert planned(networks="from/zurich").new_scans.networks(scan) == "from/zurich/networks.json"


def test_samplers_and_networks_are_part_of_the_code_of_a_scan(planned):
    """Of those that the experiment's method uses; of all, where the networks are from elsewhere."""
    scan = SimpleNamespace(scan="sub-new01")
    code = planned(networks="from/zurich").code("super_resolve", scan)
    assert {"mrsi_sr/samplers/ancestral.py", "mrsi_sr/networks/munet.py", "mrsi_sr/new_scan/sampling.py"} <= code.keys()
    own = planned().code("super_resolve", scan)
    samplers = [{name for name in each if "/samplers/" in name} for each in (own, code)]
    assert samplers[0] and samplers[0] < samplers[1]


def test_networks_for_clinics_are_planned_only_where_scans_ask_for_them(repository, planned):
    """Its own tables and figures are no targets then: only what the scans need of it."""
    planned()  # the participants' table
    cohort = {"cohort": yaml.safe_load((repository / "config" / "demo.yaml").read_text())["cohort"]}
    cohort["cohort"]["metabolites"] = ["tCr", "tCho", "NAA", "Gln", "Ins"]  # the papers' figures show them
    alone = Plan(layered(cohort | {"run": ["multiscale"]}))
    asked = Plan(
        layered(cohort | {"run": ["multiscale"], "scans": {"method": "ftddm_100", "table": "scans.tsv"}}), scans=[]
    )
    assert set(alone.configuration.experiments) == {"multiscale"}
    assert set(asked.configuration.experiments) == {"multiscale", "clinic"}
    for targets in ("tables", "figures", "all_networks", "losses", "folds", "handed_over"):
        assert getattr(alone, targets)() == getattr(asked, targets)()


def test_another_sampling_setting_is_another_parameter_and_another_network_another_lineage(planned):
    scan = SimpleNamespace(scan="sub-new01")
    plans = [planned(), planned(samples=3), planned(networks="from/zurich")]
    assert len({plan.new_scans.scan_flags(scan) for plan in plans[:2]}) == 2
    assert len({plan.lineage("super_resolve")(scan) for plan in plans}) == 2


def test_a_phantom_scan_is_simulated_with_the_settings_of_the_scans(planned):
    row = "new-01\tresults/simulated/new-01/lcmodel\tresults/simulated/new-01/reference.nii.gz\t\t\n"
    plan = planned(HEADER + row, simulate={"seed": 3, "acquired": [16, 12], "slices": [16, 25]})
    phantom = SimpleNamespace(participant="new-01")
    settings = PhantomSettings.from_text(plan.phantom_settings(phantom))
    assert settings.acquired == [16, 12]
    assert plan.phantom_seed(phantom) == 3
    assert plan.phantom_seed(SimpleNamespace(participant="sub-01")) == 1
    assert plan.new_scans.files(SimpleNamespace(scan="sub-new01")) == ["results/simulated/new-01/provenance.json"]
    with pytest.raises(UserError, match=r"scans\.tsv: new-01: lcmodel is .* simulated"):
        planned(HEADER + row)


@pytest.mark.parametrize(
    ("table", "scans", "words"),
    [
        (HEADER + ROW, {"method": "ftdm"}, r"scans\.method.*ftdm"),
        (HEADER + ROW + ROW.replace("new-01", "new01").replace("a.tar", "b.tar"), {}, "both called sub-new01"),
        (HEADER + ROW.replace("scans/a.tar", ""), {}, "needs either lcmodel"),
        (HEADER, {}, "lists no participants"),
        (HEADER + ROW, {"samples": 0}, r"scans\.samples"),
        (HEADER + ROW, {"ratios": ["NAA"]}, r"scans\.ratios"),
        (HEADER + ROW, {"methods": ["a"]}, r"scans\.methods is not a known key"),
    ],
)
def test_what_cannot_be_planned_is_refused_at_the_start(planned, table, scans, words):
    with pytest.raises(UserError, match=words):
        planned(table, **scans)


def test_files_that_are_not_there_are_named_at_the_start(planned):
    named = dict(start.absent(planned(networks="from/zurich")))
    assert named["new-01: t1"] == "scans/t1.nii"
    assert named["scans.networks:"] == "from/zurich/networks.json"
