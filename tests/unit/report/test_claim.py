"""Laws of the CLAIM answer sheet: every item once, what the records tell is told, the rest is left to the authors."""

import re

import evaluated
import pytest
from tiny_cohort import MUNET

from mrsi_sr.report.claim import AUTHORS, claim_sheet
from mrsi_sr.report.claim_answers import ANSWERS
from mrsi_sr.report.study import Study
from mrsi_sr.settings.claim import ClaimSettings

SETTINGS = ClaimSettings.of(
    experiment="demo", cohort="toys", protocol="clean", metabolites=["tCr", "NAA"], sizes=[8, 16],
    metrics=["nrmse", "lpips_vgg"], folds_in_all=5, labels={"munet": "MUNet | 1"}, figures=["fig5"],
    tables={"table1": {"test": "signed_rank", "unit": "participant"}, "table2": {"test": "paired_t", "unit": "map"}},
)  # fmt: skip
FOLDS = [(f"sub-{i}", fold, part) for fold, parts in ((1, "tvee"), (2, "evtt")) for i, part in enumerate(
    {"t": "train", "v": "validation", "e": "test"}[letter] for letter in parts)]  # fmt: skip
COLUMNS = ("participant", "excluded", "slices", "maps", "valid percent", "lesion voxels")
COHORT = [
    dict(zip(COLUMNS, row, strict=True))
    for row in (
        ("sub-0", "", "9", "18", "80.5", "0"), ("sub-1", "", "9", "18", "81.5", "0"),
        ("sub-2", "", "9", "18", "82.5", "7"), ("sub-3", "", "9", "18", "83.5", "9"),
        ("sub-9", "moved", "", "", "", ""),
    )
]  # fmt: skip


def record(method: str, fold: int, **changes) -> dict:
    own = evaluated.SETTINGS[method]
    return {
        "method": method, "fold": fold, "seed": 3, "frame": 64, "settings": {}, "code": {}, "made_from": {},
        "sampling_settings": own, "networks": dict.fromkeys(own["networks"], MUNET.plain()),
        "training": {name: {"seconds": 1800.0, "device": "a GPU"} for name in own["networks"].values()}, "nfe": 101,
        "parameters": 967_601 * bool(own["networks"]), "version": "0.1.0", "git_revision": "abc", "python": "3.11.7",
        "cohort": {"quality": {"min_snr": 2.5, "max_sd_percent": None}, "slices": {"max_slices": 9}},
    } | changes  # fmt: skip


RECORDS = [record(method, fold) for method in ("zero_filled", "munet") for fold in (1, 2)]


def answers(settings=SETTINGS, records=RECORDS, cohort=COHORT) -> dict[int, str]:
    """Answers of the sheet by the item's number."""
    rows = re.findall(
        r"^\| (\d+) \| .+? \| (.+) \|$", claim_sheet(Study(settings, records, FOLDS, cohort)), re.MULTILINE
    )
    return {int(number): answer for number, answer in rows}


def test_all_items_of_the_update_of_2024_stand_in_order():
    sheet = claim_sheet(Study(SETTINGS, RECORDS, FOLDS, COHORT))
    assert re.findall(r"^\| (\d+) \|", sheet, re.MULTILINE) == [str(number) for number in range(1, 45)]
    assert (
        sheet.count("\n## ") == 13 and "Tejani et al." in sheet and sheet.startswith("# CLAIM answer sheet of demo\n")
    )


def test_what_no_record_tells_is_left_to_the_authors():
    given = answers()
    left = [number for number, answer in given.items() if answer == AUTHORS]
    assert left == [2, 3, 4, 5, 6, 11, 13, 15, 31, 34, 39, 40, 41, 44]
    assert set(left) | set(ANSWERS) == set(range(1, 45))
    assert "To be answered by the authors: sites, dates and scanners" in given[7]


@pytest.mark.parametrize(
    ("item", "facts"),
    [
        (1, ["munet (regression)"]),
        (7, ["Cohort toys", "tCr, NAA in mM", "4 participants"]),
        (8, ["1 excluded: sub-9 (moved)", "max slices 9"]),
        (9, ["min snr 2.5", "64 voxels", "8, 16 points", "from its low-resolution map alone"]),
        (12, ["80.5 to 83.5 %"]),
        (14, ["inside the quality mask"]),
        (19, ["5 folds", "fold 1: train 1, validation 1, test 2", "fold 2: train 2, validation 1, test 1"]),
        (20, ["Participants"]),
        (21, ["tested participants: 3"]),
        (22, ["MUNet \\| 1: single pass by `munet`", "967,601", "evaluations of a map: 101", "channels 2"]),
        (23, ["mrsi-sr 0.1.0", "revision abc", "Python 3.11.7", "numpy"]),
        (24, ["Training seeds: 3"]),
        (25, ["`munet`: learning rate 0.01", "0.5 h on a GPU"]),
        (26, ["lowest validation loss: MUNet"]),
        (28, ["NRMSE (↓), LPIPS (VGG) (↓)"]),
        (29, ["table1: Wilcoxon signed-rank test, pairs of participants, Holm"]),
        (29, ["table2: paired t-test, pairs of maps, no correction"]),
        (32, ["fold 1, 2 of 5"]),
        (35, ["Participants: 4; slices: 36; maps: 72; excluded by name: 1"]),
        (36, ["lesion mask: 2 of 4"]),
        (37, ["table1, table2", "fig5", "`results/demo`"]),
        (42, ["Configuration "]),
    ],
)  # fmt: skip
def test_answers_are_the_records_facts(item, facts):
    answer = answers()[item]
    for fact in facts:
        assert fact in answer


def test_phantoms_are_said_to_be_no_participants():
    given = answers(SETTINGS | {"phantom": True})
    assert given[5] == "Simulated phantoms: no participants." and "authors" not in given[7] + given[36]
    assert "simulated phantoms, no patients" in claim_sheet(Study(SETTINGS | {"phantom": True}, RECORDS, FOLDS, COHORT))


def test_sweeps_subsets_and_repeated_samples_are_told():
    own = evaluated.SETTINGS["munet"] | {
        "samples": 50, "sweep": {"key": "adversarial_weight"}, "subset": {"slices": 2, "participants": None},
    }  # fmt: skip
    given = answers(records=[record("munet", 1, sampling_settings=own)])
    assert "MUNet \\| 1: slices 2." in given[10] and "MUNet \\| 1 (50)" in given[27]
    assert "Sweeps: MUNet \\| 1 over adversarial weight" in given[30]
    assert answers()[10] == "All maps of the test participants."


def test_what_was_not_recorded_is_said():
    unknown = record("munet", 1, training={"munet": {"seconds": None, "device": None}}, cohort={}, git_revision=None)
    given = answers(records=[unknown])
    assert "time not recorded" in given[25] and "revision not recorded" in given[23]
    assert "Quality mask: not recorded" in given[9]


def test_a_study_without_networks_has_none_to_tell_of():
    given = answers(records=[record("zero_filled", 1)], settings=SETTINGS | {"tables": {}})
    assert given[1] == AUTHORS and given[25] == "No network is trained." and "Networks: none" in given[22]
    assert "Tests" not in given[29]
