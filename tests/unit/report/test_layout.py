"""Laws of printed tables: check marks, grids, stars, and what a partial table lacks stand where they belong."""

import re

import numpy as np
import pandas as pd
import pytest
from scored import RECORDS, SETTINGS, build, latex, long_table, markdown, record

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import BIAS
from mrsi_sr.report import layout, sheet, statistics, tables
from mrsi_sr.report.collect import collect
from mrsi_sr.settings.report import TableSettings

ONE_NUMBER = {"costs": [], "metrics": ["ssim"], "sizes": [8]}


def rows_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]


def test_check_marks_say_which_method_has_what():
    marks = [{"heading": "Mask", "methods": ["munet"]}, {"heading": "L_guide", "methods": ["munet", "zero_filled"]}]
    table = build(long_table(), RECORDS, SETTINGS | {"marks": marks, "costs": []})
    head, _, zero_filled, munet = rows_of(markdown(table))
    assert head[:3] == ["Method", "Mask", "L_guide"] and zero_filled[1:3] == ["×", "✓"] and munet[1:3] == ["✓", "✓"]
    assert "MUNet \\& co\\_1 & $\\checkmark$ & $\\checkmark$ & " in latex(table)
    assert latex(table).startswith("% needs \\usepackage{booktabs}, \\usepackage{amssymb}")


def test_a_grid_has_a_method_in_each_cell_and_a_dash_where_there_is_none():
    grid = {
        "rows": ["Ttrunc=100", "Ttrunc=20"], "columns": ["no solver", "Tsolver=10"],
        "methods": [["zero_filled", "munet"], [None, "munet"]],
    }  # fmt: skip
    table = build(long_table(), RECORDS, SETTINGS | ONE_NUMBER | {"grid": grid})
    head, _, first, second = rows_of(markdown(table))
    assert head == ["SSIM ↑", "no solver", "Tsolver=10"] and second[:2] == ["Ttrunc=20", "-"]
    best = next(cell for cell in first if cell.startswith("**"))
    assert first[2] == best == second[2] and "±" in first[1]
    assert "\\multicolumn{2}{c}{s=8 (8$\\times$8)}" in latex(table)
    assert tables.csv(table).method.tolist() == ["zero_filled", "munet"]  # one row a method, as in every table


def test_a_grid_names_the_tables_methods_and_has_one_number_for_each():
    grid = {"rows": ["a"], "columns": ["b"], "methods": [["munet"]]}
    assert TableSettings.of(grid=grid, **ONE_NUMBER).methods == ["munet"]
    for wrong, message in (
        ({"methods": ["ddpm"]}, "methods of the table, ddpm"),
        ({"sizes": [8, 16]}, "one size"),
        ({"grid": grid | {"rows": ["a", "c"]}}, "expected 2 rows of 1 methods"),
        ({"grid": grid | {"methods": [[None]]}}, "an empty row or column"),
    ):
        with pytest.raises(UserError, match=message):
            TableSettings.of(**{"grid": grid, **ONE_NUMBER, **wrong})


def many_participants(methods=("zero_filled", "munet"), number=9, **values) -> pd.DataFrame:
    """Scores of one fold, in which methods have these NRMSE in all maps but for noise."""
    random = np.random.default_rng(3)
    one = long_table(methods, folds=[1]).query("metric == 'nrmse' and sample == 0")
    every = pd.concat([one.assign(participant=f"sub-{k}") for k in range(number)])
    return every.assign(value=every.method.map(values) + random.normal(0, 0.01, len(every)))


@pytest.mark.parametrize(("apart", "starred"), [(0.1, True), (0.0, False)])
def test_a_star_marks_what_differs_from_the_best_and_the_caption_says_by_which_test(apart, starred):
    table = many_participants(zero_filled=0.3 + apart, munet=0.3)
    settings = SETTINGS | {"metrics": ["nrmse"], "mark_significance": True, "folds": [1]}
    built = build(table, RECORDS, settings)
    assert {method for method, *_ in built.different} == ({"zero_filled"} if starred else set())
    *_, zero_filled, munet = rows_of(markdown(built))
    assert zero_filled[-1].endswith("\\*") is starred and not munet[-1].endswith("\\*")
    test = "Wilcoxon's signed-rank test over the means of participants, Holm's correction over 2 tests"
    assert f"* differs from the best of its column (p < 0.05; {test})." in built.caption
    assert ("$^{*}$" in latex(built)) is starred
    assert tables.csv(built).nrmse_differs.tolist() == [starred, starred, False, False]


def test_with_a_reference_stars_mark_what_differs_from_it_by_the_test_of_the_table():
    table = many_participants(zero_filled=0.4, munet=0.3)
    settings = SETTINGS | {"metrics": ["nrmse"], "mark_significance": True, "folds": [1], "reference": "zero_filled"}
    built = build(table, RECORDS, settings | {"test": "paired_t", "test_unit": "map"})
    assert built.different == {("munet", "nrmse", 8), ("munet", "nrmse", 16)}
    said = "* differs from Zero-filled (p < 0.05; paired t-test over maps, not corrected for several tests)."
    assert said in built.caption
    assert "differs" not in build(table, RECORDS, settings | {"mark_significance": False}).caption


def test_slope_and_offset_are_columns_with_the_unit_and_the_best_is_the_nearest():
    bias = long_table().query("metric == 'nrmse'")
    parts = [
        bias.assign(metric=name, value=np.where(bias.method == "munet", *pair))
        for name, pair in zip(BIAS, ((1.1, 0.8), (-0.2, 0.1)), strict=True)
    ]
    frame = long_table().assign(region="frame", protocol="paper")
    settings = SETTINGS | {"protocol": "paper", "region": "frame", "metrics": ["nrmse", *BIAS], "unit": "a.u."}
    table = build(pd.concat([frame, *parts]), RECORDS, settings)  # in the mask, also where the frame is scored
    head, *_ = rows_of(markdown(table))
    assert "Slope →1 s=8" in head and "Offset (a.u.) →0 s=8" in head
    assert {key[:2] for key in table.best if key[1] in BIAS} == {("munet", "slope"), ("zero_filled", "offset")}
    assert "Slope and offset (a.u.) are of the line of estimate against truth over the valid voxels" in table.caption
    assert "$\\rightarrow$1" in latex(table)


def test_seeds_are_averaged_and_named_and_every_method_needs_them_all():
    first = long_table()
    second = first.assign(seed=2, value=first.value + 0.2)
    records = RECORDS + [each | {"seed": 2, "training": {}} for each in RECORDS]
    table = build(pd.concat([first, second]), records, SETTINGS | {"seeds": [1, 2]})
    mean, sd = build(first, RECORDS, SETTINGS).mean_sd("munet", "nrmse", 8)
    assert table.mean_sd("munet", "nrmse", 8) == pytest.approx((mean + 0.1, sd))
    assert "mean of the training seeds 1, 2" in table.caption and set(tables.csv(table).seeds) == {"1, 2"}
    assert "training seed 1;" in build(first, RECORDS, SETTINGS).caption
    lacking = second[second.method != "munet"]
    for settings in (SETTINGS, SETTINGS | {"seeds": [1, 2]}):
        with pytest.raises(UserError, match="munet, fold 1, seed 2: missing") as error:
            build(pd.concat([first, lacking]), records[:6], settings)
        assert "results/demo/fold-1-seed-2/metrics/munet.parquet results/demo/fold-2-seed-2" in str(error.value)


def test_all_that_is_missing_or_stale_is_named_with_one_command():
    scores = long_table().query("not (method == 'munet' and fold == 2)").assign(file=lambda t: "results/" + t.file)
    expected = {"zero_filled": {"1": "another", "2": "another"}, "munet": {"1": "another"}}
    with pytest.raises(UserError) as error:
        build(scores, RECORDS, SETTINGS | {"expected": expected})
    said = str(error.value)
    assert "the scores of 4 of the table's methods, folds and seeds are missing or stale" in said
    for place in ("zero_filled, fold 1", "zero_filled, fold 2", "munet, fold 1"):
        assert f"{place}, seed 1: results/" in said
    assert "munet, fold 2, seed 1: missing" in said
    (command,) = [line for line in said.splitlines() if "snakemake --profile" in line]
    files = ["results/zero_filled.parquet", "results/munet.parquet", "results/demo/fold-2/metrics/munet.parquet"]
    assert command.split()[-3:] == files


PARTIAL = SETTINGS | {"allow_partial": True}


def test_a_partial_table_says_on_its_face_what_is_missing():
    table = build(long_table().query("not (method == 'munet' and fold == 2)"), RECORDS, PARTIAL)
    *_, zero_filled, munet = rows_of(markdown(table))
    assert munet[0] == "MUNet & co_1 †" and "†" not in zero_filled[0]
    assert "never the best): MUNet & co_1 lacks fold 2 (missing)." in table.caption
    assert table.best == set() and "$\\dagger$" in latex(table)
    alone = long_table().query("method == 'munet' and metric == 'nrmse' and size == 8 and fold == 1")
    assert table.mean_sd("munet", "nrmse", 8)[0] == pytest.approx(alone.value.mean())
    assert tables.csv(table).missing.tolist() == ["", "", *["fold 2 (missing)"] * 2]


def test_scores_of_other_settings_are_left_out_of_a_partial_table():
    table = build(long_table(), RECORDS, PARTIAL | {"expected": {"munet": {"2": "another"}}})
    assert "MUNet & co_1 lacks fold 2 (of other settings)" in table.caption
    only = build(long_table().query("fold == 1 or method != 'munet'"), RECORDS, PARTIAL)
    assert table.values.equals(only.values)


def test_a_method_without_any_score_has_a_row_of_a_partial_table_and_none_makes_no_table():
    table = build(long_table(["zero_filled"]), RECORDS, PARTIAL)
    *_, munet = rows_of(markdown(table))
    assert set(munet[4:]) == {"missing"} and munet[1:4] == ["missing"] * 3
    with pytest.raises(UserError, match="there are no scores for the table"):
        build(long_table(), RECORDS, PARTIAL | {"methods": ["ddpm"]})


def sheet_of_tests(scores, settings, records=RECORDS):
    collected = collect(scores, records, settings)
    return layout.sheet_of_tests(statistics.compare(collected), collected)


def test_the_difference_table_has_every_method_minus_the_reference_with_intervals_and_its_origin():
    settings = SETTINGS | {"metrics": ["nrmse"], "folds": [1], "reference": "zero_filled"}
    printed = sheet_of_tests(many_participants(zero_filled=0.4, munet=0.3), settings)
    head, _, first, second = rows_of(sheet.markdown(printed))
    assert head == ["Method", "minus", "Metric", "s", "Difference", "Effect", "p", "p adjusted", "Better"]
    assert first[:4] == ["MUNet & co_1", "Zero-filled", "NRMSE", "8"] and second[3] == "4"
    difference, low, high = (float(number) for number in re.findall(r"-?\d+\.\d+", first[4]))
    assert low < difference < high < 0 and first[5].startswith("-1.00 [-1.00, -1.00]") and first[6] == "0.004"
    assert first[8] == "MUNet & co_1"
    for fact in (
        "protocol clean",
        "cohort toys (phantom",
        "fold 1 of 5",
        "training seed 1",
        "bootstrap intervals of 95 %",
        "Holm's correction over 2 tests",
        "Configuration ",
    ):
        assert fact in printed.caption
    assert "longtable" in sheet.latex_long(printed) and "\\endhead" in sheet.latex_long(printed)


def test_differences_of_maps_as_published_have_no_intervals_and_notes_stand_in_the_caption_once():
    paper = {"metrics": ["nrmse"], "protocol": "paper", "region": "frame", "test_unit": "map", "folds": [1, 2]}
    printed = sheet_of_tests(long_table().assign(region="frame", protocol="paper"), SETTINGS | paper)
    assert len(printed.columns) == 7 and "[" not in printed.rows[0][1][3].text and "bootstrap" not in printed.caption
    few = sheet_of_tests(long_table(), SETTINGS)
    assert few.caption.count("2 pairs that differ: p cannot be below 0.5") == 1


def test_a_method_of_a_sweep_is_matched_with_the_record_of_its_method():
    points = [f"munet@{value}" for value in ("0", "0.5")]
    scores = long_table(points)
    table = build(scores, RECORDS[2:], SETTINGS | {"methods": points, "labels": {}})
    assert table.rows.label.tolist() == points and table.rows.parameters.tolist() == [967_601] * 2
    with pytest.raises(UserError, match="no provenance of munet@0, fold 2, seed 1; munet@0"):
        build(scores, [record("munet", 1)], SETTINGS | {"methods": points})
