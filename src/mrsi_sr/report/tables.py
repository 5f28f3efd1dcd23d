"""Table of methods: cost, and metrics at each size as mean ± population standard deviation over maps."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.evaluation.scores import methods_of, select
from mrsi_sr.report.agreement import check_agreement
from mrsi_sr.results.provenance import fingerprint, lineage
from mrsi_sr.settings.experiment import TableSettings

NOT_AVAILABLE = "not available"
COST = {"nfe": "NFE", "seconds_per_slice": "Time (s)", "parameters": "Params (M)"}
LATEX_ESCAPES = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    character: "\\" + character for character in "&%$#_{}"
}
LATEX_SYMBOLS = {"±": r"$\pm$", "↓": r"$\downarrow$", "↑": r"$\uparrow$", "×": r"$\times$", "<": "$<$"}


@dataclass(frozen=True)
class Table:
    """Content of a table.

    rows: one per method, columns method, label, nfe, seconds_per_slice, parameters; values: indexed by (method, metric,
    size), columns mean, sd; best: (method, metric, size) printed in bold; frame: voxels of a map along each axis.
    """

    title: str
    facts: dict
    rows: pd.DataFrame
    values: pd.DataFrame
    best: set
    sizes: list[int]
    metrics: list[str]
    frame: int

    def factor(self, size: int) -> str:
        """Upscaling factor of a size, as printed."""
        return f"{self.frame / size:.1f}".removesuffix(".0")

    def cell(self, method: str, metric: str, size: int) -> str:
        """Mean±sd as printed, or `not available`."""
        mean, sd = self.values.loc[(method, metric, size), ["mean", "sd"]]
        decimals = METRICS[metric].decimals
        return NOT_AVAILABLE if np.isnan(mean) else f"{mean:.{decimals}f}±{sd:.{decimals}f}"

    @property
    def caption(self) -> str:
        """Caption in full sentences: experiment, protocol, cohort, folds, and how the numbers were computed."""
        f = self.facts
        where = "inside the quality mask" if f["region"] == "mask" else "over the whole frame"
        phantom = " (phantom: simulated, not patients)" if f["phantom"] else ""
        mixed = f" Folds of different settings are averaged: {f['mixed']}." if f["mixed"] else ""
        return (
            f"{self.title}. Experiment {f['experiment']}, protocol {f['protocol']}: metrics {where}; "
            f"cohort {f['cohort']}{phantom}; {f['folds']}; {_count(f['participants'], 'participant')}, "
            f"{_count(f['maps'], 'map')} at each size. "
            "Mean ± population standard deviation over maps; s is the upscaling factor. "
            f"Time is seconds per slice on {f['device']}.{mixed} Configuration {f['configuration']}."
        )


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
    rows, devices = _costs(records, methods, folds, settings)
    shown = [each for each in records if each["method"] in methods and each["fold"] in folds]
    # Population standard deviation; one missing value makes mean and standard deviation missing.
    values = chosen.groupby(["method", "metric", "size"]).value.agg([("mean", _mean), ("sd", _sd)])
    facts = {name: getattr(settings, name) for name in ("experiment", "cohort", "phantom", "protocol", "region")} | {
        "folds": f"fold{'s' * (len(folds) > 1)} {_joined(folds)} of {settings.folds_in_all or len(folds)}",
        "participants": chosen.participant.nunique(),
        "maps": len(chosen[["fold", "participant", "slice", "metabolite"]].drop_duplicates()),
        "device": ", ".join(devices),
        "mixed": "; ".join(mixed),
        "configuration": fingerprint(*sorted([each["method"], each["fold"], lineage(each)] for each in shown)),
    }
    sizes, metrics = list(settings.sizes), list(settings.metrics)
    best = {each for metric in metrics for size in sizes for each in _best(values, methods, metric, size)}
    return Table(settings.title, facts, rows, values, best, sizes, metrics, _one_frame(records))


def _one_frame(records: list[dict]) -> int:
    frames = {record["frame"] for record in records}
    if len(frames) > 1:
        raise UserError(f"the maps are of different frames: {_joined(sorted(frames))}\n  make one table for each frame")
    return frames.pop()


def _costs(
    records: list[dict], methods: list[str], folds: list[int], settings: TableSettings
) -> tuple[pd.DataFrame, list[str]]:
    """Label of each method with means over folds of NFE, seconds and parameters; and the devices of the timing."""
    rows, devices = [], {}
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
        devices |= dict.fromkeys(record["sampling_device"] for record in own)
        means = {key: _mean_of([record[key] for record in own]) for key in COST}
        rows.append({"method": method, "label": settings.labels.get(method, method), **means})
    return pd.DataFrame(rows), list(devices)


def _mean_of(values: list[float]) -> float:
    """Mean of values; of equal values the value itself, so that a whole number stays one."""
    return values[0] if len(set(values)) == 1 else float(np.mean(values))


def _mean(values: pd.Series) -> float:
    return values.to_numpy().mean()


def _sd(values: pd.Series) -> float:
    return values.to_numpy().std(ddof=0)


def _best(values: pd.DataFrame, methods: list[str], metric: str, size: int) -> list[tuple]:
    """Best of two or more methods at a metric and size, with all that are equal as printed; else none."""
    means = {method: values.loc[(method, metric, size), "mean"] for method in methods}
    means = {method: round(mean, METRICS[metric].decimals) for method, mean in means.items() if not np.isnan(mean)}
    if len(means) < 2:
        return []
    best = min(means.values()) if METRICS[metric].lower_is_better else max(means.values())
    return [(method, metric, size) for method, mean in means.items() if mean == best]


def csv(table: Table) -> pd.DataFrame:
    """The table as CSV data, one row per method and size: cost, mean and sd of each metric, facts of the caption."""
    rows = []
    for row in table.rows.to_dict("records"):
        for size in table.sizes:
            values = {"size": size, "upscaling_factor": table.frame / size}
            for metric in table.metrics:
                mean, sd = table.values.loc[(row["method"], metric, size), ["mean", "sd"]]
                values |= {f"{metric}_mean": mean, f"{metric}_sd": sd}
            rows.append(row | values | table.facts)
    return pd.DataFrame(rows)


def markdown(table: Table) -> str:
    """The table as Markdown, best values in bold, with the caption below."""
    metrics = [
        f"{METRICS[m].label} {METRICS[m].arrow} s={table.factor(size)}" for size in table.sizes for m in table.metrics
    ]
    lines = [["Method", *COST.values(), *metrics], ["---"] + ["---:"] * (len(COST) + len(metrics))]
    for label, cells in _cells(table):
        lines.append([label.replace("|", r"\|"), *(f"**{text}**" if best else text for text, best in cells)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{table.caption}\n"


def latex(table: Table) -> str:
    """The table as LaTeX table* with booktabs rules, best values in bold; needs \\usepackage{booktabs} and UTF-8."""
    width = len(table.metrics)
    columns = "l" + "r" * len(COST) + ("c" * width) * len(table.sizes)
    starts = [2 + len(COST) + i * width for i in range(len(table.sizes))]
    groups = [f"\\multicolumn{{{width}}}{{c}}{{$s={table.factor(n)}$ (${n}\\times{n}$)}}" for n in table.sizes]
    rules = [f"\\cmidrule(lr){{{start}-{start + width - 1}}}" for start in starts]
    metrics = [_escaped(f"{METRICS[m].label}{METRICS[m].arrow}") for m in table.metrics]
    header = [
        " & ".join([""] * (len(COST) + 1) + groups),
        " & ".join(["Method", *COST.values(), *metrics * len(table.sizes)]),
    ]
    rows = []
    for label, cells in _cells(table):
        texts = [f"\\textbf{{{_escaped(text)}}}" if best else _escaped(text) for text, best in cells]
        rows.append(" & ".join([_escaped(label), *texts]))
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            "\\begin{table*}",
            f"\\caption{{{_escaped(table.caption)}}}",
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


def _cells(table: Table) -> Iterable[tuple[str, list[tuple[str, bool]]]]:
    """Label and printed cells of each method; a cell is its text and whether it is the best of its column."""
    for row in table.rows.to_dict("records"):
        cost = [_number(row["nfe"]), _seconds(row["seconds_per_slice"]), _millions(row["parameters"])]
        keys = [(row["method"], metric, size) for size in table.sizes for metric in table.metrics]
        yield row["label"], [(text, False) for text in cost] + [(table.cell(*key), key in table.best) for key in keys]


def _number(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:.1f}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds >= 0.01 else "<0.01"


def _millions(parameters: int) -> str:
    millions = parameters / 1e6
    return f"{millions:.1f}" if millions >= 1 else f"{millions:.2g}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _joined(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _escaped(text: str) -> str:
    for characters in (LATEX_ESCAPES, LATEX_SYMBOLS):
        text = "".join(characters.get(character, character) for character in text)
    return text
