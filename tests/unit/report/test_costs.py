"""Costs: each network once in the sum and whole in each method; no number where nothing was recorded or measured."""

import json
import re

import pytest
from scored import record

from mrsi_sr.cli import UserError
from mrsi_sr.report.cost_sheet import cost_sheet
from mrsi_sr.report.costs import costs_of, csv, total
from mrsi_sr.settings.costs import CostsSettings

SETTINGS = CostsSettings.of(
    experiment="demo", cohort="toys", phantom=True, methods=["zero_filled", "munet", "repeated"], folds=[1, 2],
    labels={"munet": "MUNet | x"},
)  # fmt: skip


def used(seconds, joules=None, note="no GPU", gpu=False, memory=4096.0, processor=None) -> dict:
    peaks = {"host": 900.0} | ({"gpu": memory / 2, "gpu_reserved": memory} if gpu else {})
    return {
        "seconds": seconds, "processor_seconds": 2 * seconds if processor is None else processor, "gpu": gpu,
        "energy_joules": joules, "energy_note": "" if joules is not None else note, "peak_memory_mb": peaks,
    }  # fmt: skip


ON_GPU = used(7200, 3.6e6, gpu=True)


def scores(method, fold, training=ON_GPU, sampling=None, **changes) -> dict:
    sampling = used(1800, 1.8e6, gpu=True, memory=2048.0) if sampling is None else sampling
    given = record(method, fold, inputs_sha256={}, outputs_sha256={}, **changes)
    names = given["sampling_settings"]["networks"].values()
    given["training"] = {name: {"seconds": 7000.0, "device": "a GPU", "run": training} for name in names}
    return given | {"sampling_device": "a GPU", "sampling_run": sampling}


@pytest.fixture
def made(tmp_path):
    """Costs of records, which are written as evaluate.py does."""

    def make(records, settings=SETTINGS, trainings=()):
        paths = []
        for number, each in enumerate(records):
            paths.append(tmp_path / f"{number}.provenance.json")
            paths[-1].write_text(json.dumps(each))
        return costs_of(paths, trainings, settings)

    return make


def whole() -> list[dict]:
    return [scores(method, fold) for method in ("zero_filled", "munet", "repeated") for fold in (1, 2)]


def row_of(sheet: str, start: str) -> list[str]:
    (line,) = [line for line in sheet.splitlines() if line.startswith(f"| {start} ")]
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_a_shared_network_is_whole_in_each_method_and_once_in_the_sum(made):
    costs = made(whole())
    assert total(costs.jobs) == pytest.approx({"gpu_hours": 2 * 2 + 6 * 0.5, "cpu_hours": 0, "kwh": 2 * 1 + 6 * 0.5})
    table = csv(costs)
    methods = table[table.kind == "method"].set_index(["name", "fold"])
    assert methods.loc[("munet", 1), "gpu_hours"] == methods.loc[("repeated", 2), "gpu_hours"] == pytest.approx(2.5)
    assert methods.loc[("zero_filled", 1), "gpu_hours"] == pytest.approx(0.5)
    assert methods.loc[("munet", 1), "kwh"] == pytest.approx(1.5)
    jobs = table[table.kind.isin(["train", "sample"])]
    assert jobs.gpu_hours.sum() == pytest.approx(table[table.kind == "total"].gpu_hours.item())
    assert list(jobs[jobs.kind == "train"].used_by) == ["munet, repeated"] * 2


def test_it_is_printed_as_shared_with_labels_and_without_columns_of_cpu_hours(made):
    sheet = cost_sheet(made(whole()))
    head = "| Method | Fold | Networks | GPU h training | kWh training | GPU h sampling | kWh sampling |"
    assert sheet.startswith(head)
    assert "CPU h of" in sheet and "| CPU h" not in sheet
    expected = ["MUNet \\| x", "1", "munet (shared)", "2", "1", "0.5", "0.5", "0.05", "4.0", "a GPU"]
    assert row_of(sheet.replace("MUNet \\| x | 2", ""), "MUNet") == expected
    assert row_of(sheet, "all, each network once") == ["all, each network once", "all", "7", "5", "4.0", "a GPU", ""]
    assert "counts in full in each of its methods" in sheet and "toys (phantom: simulated, not patients)" in sheet


def test_methods_stand_in_the_order_of_the_settings_and_others_are_left_out(made):
    costs = made([*whole(), scores("sharpness", 1)])
    table = csv(costs)
    assert list(table[table.kind == "method"].name) == ["zero_filled"] * 2 + ["munet"] * 2 + ["repeated"] * 2
    assert "sharpness" not in cost_sheet(costs)


def test_energy_that_was_not_measured_is_no_zero(made):
    alone = used(7200, None, "3 other processes use the card", gpu=True)
    records = [scores("munet", 1, alone), scores("munet", 2)]
    sheet = cost_sheet(made(records, SETTINGS | {"methods": ["munet"]}))
    lines = [line for line in sheet.splitlines() if line.startswith("| MUNet")]
    assert "| not measured | 0.5 | 0.5 |" in lines[0] and "| 1 | 0.5 | 0.5 |" in lines[1]
    assert row_of(sheet, "all, each network once")[3] == "2 of 3 of 4 jobs"
    assert "Not measured where: 3 other processes use the card." in sheet
    assert total(made(records, SETTINGS | {"methods": ["munet"]}).jobs)["kwh"] is None


def test_without_a_gpu_hours_are_those_of_all_cores(made):
    records = [scores("munet", fold, used(3600), used(360)) for fold in (1, 2)]
    costs = made(records, SETTINGS | {"methods": ["munet"]})
    assert total(costs.jobs) | {"kwh": 0} == pytest.approx({"gpu_hours": 0, "cpu_hours": 2 * 2.2, "kwh": 0})
    sheet = cost_sheet(costs)
    assert "CPU h training" in sheet and "GPU h training" not in sheet
    assert "Not measured where: no GPU." in sheet and "| not measured |" in sheet


def test_a_training_without_a_record_is_not_recorded(made):
    records = [scores("munet", fold, {}) for fold in (1, 2)]
    costs = made(records, SETTINGS | {"methods": ["munet"]})
    assert total(costs.jobs)["gpu_hours"] is None
    lines = [line for line in cost_sheet(costs).splitlines() if line.startswith("| MUNet")]
    assert all("| not recorded | not recorded | not measured | 0.5 |" in line for line in lines)


def test_scores_that_are_missing_or_of_other_settings_are_refused_with_the_command(made):
    with pytest.raises(UserError, match=r"missing or stale:\n  repeated, fold 2, seed 1: missing\n  make them again"):
        made(whole()[:-1])
    settings = SETTINGS | {"expected": {"munet": {"1": "another", "2": "another"}}}
    with pytest.raises(UserError, match=r"munet, fold 1, seed 1: .* was made with other settings"):
        made(whole(), settings)


def test_two_networks_of_one_name_in_a_fold_are_refused(made):
    records = whole()
    records[-1]["networks"]["network"] |= {"channels": 4}
    with pytest.raises(UserError, match=r"munet and repeated use munet in fold 2, but not the same one"):
        made(records)


def test_two_records_of_one_method_and_fold_are_refused(made):
    with pytest.raises(UserError, match=r"1\.parquet are both of zero_filled, fold 1"):
        made([whole()[0], *whole()])


def test_networks_alone_have_a_table_where_nobody_is_tested(made, tmp_path):
    path = tmp_path / "ddpm" / "provenance.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"fold": 1, "seed": 1, "device": "a GPU", "training_seconds": 1.0} | ON_GPU))
    sheet = cost_sheet(made([], SETTINGS | {"methods": None}, [path]))
    assert sheet.startswith("| Network |") and row_of(sheet, "ddpm")[1:4] == ["1", "2", "1"]
    path.write_text("{}")
    with pytest.raises(UserError, match=r"cannot be read as a record of a training: fold"):
        made([], SETTINGS, [path])
    with pytest.raises(UserError, match="no record to tell costs of"):
        made([], SETTINGS)


def test_a_network_of_another_experiment_is_said_to_be_its(made):
    assert "Trained by another experiment, whose costs have them too: munet (ftddm)." in cost_sheet(
        made(whole(), SETTINGS | {"homes": {"munet": "ftddm"}})
    )


def test_seeds_are_costs_of_their_own(made):
    records = whole() + [each | {"seed": 2} for each in whole()]
    costs = made(records, SETTINGS | {"seeds": [1, 2]})
    assert total(costs.jobs)["gpu_hours"] == pytest.approx(14)
    assert "| 2, seed 2 |" in cost_sheet(costs)
