"""Table of methods: cost, and metrics at each size as mean ± population standard deviation over maps."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.evaluation.scores import ALL_SIZES, groups_of, methods_of, select
from mrsi_sr.report import markup
from mrsi_sr.report.agreement import check_agreement
from mrsi_sr.report.caption import caption, terms
from mrsi_sr.results.provenance import fingerprint, origin_of
from mrsi_sr.settings.experiment import TableSettings

NOT_AVAILABLE = "not available"
COST = {
    "nfe": "NFE", "seconds_per_slice": "Time (s)", "training_hours": "Train time (h)", "parameters": "Params (M)",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Content of a table.

    settings: of the table. facts: where the numbers come from, for the caption. rows: one per method, columns method,
    label and costs. values: indexed by (method, metric, group), columns mean, sd. best: (method, metric, group) printed
    in bold. A group is a size, or all of them together (scores.groups_of). frame: voxels of a map along each axis.
    """

    settings: TableSettings
    facts: dict
    rows: pd.DataFrame
    values: pd.DataFrame
    best: set
    frame: int

    @property
    def groups(self) -> list[int | str]:
        """Groups of maps, in the order shown."""
        return groups_of(self.settings)

    @property
    def columns(self) -> list[tuple[str, int | str]]:
        """Metric and group of each column of values, in the order shown."""
        return [(metric, group) for group in self.groups for metric in self.settings.metrics]

    def factor(self, size: int) -> str:
        """Upscaling factor of a size, as printed."""
        return f"{self.frame / size:.1f}".removesuffix(".0")

    def cell(self, method: str, metric: str, group: int | str) -> str:
        """Mean±sd as printed, or `not available`."""
        mean, sd = self.values.loc[(method, metric, group), ["mean", "sd"]]
        decimals = decimals_of(metric, self.settings)
        return NOT_AVAILABLE if np.isnan(mean) else f"{mean:.{decimals}f}±{sd:.{decimals}f}"

    @property
    def caption(self) -> str:
        """Caption in full sentences: what the numbers are, and where they come from."""
        return caption(self.settings, self.facts)


def build(scores: pd.DataFrame, records: Iterable[dict], settings: TableSettings) -> Table:
    """Table of methods, from the long table (scores.read) and the provenance records of its metrics files.

    Raises UserError where methods differ in their folds or maps, files are of other folds or settings than those of the
    table, or scores do not agree (agreement.check_agreement).
    """
    methods = methods_of(scores, settings)
    chosen = select(scores, settings)
    folds = sorted(int(fold) for fold in chosen.fold.unique())
    records = list(records)
    mixed = check_agreement(scores, records, settings)
    rows = _costs(records, methods, folds, settings)
    shown = [each for method in methods for each in records if each["method"] == method and each["fold"] in folds]
    # Population standard deviation; one missing value makes mean and standard deviation missing.
    values = chosen.groupby(["method", "metric", "group"]).value.agg([("mean", _mean), ("sd", _sd)])
    facts = {name: getattr(settings, name) for name in ("experiment", "cohort", "phantom", "protocol", "region")} | {
        "folds": f"fold{'s' * (len(folds) > 1)} {_joined(folds)} of {settings.folds_in_all or len(folds)}",
        "participants": chosen.participant.nunique(),
        "maps": len(chosen[["fold", "participant", "slice", "metabolite"]].drop_duplicates()),
        "device": _joined(dict.fromkeys(each["sampling_device"] for each in shown)),
        "training_device": _joined(_training_devices(shown)),
        "mixed": "; ".join(mixed),
        "terms": terms(shown, settings.labels),
        "configuration": fingerprint(*sorted([each["method"], each["fold"], origin_of(each)] for each in shown)),
    }
    best = {
        each for metric in settings.metrics for group in groups_of(settings)
        for each in _best(values, methods, metric, group, decimals_of(metric, settings))
    }  # fmt: skip
    return Table(settings, facts, rows, values, best, _one_frame(records))


def decimals_of(metric: str, settings: TableSettings) -> int:
    """Decimals that a table prints of a metric."""
    return METRICS[metric].decimals + settings.more_decimals


def _one_frame(records: list[dict]) -> int:
    frames = {record["frame"] for record in records}
    if len(frames) > 1:
        raise UserError(f"the maps are of different frames: {_joined(sorted(frames))}\n  make one table for each frame")
    return frames.pop()


def _costs(records: list[dict], methods: list[str], folds: list[int], settings: TableSettings) -> pd.DataFrame:
    """Label of each method with means over folds of its costs."""
    rows = []
    for method in methods:
        own = [record for record in records if record["method"] == method and record["fold"] in folds]
        for key in ("nfe", "parameters"):
            found = {record["fold"]: record[key] for record in own}
            if len(set(found.values())) > 1 and not settings.mix_folds:
                raise UserError(
                    f"{method} differs between folds in {key}: "
                    + ", ".join(f"fold {fold}: {value}" for fold, value in found.items())
                    + "\n  the files come from different configurations: sample and evaluate all folds again"
                )
        costs = [record | {"training_hours": _training_hours(record)} for record in own]
        means = {key: _mean_of([each[key] for each in costs]) for key in COST}
        rows.append({"method": method, "label": settings.labels.get(method, method), **means})
    return pd.DataFrame(rows)


def _training_hours(record: dict) -> float:
    """Hours of training of all networks of a method in a fold; NaN where the record of one of them was missing."""
    seconds = [each["seconds"] for each in record["training"].values()]
    return np.nan if None in seconds else sum(seconds) / 3600


def _training_devices(records: list[dict]) -> list[str]:
    devices = [each["device"] for record in records for each in record["training"].values()]
    return list(dict.fromkeys(filter(None, devices)))


def _mean_of(values: list[float]) -> float:
    """Mean of values; of equal values the value itself, so that a whole number stays one."""
    return values[0] if len(set(values)) == 1 else float(np.mean(values))


def _mean(values: pd.Series) -> float:
    return values.to_numpy().mean()


def _sd(values: pd.Series) -> float:
    return values.to_numpy().std(ddof=0)


def _best(values: pd.DataFrame, methods: list[str], metric: str, group: int | str, decimals: int) -> list[tuple]:
    """Best of two or more methods at a metric and group, with all that are equal as printed; else none."""
    means = {method: values.loc[(method, metric, group), "mean"] for method in methods}
    means = {method: round(mean, decimals) for method, mean in means.items() if not np.isnan(mean)}
    if len(means) < 2:
        return []
    badness = {method: METRICS[metric].badness(mean) for method, mean in means.items()}
    return [(method, metric, group) for method, bad in badness.items() if bad == min(badness.values())]


def csv(table: Table) -> pd.DataFrame:
    """The table as CSV data, one row per method and size: costs, mean and sd of each metric, facts of the caption.

    The size of maps of several sizes that are pooled is `all`, their upscaling factor is missing.
    """
    rows = []
    for row in table.rows.to_dict("records"):
        for group in table.groups:
            values = {"size": group, "upscaling_factor": np.nan if group == ALL_SIZES else table.frame / group}
            for metric in table.settings.metrics:
                mean, sd = table.values.loc[(row["method"], metric, group), ["mean", "sd"]]
                values |= {f"{metric}_mean": mean, f"{metric}_sd": sd}
            rows.append(row | values | table.facts)
    return pd.DataFrame(rows)


def markdown(table: Table) -> str:
    """The table as Markdown, best values in bold, with the caption below."""
    metrics = [
        f"{METRICS[m].label} {METRICS[m].arrow}" + ("" if group == ALL_SIZES else f" s={table.factor(group)}")
        for m, group in table.columns
    ]
    costs = [COST[key] for key in table.settings.costs]
    lines = [["Method", *costs, *metrics], ["---"] + ["---:"] * (len(costs) + len(metrics))]
    for label, cells in _cells(table):
        lines.append([markup.markdown(label), *(f"**{text}**" if best else text for text, best in cells)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{markup.markdown(table.caption)}\n"


def latex(table: Table) -> str:
    """The table as LaTeX table* with booktabs rules, best values in bold; needs \\usepackage{booktabs} and UTF-8."""
    width, costs = len(table.settings.metrics), [COST[key] for key in table.settings.costs]
    columns = "l" + "r" * len(costs) + "c" * len(table.columns)
    starts = [2 + len(costs) + i * width for i in range(len(table.groups))]
    groups = [f"\\multicolumn{{{width}}}{{c}}{{{_latex_group(table, group)}}}" for group in table.groups]
    rules = [f"\\cmidrule(lr){{{start}-{start + width - 1}}}" for start in starts]
    metrics = [markup.latex(f"{METRICS[m].label}{METRICS[m].arrow}") for m, _ in table.columns]
    header = [" & ".join([""] * (len(costs) + 1) + groups), " & ".join(["Method", *costs, *metrics])]
    rows = []
    for label, cells in _cells(table):
        texts = [f"\\textbf{{{markup.latex(text)}}}" if best else markup.latex(text) for text, best in cells]
        rows.append(" & ".join([markup.latex(label), *texts]))
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            "\\begin{table*}",
            f"\\caption{{{markup.latex(table.caption)}}}",
            "\\centering\\scriptsize\\setlength{\\tabcolsep}{3pt}",
            f"\\begin{{tabular}}{{{columns}}}",
            "\\toprule",
            header[0] + " \\\\",
            " ".join(rules),
            header[1] + " \\\\",
            "\\midrule",
            *(row + " \\\\" for row in rows),
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{table*}",
            "",
        ]
    )


def _latex_group(table: Table, group: int | str) -> str:
    if group == ALL_SIZES:
        return f"{len(table.settings.sizes)} sizes"
    return f"$s={table.factor(group)}$ (${group}\\times{group}$)"


def _cells(table: Table) -> Iterable[tuple[str, list[tuple[str, bool]]]]:
    """Label and printed cells of each method; a cell is its text and whether it is the best of its column."""
    for row in table.rows.to_dict("records"):
        costs = [(PRINTED[key](row[key]), False) for key in table.settings.costs]
        keys = [(row["method"], *column) for column in table.columns]
        yield row["label"], costs + [(table.cell(*key), key in table.best) for key in keys]


def _number(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:.1f}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds >= 0.01 else "<0.01"


def _millions(parameters: int) -> str:
    millions = parameters / 1e6
    return f"{millions:.1f}" if millions >= 1 else f"{millions:.2g}"


def _hours(hours: float) -> str:
    if np.isnan(hours):
        return NOT_AVAILABLE
    return f"{hours:.1f}" if hours >= 1 else f"{hours:.2g}"


PRINTED = {"nfe": _number, "seconds_per_slice": _seconds, "training_hours": _hours, "parameters": _millions}


def _joined(parts: Iterable) -> str:
    return ", ".join(map(str, parts))
