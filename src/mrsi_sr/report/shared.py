"""Maps on which methods can be compared, where some of them are sampled on a declared subset alone."""

from collections.abc import Iterable

import pandas as pd

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.scores import MAP

RUN = ["fold", "seed"]  # columns that tell apart the trainings of one network


def on_shared_maps(table: pd.DataFrame, records: Iterable[dict], methods: list[str]) -> pd.DataFrame:
    """Rows of the maps that all methods have, where one of them declares a subset; else all, to be checked as they are.

    Methods of different folds or seeds stay as they are, so that they are refused.
    """
    subsets = [each["sampling_settings"].get("subset") or {} for each in records]
    shown = table[table.method.isin(methods)]
    runs = {frozenset(own[RUN].itertuples(index=False, name=None)) for _, own in shown.groupby("method")}
    if len(runs) > 1 or not any(value is not None for subset in subsets for value in subset.values()):
        return table
    shared = shown[shown.groupby([*RUN, *MAP]).method.transform("nunique") == len(methods)]
    if shared.empty:
        raise UserError(
            f"{', '.join(methods)} are sampled on subsets of the maps that have no map in common\n"
            "  declare subsets that share maps, or show these methods in figures of their own"
        )
    return shared
