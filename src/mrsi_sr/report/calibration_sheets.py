"""Printed tables of a calibration, with captions that say what each number promises and where it comes from."""

from functools import partial

import numpy as np
import pandas as pd

from mrsi_sr.calibration.fold import VOXELS
from mrsi_sr.calibration.maps import RAW, RESCALED, metric_columns
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.report import calibration_tables as tables
from mrsi_sr.report.calibration import Calibrations
from mrsi_sr.report.caption import joined
from mrsi_sr.report.sheet import Cell, Column, Sheet
from mrsi_sr.report.statistics import SIGNIFICANCE

NONE = "-"  # cell without a value
OF_ENSEMBLE = {"mean": "of the mean", "member": "of a member"}
QUANTITIES = {VOXELS: "voxels", "lesion_mean": "lesion mean", "hotspot_volume": "hotspot volume"}


def all_of(calibrations: Calibrations) -> dict[str, tuple[pd.DataFrame, Sheet]]:
    """Tables of a calibration by name, each with its printed form; those without rows are left out.

    Raises UserError for a level that the participants of all folds together do not support, where they are pooled.
    """
    made = {
        "scores": (tables.scores(calibrations), sheet_of_scores),
        "coverage": (tables.coverage(calibrations), sheet_of_coverage),
        "intervals": (tables.intervals(calibrations), sheet_of_intervals),
        "tests": (tables.tests(calibrations), sheet_of_tests),
    }
    if calibrations.settings.pool_folds:
        made["pooled"] = (tables.pooled(calibrations), sheet_of_pooled)
    return {name: (table, printed(calibrations, table)) for name, (table, printed) in made.items() if len(table)}


def sheet_of_scores(calibrations: Calibrations, table: pd.DataFrame) -> Sheet:
    """Printed table of scores: raw ones, and beside them those that change where the spread is rescaled."""
    raw = table[table.scaling == RAW].set_index(["method", "size"])
    rescaled = table[table.scaling == RESCALED].set_index(["method", "size"])
    names = metric_columns(table)
    shown = [name for what in OF_ENSEMBLE for name in names if name.endswith(f"_{what}")]
    rows = []
    for method, size in raw.index:
        one = raw.loc[(method, size)]
        other = rescaled.loc[(method, size)] if (method, size) in rescaled.index else None
        cells = [f"{one.members:g}", f"{one.nfe:g}", *(_metric(name, one[name]) for name in shown)]
        cells += [_percent(one.crps, 2), _percent(one.energy, 2), _number(one.spread_to_skill)]
        cells += (
            [_number(other.factor), _percent(other.crps, 2), _number(other.spread_to_skill)]
            if other is not None
            else [NONE] * 3
        )
        rows.append((_named(calibrations, method, size), [Cell(text) for text in cells]))
    columns = ["K", "NFE", *(_heading(name) for name in shown), "CRPS (%) ↓", "Energy (%) ↓", "Spread/skill →1"]
    columns += ["Factor", "CRPS (%), rescaled ↓", "Spread/skill, rescaled →1"]
    caption = (
        "Ensembles of K members: metrics of their mean and of one member, proper scores, spread against skill."
        " Means of the participants' means. CRPS and energy score are fair (as of infinitely many members), in"
        " parts of the true map's root mean square and norm; with K = 1 the CRPS is the absolute error. Spread is"
        " the standard deviation of the members times sqrt((K + 1)/K), skill the error of their mean, both root"
        " mean squares: 1 of an ideal ensemble, less of one that is too sure. Rescaled: deviations from the"
        " ensemble mean times the factor that the validation participants of the fold gave; moved members share"
        " the error of their mean, so that the fair CRPS favours a factor above 1, and rescaled values compare"
        f" with rescaled ones only. s is the upscaling factor. {calibrations.origin}"
    )
    return Sheet("Method", [Column(text, align="r") for text in columns], rows, caption)


def sheet_of_coverage(calibrations: Calibrations, table: pd.DataFrame) -> Sheet:
    """Printed table of coverage: a row for each method, size and tissue, columns for levels, raw and rescaled."""
    columns, rows = [], []
    for scaling in (RAW, RESCALED):
        columns += [Column(f"{level} %", scaling, align="r") for level in calibrations.settings.levels]
        columns += [Column(f"{level} %, normal", scaling, align="r") for level in calibrations.settings.levels]
    indexed = table.set_index(["scaling", "level"])
    for (method, size, tissue), own in indexed.groupby(["method", "size", "tissue"], sort=False, observed=True):
        cells = []
        for scaling in (RAW, RESCALED):
            for column in ("coverage", "normal"):
                for level in calibrations.settings.levels:
                    there = (scaling, level) in own.index
                    cells.append(Cell(_percent(own[column].loc[(scaling, level)]) if there else NONE))
        rows.append((f"{_named(calibrations, method, size)}, {tissue}", cells))
    members = sorted({calibrations.members(method) for method in calibrations.methods} - {1})
    widest = joined(f"{100 * (number - 1) / (number + 1):.1f} % of {number} members" for number in members)
    caption = (
        "Coverage (%) of nominal central intervals, by tissue: mean over participants of the share of voxels"
        " whose true value lies inside. An interval between members is exact for an ideal ensemble of K members,"
        f" whatever its distribution; above its widest, lowest to highest member ({widest}), it counts the ideal"
        " share of the truths outside. Normal: mean ± t sqrt(1 + 1/K) standard deviations, exact for normally"
        " distributed members. Tissues are a rough division of T1 brightness by two thresholds; ventricle stands"
        " for all cerebrospinal fluid. Not a promise for one voxel or one participant. s is the upscaling factor."
        f" {calibrations.origin}"
    )
    return Sheet("Method and tissue", columns, rows, caption)


def sheet_of_intervals(calibrations: Calibrations, table: pd.DataFrame) -> Sheet:
    """Printed table of conformal intervals."""
    unit = calibrations.settings.unit
    rows = []
    for row in table.itertuples(index=False):
        of = "ml" if row.quantity == "hotspot_volume" else unit
        width, truth = (NONE if np.isnan(each) else f"{each:.3g} {of}" for each in (row.half_width, row.mean_truth))
        promise = f"{row.inside} of {row.trials}" if row.supported else f"not supported: at most {row.highest:.1f} %"
        what = " ".join(filter(None, (row.metabolite, QUANTITIES[row.quantity])))
        cells = [
            f"{row.level} %",
            str(row.calibrated_on),
            _number(row.factor),
            promise,
            width,
            truth,
            _percent(row.share),
        ]
        rows.append((f"{_named(calibrations, row.method, row.size)}, {what}", [Cell(text) for text in cells]))
    columns = ["Level", "n", "Factor", "Inside", "± mean", "True mean", "Voxels inside (%)"]
    settings = calibrations.settings
    caption = (
        "Split-conformal intervals, estimate ± factor x scale, with the factor from the n validation participants"
        " of the fold; a participant counts once, however many voxels it has. Promise: with a probability of at"
        " least the level, over the draw of validation participants and of a new one from the same population,"
        " scanner and processing, the new participant's lesion mean, or hotspot volume, lies inside, of each"
        f" metabolite by itself; of voxels, that at least {settings.voxels} % of the participant's valid voxels do."
        " It is no promise for each participant, lesion or voxel by itself. n participants support n/(n + 1) at"
        f" most.{_chosen_by_validation(calibrations)} Inside: of the trials, one per test participant and seed."
        f" Hotspot: voxels above {settings.hotspot:g} times the map's median outside of the lesion. s is the"
        f" upscaling factor. {calibrations.origin}"
    )
    return Sheet("Method and quantity", [Column(text, align="r") for text in columns], rows, caption)


def _chosen_by_validation(calibrations: Calibrations) -> str:
    """Sentence on methods whose weights the validation participants chose, which an exact promise does not allow."""
    chosen = [
        calibrations.label(name)
        for name, counterpart in calibrations.settings.methods.items()
        if counterpart and "best" in str(calibrations.records_of(name)[0]["sampling_settings"]["weights"])
    ]
    if not chosen:
        return ""
    return (
        f" The weights of {joined(chosen)} are those of the lowest loss of these validation participants, so that the"
        " promise holds nearly, and not exactly."
    )


def sheet_of_pooled(calibrations: Calibrations, table: pd.DataFrame) -> Sheet:
    """Printed table of the bounds of pooled residuals."""
    rows = []
    for row in table.itertuples(index=False):
        what = " ".join(filter(None, (row.metabolite, QUANTITIES[row.quantity])))
        cells = [f"{row.level} %", str(row.participants), str(row.folds), _number(row.factor), f"{row.guarantee:.1f} %"]
        rows.append((f"{_named(calibrations, row.method, row.size)}, {what}", [Cell(text) for text in cells]))
    caption = (
        "Bounds for new scans from the out-of-fold residuals of all folds together (CV+), of intervals that hold"
        " those of every fold's network. n residuals support 1 - 2/(n + 1) at most, and guaranteed is what is left"
        " of the level where a fold has more than one participant (Barber et al. 2021, theorem 4). s is the"
        f" upscaling factor. {calibrations.origin}"
    )
    columns = ["Level", "n", "Folds", "Factor", "Guaranteed"]
    return Sheet("Method and quantity", [Column(text, align="r") for text in columns], rows, caption)


def sheet_of_tests(calibrations: Calibrations, table: pd.DataFrame) -> Sheet:
    """Printed table of tests."""
    rows = []
    for row in table.itertuples(index=False):
        name = row.quantity_a.rpartition("_")[0] or "crps"
        value = partial(_percent, decimals=2) if name == "crps" else partial(_metric, row.quantity_a)
        cells = [
            Cell(f"{calibrations.label(row.method_b)}, {_words(row.quantity_b)}"),
            Cell(value(row.value_a)),
            Cell(value(row.value_b)),
            Cell(_difference(row)), Cell(f"{row.rank_biserial:.2f}"),
            Cell(f"{row.p:.3g}"), Cell(f"{row.p_adjusted:.3g}", star=row.p_adjusted < SIGNIFICANCE),
            Cell(calibrations.label(row.better) if row.better else NONE), Cell(str(row.pairs)),
        ]  # fmt: skip
        rows.append((f"{_named(calibrations, row.method_a, row.size)}, {_words(row.quantity_a)}", cells))
    columns = ["Against", "First", "Second", "Difference [95 %]", "Rank-biserial", "p", "p (Holm)", "Better", "Pairs"]
    caption = (
        "Ensembles against each other: means of participants over the maps that both methods have, Wilcoxon's"
        f" signed-rank test, Holm's correction over the tests of a pair of methods{_limits(calibrations, table)}."
        " CRPS is fair, of the raw ensembles, in % of the true map's root mean square. Difference: Hodges-Lehmann,"
        " first minus second, in brackets a bootstrap interval over participants (CRPS as a fraction). * p < 0.05"
        " after correction. s is the upscaling factor."
        f" {calibrations.origin}"
    )
    return Sheet("First", [Column(text, align="r") for text in columns], rows, caption)


def _limits(calibrations: Calibrations, table: pd.DataFrame) -> str:
    """Number of tests of each family, and what p it cannot fall below where that is above 0.05."""
    words = []
    for (a, b), family in table.groupby(["method_a", "method_b"], sort=False):
        least = tables.least_p(family)
        limit = f", p cannot be below {least:.2g}" if least > SIGNIFICANCE else ""
        words.append(f"{calibrations.label(a)} and {calibrations.label(b)}: {len(family)} tests{limit}")
    return f" ({'; '.join(words)})"


def _named(calibrations: Calibrations, method: str, size: int) -> str:
    return f"{calibrations.label(method)}, s = {calibrations.factor(size)}"


def _words(quantity: str) -> str:
    if quantity == "crps":
        return "CRPS"
    metric, _, what = quantity.rpartition("_")
    return f"{METRICS[metric].label} {OF_ENSEMBLE[what]}"


def _heading(quantity: str) -> str:
    return f"{_words(quantity)} {METRICS[quantity.rpartition('_')[0]].arrow}"


def _metric(quantity: str, value: float) -> str:
    return NONE if np.isnan(value) else f"{value:.{METRICS[quantity.rpartition('_')[0]].decimals}f}"


def _percent(value: float, decimals: int = 1) -> str:
    return NONE if np.isnan(value) else f"{100 * value:.{decimals}f}"


def _difference(row) -> str:
    """Difference of a test with its interval, where there are participants enough for one."""
    interval = "" if np.isnan(row.ci_low) else f" [{row.ci_low:.3g}, {row.ci_high:.3g}]"
    return f"{row.median_difference:.3g}{interval}"


def _number(value: float) -> str:
    return NONE if np.isnan(value) or np.isinf(value) else f"{value:.2f}"
