"""Layout of tables as they are printed: a row for each method, a grid of methods, or a row for each test."""

from dataclasses import replace

import numpy as np
import pandas as pd

from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.evaluation.scores import ALL_SIZES
from mrsi_sr.report import statistics
from mrsi_sr.report.caption import caption_of_tests, upscaling_factor
from mrsi_sr.report.collect import Collected
from mrsi_sr.report.sheet import Cell, Column, Sheet
from mrsi_sr.report.tables import Table, decimals_of, frame_of

NOT_AVAILABLE = "not available"
MISSING = "missing"
INCOMPLETE = "†"  # behind a method that lacks scores
WITH, WITHOUT, NO_METHOD = "✓", "×", "-"
COST = {
    "nfe": "NFE", "seconds_per_slice": "Time (s)", "training_hours": "Train time (h)", "parameters": "Params (M)",
}  # fmt: skip


def sheet_of(table: Table) -> Sheet:
    """The table as it is printed: a row for each method, or its grid."""
    return _grid(table) if table.settings.grid else _rows(table)


def sheet_of_tests(tests: pd.DataFrame, collected: Collected) -> Sheet:
    """Tests as they are printed, one row each: differences with their intervals, p-values, the better method."""
    settings = collected.settings
    adjusted = "p_adjusted" in tests
    numbers = ["s", "Difference", "Effect", "p", *(["p adjusted"] if adjusted else [])]
    aligned = [("minus", "l"), ("Metric", "l"), *((heading, "r") for heading in numbers), ("Better", "l")]
    columns = [Column(heading, align=align) for heading, align in aligned]
    rows = []
    for row, star in zip(tests.to_dict("records"), statistics.significant(tests), strict=True):
        decimals = decimals_of(row["metric"], settings) + 1
        size = "all" if row["size"] == ALL_SIZES else upscaling_factor(frame_of(collected), row["size"])
        cells = [
            Cell(collected.label(row["method_b"])),
            Cell(_label(row["metric"], settings.unit)),
            Cell(size),
            Cell(_with_interval(row, "median_difference", ("ci_low", "ci_high"), decimals), star=star),
            Cell(_with_interval(row, "rank_biserial", ("rank_biserial_low", "rank_biserial_high"), 2)),
            Cell(_p(row["p"])),
            *([Cell(_p(row["p_adjusted"]))] if adjusted else []),
            Cell(collected.label(row["better"]) if row["better"] else NO_METHOD),
        ]
        rows.append((collected.label(row["method_a"]), cells))
    family = statistics.family_in_words(tests, settings)
    return Sheet("Method", columns, rows, caption_of_tests(settings, collected.facts, family, tests.note))


def _rows(table: Table) -> Sheet:
    settings = table.settings
    columns = [Column(mark.heading) for mark in settings.marks] + [
        Column(COST[key], align="r") for key in settings.costs
    ]
    for metric, group in table.columns:
        heading = f"{_label(metric, settings.unit)} {METRICS[metric].arrow}"
        columns.append(Column(heading, *_group(table, group)))
    rows, scored = [], {each.method for each in table.collected.scores}
    for row in table.rows.to_dict("records"):
        method = row["method"]
        marks = [Cell(WITH if method in mark.methods else WITHOUT) for mark in settings.marks]
        costs = [Cell(PRINTED[key](row[key]) if method in scored else MISSING) for key in settings.costs]
        rows.append((_name(table, row), [*marks, *costs, *(_cell(table, method, *each) for each in table.columns)]))
    return Sheet("Method", columns, rows, table.caption)


def _grid(table: Table) -> Sheet:
    """A grid of methods, with their metric's mean and standard deviation."""
    (metric, group), grid = table.columns[0], table.settings.grid

    def cell(method: str | None) -> Cell:
        if method is None:
            return Cell(NO_METHOD)
        own = _cell(table, method, metric, group)
        return replace(own, text=f"{own.text} {INCOMPLETE}") if method in table.collected.lacking else own

    rows = [(first, list(map(cell, methods))) for first, methods in zip(grid.rows, grid.methods, strict=True)]
    name = f"{_label(metric, table.settings.unit)} {METRICS[metric].arrow}"
    return Sheet(name, [Column(heading, "", _group(table, group)[1]) for heading in grid.columns], rows, table.caption)


def _cell(table: Table, method: str, metric: str, group: int | str) -> Cell:
    """Mean±sd as printed, or why there is none."""
    key, decimals = (method, metric, group), decimals_of(metric, table.settings)
    mean, sd = table.mean_sd(*key)
    if np.isnan(mean):
        return Cell(NOT_AVAILABLE if key in table.values.index else MISSING)
    return Cell(f"{mean:.{decimals}f}±{sd:.{decimals}f}", key in table.best, key in table.different)


def _name(table: Table, row: dict) -> str:
    return f"{row['label']} {INCOMPLETE}" if row["missing"] else row["label"]


def _label(metric: str, unit: str) -> str:
    kind = METRICS[metric]
    return f"{kind.label} ({unit})" if kind.has_unit else kind.label


def _group(table: Table, group: int | str) -> tuple[str, str]:
    """Heading of a size in Markdown, and in LaTeX."""
    if group == ALL_SIZES:
        return "", f"{len(table.settings.sizes)} sizes"
    factor = upscaling_factor(table.frame, group)
    return f"s={factor}", f"s={factor} ({group}×{group})"


def _with_interval(row: dict, key: str, ends: tuple[str, str], decimals: int) -> str:
    if np.isnan(row[key]):
        return NO_METHOD
    value = f"{row[key]:.{decimals}f}"
    low, high = (row.get(end, np.nan) for end in ends)
    return value if np.isnan(low) else f"{value} [{low:.{decimals}f}, {high:.{decimals}f}]"


def _p(p: float) -> str:
    return NO_METHOD if np.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def _number(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:.1f}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds >= 0.01 else "<0.01"


def _millions(parameters: int) -> str:
    millions = parameters / 1e6
    return f"{millions:.1f}" if millions >= 1 else f"{millions:.2g}"


def _hours(hours: float) -> str:
    return f"{hours:.1f}" if hours >= 1 else f"{hours:.2g}"


PRINTED = {
    key: lambda number, text=text: NOT_AVAILABLE if np.isnan(number) else text(number)
    for key, text in (
        ("nfe", _number), ("seconds_per_slice", _seconds), ("training_hours", _hours), ("parameters", _millions),
    )
}  # fmt: skip
