"""Evidence: every table and figure of the papers with its rule and file, and published numbers beside ours."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict

from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.report import markup
from mrsi_sr.report.caption import cohort_in_words
from mrsi_sr.report.layout import COST, NOT_AVAILABLE
from mrsi_sr.results.outputs import check_whole
from mrsi_sr.results.reading import reading, shaped
from mrsi_sr.settings.text import read_yaml

PRINTED = {
    "nfe": (1, 0),
    "seconds_per_slice": (1, 2),
    "training_hours": (1, 2),
    "parameters": (1e6, 1),
}  # unit, decimals
MeanSd = tuple[float, float]


class PublishedPaper(BaseModel):
    """What a paper prints: its tables as numbers by method and column, and the contents of its figures in words."""

    model_config = ConfigDict(extra="forbid")

    paper: str
    cohort: str
    tables: dict[str, dict[str, dict[str, float | dict[int | str, MeanSd]]]]
    figures: dict[str, str]
    reader_studies: dict[str, str] = {}


def read_published(path: str | Path) -> dict[str, PublishedPaper]:
    """Published numbers by experiment (workflow/published.yaml). Raises UserError for a file of another shape."""
    content = read_yaml(path, "the published numbers")
    with reading(path, "a file of published numbers", "expected one as workflow/published.yaml"):
        return shaped(dict[str, PublishedPaper], content)


def evidence(published: dict[str, PublishedPaper], tables: Sequence[Path], figures: Sequence[Path]) -> str:
    """Markdown text: of each experiment a list of its tables and figures, and each published table beside ours.

    tables: files results/EXPERIMENT/tables/NAME.csv. figures: files results/EXPERIMENT/figures/NAME.png.
    Raises UserError for a table that table.py did not write.
    """
    parts = ["# Tables and figures of the papers", PREFACE]
    for name, paper in published.items():
        own = {path.stem: path for path in tables if path.parts[-3] == name}
        drawn = {path.stem: path for path in figures if path.parts[-3] == name}
        if own or drawn:
            parts += [f"## {markup.markdown(paper.paper)}", _list_of(name, own, drawn, paper)]
            parts += [_beside(own[table], table, rows, paper) for table, rows in paper.tables.items() if table in own]
    return "\n\n".join(parts) + "\n"


PREFACE = (
    "Each cell has our mean ± standard deviation over maps, and in brackets the one that the paper prints for its own"
    " cohort. The two are of different data: a difference says nothing about the method, an order of methods a little."
)


def _list_of(experiment: str, tables: dict[str, Path], figures: dict[str, Path], paper: PublishedPaper) -> str:
    """Table of an experiment's tables, figures and reader studies: rule, file and content."""
    rows = [("table", f"tables/{name}.csv", _size_of(_read(path))) for name, path in tables.items()]
    rows += [("figure", f"figures/{name}.png", paper.figures.get(name, "")) for name in figures]
    studies = paper.reader_studies.items()
    rows += [("reader_ratings", f"reader_study/{name}/analysis/figure.png", words) for name, words in studies]
    lines = [f"| `{rule}` | `results/{experiment}/{file}` | {markup.markdown(words)} |" for rule, file, words in rows]
    return "\n".join(["| rule | file | content |", "| --- | --- | --- |", *lines])


def _size_of(table: pd.DataFrame) -> str:
    groups = table["size"].nunique()
    return f"{table.method.nunique()} methods, {groups} {'size' if groups == 1 else 'sizes'} of low resolution"


def _beside(path: Path, name: str, published: dict, paper: PublishedPaper) -> str:
    """A published table beside ours: a row for each method of both."""
    ours = _read(path)
    first = ours.iloc[0]
    columns = [(metric, size) for size in ours["size"].unique() for metric in METRICS if f"{metric}_mean" in ours]
    columns = [each for each in columns if any(_of(row, *each) for row in published.values())]
    costs = [cost for cost in COST if cost in ours and any(cost in row for row in published.values())]
    head = ["Method", *(COST[cost] for cost in costs), *(_heading(metric, size, ours) for metric, size in columns)]
    lines = [head, ["---"] * len(head)]
    for method, rows in ours.groupby("method", sort=False):
        printed = published.get(method, {})
        cells = [_cost(cost, rows.iloc[0], printed) for cost in costs]
        cells += [_score(metric, size, rows, printed) for metric, size in columns]
        lines.append([markup.markdown(str(rows.label.iloc[0])), *cells])
    cohort = cohort_in_words(first.cohort, first.phantom)
    origin = (
        f"Ours: cohort {cohort}, protocol {first.protocol}, {first.folds}, {first.participants} participants,"
        f" {first.maps} maps at each size, configuration {first.configuration}. In brackets: {paper.cohort}."
    )
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"### {name}\n\n{table}\n\n{markup.markdown(origin)}"


def _of(row: dict, metric: str, size: str) -> MeanSd | None:
    """Published mean and standard deviation at a size as CSV has it, a number or `all`."""
    found = {str(key): value for key, value in row.get(metric, {}).items()}
    return found.get(str(size))


def _heading(metric: str, size: str, ours: pd.DataFrame) -> str:
    factor = ours.loc[ours["size"] == size, "upscaling_factor"].iloc[0]
    return f"{METRICS[metric].label} {METRICS[metric].arrow}" + ("" if pd.isna(factor) else f" s={factor:g}")


def _score(metric: str, size: str, rows: pd.DataFrame, published: dict) -> str:
    own, decimals = rows[rows["size"] == size].iloc[0], METRICS[metric].decimals
    mean, sd, printed = own[f"{metric}_mean"], own[f"{metric}_sd"], _of(published, metric, size)
    text = NOT_AVAILABLE if pd.isna(mean) else f"{mean:.{decimals}f}±{sd:.{decimals}f}"
    return text + (f" ({printed[0]:.{decimals}f}±{printed[1]:.{decimals}f})" if printed else "")


def _cost(cost: str, own: pd.Series, published: dict) -> str:
    unit, decimals = PRINTED[cost]
    text = NOT_AVAILABLE if pd.isna(own[cost]) else f"{own[cost] / unit:.{decimals}f}"
    return text + (f" ({published[cost]:.{decimals}f})" if cost in published else "")


def _read(path: Path) -> pd.DataFrame:
    """A table's CSV file; sizes are text."""
    with reading(path, "a table", "expected a CSV file that table.py wrote: run it again", pd.errors.ParserError):
        check_whole(path)
        table = pd.read_csv(path, dtype={"size": str})
        if missing := sorted({"method", "label", "size", "cohort", "configuration"} - set(table)):
            raise ValueError(f"it has no column {', '.join(missing)}")
    return table
