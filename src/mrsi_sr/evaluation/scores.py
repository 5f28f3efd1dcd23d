"""Long table of metric values: writing, reading with checks, and selection of the rows of one table."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from mrsi_sr.cli import UserError, log
from mrsi_sr.results.files import writing
from mrsi_sr.results.outputs import check_whole
from mrsi_sr.results.reading import check_memory, reading
from mrsi_sr.settings.errors import listed
from mrsi_sr.settings.experiment import TableSettings

MAP = ["participant", "slice", "metabolite", "size"]  # columns that identify a super-resolved map
COLUMNS = [*MAP, "method", "fold", "seed", "sample", "region", "metric", "value", "protocol"]
WHOLE = ("slice", "size", "fold", "seed", "sample")  # columns of whole numbers
KINDS = dict.fromkeys(WHOLE, "iu") | {"value": "f"}  # NumPy's kind of a column; of others: objects
BYTES_PER_ROW = 200  # memory that a row takes
ALL_SIZES = "all"  # group of a table that pools its sizes
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
    """Long table of several metrics files, with a column `file`.

    Raises UserError where a path is no metrics file, a file has another protocol or experiment than the others or the
    settings, a method's fold and seed occurs in two files, or a value is not finite although its metric is available.
    The experiment of a file may be empty.
    """
    parts, facts = [], {}
    for path in map(str, paths):
        part, metadata = _read(path)
        _check_values(path, part)
        for fact in ("protocol", "experiment"):
            facts.setdefault(fact, {}).setdefault(metadata.get(fact, ""), path)
        parts.append(part.assign(file=path))
    _check_one("protocol", facts["protocol"], protocol)
    _check_one("experiment", facts["experiment"], experiment)
    table = pd.concat(parts, ignore_index=True)
    for (method, fold, seed), group in table.groupby(["method", "fold", "seed"]):
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
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
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


def _check_one(fact: str, found: dict[str, str], wanted: str | None) -> None:
    """Raise a UserError unless all files have one value of a fact, the wanted one. found: value -> a file with it."""
    if len(found) > 1:
        raise UserError(
            f"the metrics files are not of one {fact}:\n"
            + "\n".join(f"  {path}: {value or 'not named'}" for value, path in found.items())
            + f"\n  give the files of one {fact}"
        )
    ((value, path),) = found.items()
    if value and wanted and value != wanted:
        raise UserError(
            f"{path} is of the {fact} '{value}', the settings ask for '{wanted}'\n"
            f"  give the files of {wanted}, or run evaluate.py again"
        )


def _check_values(path: str, table: pd.DataFrame) -> None:
    """Raise a UserError unless a metric's values are all finite or, where it is not available, all missing."""
    for (metric, region), group in table.groupby(["metric", "region"]):
        bad = group[~np.isfinite(group.value)]
        if len(bad) and not group.value.isna().all():
            first = bad.iloc[0]
            raise UserError(
                f"{path} has {len(bad)} values of {metric} ({region}) that are not finite, the first of "
                f"{first.participant}, slice {first.slice}, {first.metabolite}, size {first['size']}\n"
                "  a mean over the other values would hide them: run evaluate.py again"
            )


def select(table: pd.DataFrame, settings: TableSettings) -> pd.DataFrame:
    """Rows of the long table that a table or its tests need, averaged over repeated samples.

    Columns: MAP, method, fold, metric, value, group; value is missing where the metric is not available. group is the
    column of the table that a map belongs to, one of `groups_of`. Raises UserError where a method, metric, region or
    size is missing, files are of other folds, or the methods were not scored on the same maps.
    """
    wanted = {"region": [settings.region], "metric": settings.metrics, "size": settings.sizes}
    wanted["method"] = methods_of(table, settings)
    for column, values in wanted.items():
        missing = [value for value in values if value not in set(table[column])]
        if missing:
            raise UserError(
                f"the metrics files have no {column} {', '.join(map(str, missing))}\n"
                f"  they have: {', '.join(map(str, dict.fromkeys(table[column])))}"
            )
        table = table[table[column].isin(values)]
    _check_same_maps(table, wanted["method"])
    folds = sorted(int(fold) for fold in table.fold.unique())
    if settings.folds and folds != sorted(settings.folds):
        raise UserError(
            f"the metrics files are of fold {listed(folds)}, the settings ask for {listed(settings.folds)}\n"
            "  give the metrics files of all these folds"
        )
    values = table.groupby([*MAP, "method", "fold", "metric"], as_index=False).value.mean(skipna=False)
    return values.assign(group=ALL_SIZES if settings.pool_sizes else values["size"])


def groups_of(settings: TableSettings) -> list[int | str]:
    """Groups of maps that a table and its tests take together: the maps of each size, or of all sizes."""
    return [ALL_SIZES] if settings.pool_sizes else list(settings.sizes)


def methods_of(table: pd.DataFrame, settings: TableSettings) -> list[str]:
    """Methods in the order of the settings, else in the order of the files."""
    return list(settings.methods or dict.fromkeys(table.method))


def _check_same_maps(table: pd.DataFrame, methods: list[str]) -> None:
    """Raise a UserError unless every method has a value for each fold, metric and map that any method has."""
    keys = ["fold", "metric", *MAP]
    everything = table[keys].drop_duplicates()
    for method in methods:
        own = table.loc[table.method == method, [*keys, "file"]].drop_duplicates(keys)
        missing = everything.merge(own, how="left", on=keys).query("file.isna()")
        if len(missing):
            files = table.loc[table.method == method, "file"].unique()
            others = table.merge(missing[keys], on=keys).file.unique()
            shown = [
                f"  fold {row.fold}, {row.participant}, slice {row.slice}, {row.metabolite}, size {row.size_}, "
                f"{row.metric}"
                for row in missing.rename(columns={"size": "size_"}).head(SHOWN).itertuples()
            ]
            raise UserError(
                f"{method} has no values for {len(missing)} of the {len(everything)} maps and metrics of all methods:\n"
                + "\n".join(shown)
                + f"\n  its files: {', '.join(files)}\n  the files that have them: {', '.join(others)}"
                "\n  sample and evaluate all methods for the same folds, participants and sizes"
            )
