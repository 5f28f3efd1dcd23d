"""Agreement between readers, and between the sessions of one reader: Cohen's weighted kappa."""

import warnings
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from mrsi_sr.reader_study.ratings import ALL, READING
from mrsi_sr.reader_study.scale import NOT_APPLICABLE, ROLES, SCORES

WEIGHTS = "quadratic"
IMAGE = ["case", "metric", "image"]  # what two readers' scores of one image have in common


def weighted_kappa(first: Sequence[int], second: Sequence[int]) -> float:
    """Cohen's kappa with quadratic weights over the five scores, as scikit-learn computes it.

    first, second: scores of two readers, of the same images. NaN where kappa is not defined: no images, or one and the
    same score of all of them by both readers.
    """
    from sklearn.metrics import cohen_kappa_score

    if len(first) == 0:
        return np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a kappa that is not defined
        return float(cohen_kappa_score(first, second, labels=list(SCORES), weights=WEIGHTS))


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Agreement of each two readings, by metric and kind of image; table: of ratings.unblinded.

    Two readers are compared within a session, and the sessions of one reader with each other. Kappa is over the images
    that both gave a score; those that one or both gave NA, and those that lack a score, are counted beside it.
    Columns: first, second, between, metric, images (LR, SR or all), scored_by_both, na_by_one, na_by_both, missing,
    equal_scores (share of the images scored by both), weighted_kappa (empty where it is not defined).
    """
    rows = []
    for first, second, between in _compared(table):
        both = first.merge(second, on=IMAGE, suffixes=("", "_second"))
        names = {"first": _name(first), "second": _name(second), "between": between}
        for metric, images, part in _parts(both):
            rows.append(names | {"metric": metric, "images": images} | _row(part.score, part.score_second))
    columns = ["first", "second", "between", "metric", "images", *_row(pd.Series(dtype=str), pd.Series(dtype=str))]
    return pd.DataFrame(rows, columns=columns)


def _compared(table: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, pd.DataFrame, str]]:
    readings = dict(iter(table.groupby(READING, sort=True)))
    for one, other in combinations(readings, 2):
        same_reader = one[0].lower() == other[0].lower()
        if same_reader or one[1] == other[1]:
            yield readings[one], readings[other], "sessions" if same_reader else "readers"


def _name(reading: pd.DataFrame) -> str:
    return f"{reading.reader.iloc[0]}, session {reading.session.iloc[0]}"


def _parts(both: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Metric, kind of image, and the images of both; all of either among them."""
    kinds = {ALL: both} | {short: both[both.role == role] for role, short in ROLES.items()}
    for metric in [*both.metric.unique(), ALL]:
        for kind, part in kinds.items():
            yield metric, kind, part if metric == ALL else part[part.metric == metric]


def _row(first: pd.Series, second: pd.Series) -> dict:
    missing = (first == "") | (second == "")
    na = [(scores == NOT_APPLICABLE) & ~missing for scores in (first, second)]
    scored = ~missing & ~na[0] & ~na[1]
    one, other = first[scored].astype(int), second[scored].astype(int)
    return {
        "scored_by_both": int(scored.sum()),
        "na_by_one": int((na[0] ^ na[1]).sum()),
        "na_by_both": int((na[0] & na[1]).sum()),
        "missing": int(missing.sum()),
        "equal_scores": float((one == other).mean()) if len(one) else np.nan,
        "weighted_kappa": weighted_kappa(one.tolist(), other.tolist()),
    }
