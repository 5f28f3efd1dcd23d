"""Long table of metric values: writing, reading with checks, and selection of the rows of one table."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError, log
from mrsi_sr.evaluation.metrics import BIAS, BIAS_REGION
from mrsi_sr.results.files import writing
from mrsi_sr.results.outputs import check_whole
from mrsi_sr.results.reading import check_memory, reading
from mrsi_sr.settings.errors import listed
from mrsi_sr.settings.report import TableSettings

MAP = ["participant", "slice", "metabolite", "size"]  # columns that identify a super-resolved map
COLUMNS = [*MAP, "method", "fold", "seed", "sample", "region", "metric", "value", "protocol"]
WHOLE = ("slice", "size", "fold", "seed", "sample")  # columns of whole numbers
KINDS = dict.fromkeys(WHOLE, "iu") | {"value": "f"}  # NumPy's kind of a column; of others: objects
WORDS = [column for column in COLUMNS if column not in KINDS]  # read as categories: a row takes 60 bytes, not 200
BYTES_PER_ROW = 60  # memory that a row takes
ALL_SIZES = "all"  # group of a table that pools its sizes
PROFILE = "slurm"  # of the command that makes scores again
SHOWN = 5  # maximum number of maps listed in an error text


def write(table: pd.DataFrame, path: str | Path, **facts: str) -> None:
    """Write the long table as Parquet, with facts (protocol, experiment) also in the schema's metadata."""
    import pyarrow
    from pyarrow import parquet

    content = pyarrow.Table.from_pandas(table[COLUMNS], preserve_index=False)
    content = content.replace_schema_metadata({**content.schema.metadata, **facts})
    with writing(path) as temporary:
        parquet.write_table(content, temporary, write_page_checksum=True)


def read(paths: Iterable[str | Path], protocol: str, experiment: str | None = None) -> pd.DataFrame:
    """Long table of several metrics files, with a column `file`; columns of words are categories in sorted order.

    Raises UserError where a path is no metrics file, a file has another protocol or experiment than the others or the
    settings, a method's fold and seed occurs in two files, or a value is not finite although its metric is available.
    The experiment of a file may be empty.
    """
    parts, facts = {}, []
    for path in map(str, paths):
        part, metadata = _read(path)
        _check_values(path, part)
        facts.append((path, metadata))
        parts[path] = part
    if not parts:
        raise UserError("no metrics file is given\n  run the workflow, or evaluate.py, first")
    for fact, wanted in (("protocol", protocol), ("experiment", experiment)):
        _check_one(fact, [(path, metadata.get(fact, "")) for path, metadata in facts], wanted)
    table = _joined(parts)
    for (method, fold, seed), group in table.groupby(["method", "fold", "seed"], observed=True):
        if group.file.nunique() > 1:
            raise UserError(
                f"method {method} of fold {fold}, seed {seed}, is in two files: {', '.join(group.file.unique())}\n"
                "  give one of them only"
            )
    log.info("read %d values of %d maps from %d files", len(table), len(table[MAP].drop_duplicates()), len(parts))
    return table


def _read(path: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Long table in a metrics file, and the facts in its metadata. Raises UserError for any other file."""
    from pyarrow import ArrowException, parquet

    with reading(path, "a metrics file", "expected a file that evaluate.py wrote: run it again", ArrowException):
        check_whole(path)
        with parquet.ParquetFile(path, page_checksum_verification=True, read_dictionary=WORDS) as file:
            check_memory(file.metadata.num_rows * BYTES_PER_ROW)
            content = file.read(columns=COLUMNS)
        table = content.to_pandas(ignore_metadata=True)[COLUMNS]
        if table.empty:
            raise ValueError("it has no rows")
        for column in COLUMNS:
            if table[column].dtype.kind not in KINDS.get(column, "O"):
                raise ValueError(f"{column} is of type {table[column].dtype}")
        if table.drop(columns="value").isna().any(axis=None):
            raise ValueError("it has rows that do not name their map, method, region or metric")
        if table.duplicated([*COLUMNS[:-2]]).any():
            raise ValueError("it has values of a map more than once")
        metadata = {key.decode(): value.decode() for key, value in (content.schema.metadata or {}).items()}
    return table, metadata


def _joined(parts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One table of the tables of several files, with a column `file`. parts: by file, taken out one after the other."""
    columns = {}
    for name in COLUMNS:
        own = [part.pop(name) for part in parts.values()]
        if name in WORDS:
            words = sorted(set().union(*(each.cat.categories for each in own)))
            own = [each.cat.set_categories(words) for each in own]
        columns[name] = pd.concat(own, ignore_index=True)
    lengths = [len(part) for part in parts.values()]
    columns["file"] = pd.Categorical.from_codes(np.repeat(np.arange(len(parts)), lengths), list(parts))
    return pd.DataFrame(columns, copy=False)


def renewing(files: Iterable[str]) -> str:
    """Advice to make metrics files again: one command where they are the workflow's."""
    files = list(dict.fromkeys(files))
    if all(file.startswith("results/") for file in files):
        return f"make them again: snakemake --profile {PROFILE} {' '.join(files)}"
    return "sample and evaluate them again with one configuration"


def _check_one(fact: str, found: list[tuple[str, str]], wanted: str | None) -> None:
    """Raise a UserError unless all files have one value of a fact, the wanted one. found: each file with its value."""
    values = {value for _, value in found}
    wanted = wanted or found[0][1]
    if values in ({wanted}, {""}):
        return
    wrong = [(path, value) for path, value in found if value != wanted]
    raise UserError(
        "\n  ".join(
            [
                f"{len(wrong)} of {len(found)} metrics files are not of the {fact} '{wanted}':",
                *(f"{path}: {value or 'not named'}" for path, value in wrong),
                f"give the files of {wanted}, or {renewing(path for path, _ in wrong)}",
            ]
        )
    )


def _check_values(path: str, table: pd.DataFrame) -> None:
    """Raise a UserError unless a metric's values are all finite or, where it is not available, all missing."""
    for (metric, region), group in table.groupby(["metric", "region"], observed=True):
        bad = group[~np.isfinite(group.value)]
        if len(bad) and not group.value.isna().all():
            first = bad.iloc[0]
            raise UserError(
                f"{path} has {len(bad)} values of {metric} ({region}) that are not finite, the first of "
                f"{first.participant}, slice {first.slice}, {first.metabolite}, size {first['size']}\n"
                "  a mean over the other values would hide them: run evaluate.py again"
            )


def select(table: pd.DataFrame, settings: TableSettings) -> pd.DataFrame:
    """Rows of the long table that a table or its tests need, averaged over repeated samples and seeds of training.

    Columns: MAP, method, fold, metric, value, group; value is missing where the metric is not available. group is the
    column of the table that a map belongs to, one of `groups_of`. Raises UserError where a metric, region or size is
    missing, or the methods were not scored on the same maps of a fold that they have.
    """
    table = table[table.method.isin(methods_of(table, settings))]
    for column, values in (("metric", settings.metrics), ("size", settings.sizes)):
        table = _rows_with(table, column, values)
    counted = table.region == settings.region
    if not counted.any() and not set(settings.metrics) <= set(BIAS):
        table = _rows_with(table, "region", [settings.region])
    is_bias = table.metric.isin(BIAS)
    table = table[(is_bias & (table.region == BIAS_REGION)) | (~is_bias & counted)]
    _check_same_maps(table)
    values = table.groupby([*MAP, "method", "fold", "metric"], as_index=False, observed=True)
    values = values.value.mean(skipna=False).astype(dict.fromkeys(set(WORDS) & {*MAP, "method", "metric"}, str))
    return values.assign(group=ALL_SIZES if settings.pool_sizes else values["size"])


def groups_of(settings: TableSettings) -> list[int | str]:
    """Groups of maps that a table and its tests take together: the maps of each size, or of all sizes."""
    return [ALL_SIZES] if settings.pool_sizes else list(settings.sizes)


def methods_of(table: pd.DataFrame, settings: TableSettings) -> list[str]:
    """Methods in the order of the settings, else in the order of the files."""
    return list(settings.methods or dict.fromkeys(table.method))


def _rows_with(table: pd.DataFrame, column: str, values: list) -> pd.DataFrame:
    """Rows with one of these values. Raises UserError for a value that no row has."""
    missing = [value for value in values if value not in set(table[column].unique())]
    if missing:
        raise UserError(
            f"the metrics files have no {column} {listed(missing)}\n  they have: {listed(table[column].unique())}"
        )
    return table[table[column].isin(values)]


def _check_same_maps(table: pd.DataFrame) -> None:
    """Raise a UserError unless every method, in each fold and seed, has each metric and map that any method has."""
    keys = ["fold", "metric", *MAP]
    code = table.groupby(keys, observed=True).ngroup()
    wanted = code.groupby(table.fold).nunique()
    own = code.groupby([table.method, table.fold, table.seed], observed=True).nunique()
    for (method, fold, seed), number in own.items():
        if number == wanted[fold]:
            continue
        mine = (table.method == method) & (table.fold == fold) & (table.seed == seed)
        others = table[(table.fold == fold) & ~code.isin(code[mine])]
        missing = others.drop_duplicates(keys).rename(columns={"size": "size_"})
        shown = [
            f"  fold {row.fold}, {row.participant}, slice {row.slice}, {row.metabolite}, size {row.size_}, {row.metric}"
            for row in missing.head(SHOWN).itertuples()
        ]
        raise UserError(
            f"{method} has no values for {len(missing)} of the {wanted[fold]} maps and metrics of fold {fold}:\n"
            + "\n".join(shown)
            + f"\n  its file: {listed(table.file[mine].unique())}\n  the files that have them:"
            f" {listed(others.file.unique())}\n  sample and evaluate all methods for the same participants and sizes"
        )
