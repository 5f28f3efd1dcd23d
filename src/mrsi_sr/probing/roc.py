"""Detection of planted lesions: ROC, sensitivity, false lesions at a threshold, and methods at equal detection."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from mrsi_sr.probing.measures import AS_IT_IS, THRESHOLDS


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Area under the ROC: how often a lesion scores above a normal place, ties counted half (Mann and Whitney 1947)."""
    if not len(positive) or not len(negative):
        return np.nan
    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)].sum()
    return float((ranks - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative)))


def roc(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False-positive rate and sensitivity at every threshold, from the highest (0, 0) to the lowest (1, 1)."""
    thresholds = np.concatenate([[np.inf], np.unique(np.concatenate([positive, negative]))[::-1]])
    rates = [1 - np.searchsorted(np.sort(each), thresholds, side="left") / len(each) for each in (negative, positive)]
    return rates[0], rates[1]


def sensitivity_at(positive: np.ndarray, negative: np.ndarray, rate: float) -> float:
    """Largest sensitivity at a false-positive rate of at most `rate`."""
    if not len(positive) or not len(negative):
        return np.nan
    false_positive, sensitivity = roc(positive, negative)
    return float(sensitivity[false_positive <= rate + 1e-12].max())


@dataclass(frozen=True)
class Detection:
    """Scores of a method at one size: of planted lesions and of normal places, finite; and its false lesions.

    false_per_100_ml: false lesions in 100 ml of normal tissue [T] at each of THRESHOLDS, mean of the diameters.
    """

    positive: np.ndarray
    negative: np.ndarray
    false_per_100_ml: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame, kind: str = "lesion") -> "Detection":
        """rows: of one method at one size. kind: of the lesions that are to be detected."""
        score = rows[(rows.measure == "score") & np.isfinite(rows.value)]
        positive, negative = (score[score.kind == each].value.to_numpy() for each in (kind, AS_IT_IS))
        return cls(positive, negative, _false_per_100_ml(rows))

    @property
    def auc(self) -> float:
        """Area under the ROC."""
        return auc(self.positive, self.negative)

    def threshold_at(self, detected: float) -> float:
        """Highest of THRESHOLDS at which this part of the lesions is detected; NaN where none is that low."""
        parts = np.array([(self.positive > threshold).mean() for threshold in THRESHOLDS])
        enough = np.flatnonzero(parts >= detected)
        return float(THRESHOLDS[enough[-1]]) if len(enough) else np.nan

    def false_at(self, detected: float) -> float:
        """False lesions in 100 ml of normal tissue at the threshold that detects this part of the lesions, else NaN.

        So methods are compared at equal detection: one that shows every lesion faintly may be read at a low threshold,
        and has to show as few false lesions there.
        """
        threshold = self.threshold_at(detected)
        return np.nan if np.isnan(threshold) else float(self.false_per_100_ml[threshold == THRESHOLDS][0])


def _false_per_100_ml(rows: pd.DataFrame) -> np.ndarray:
    searched = rows[rows.measure == "searched_ml"].value.sum()
    counted = rows[rows.measure == "false_lesions"].groupby("at").value.sum().reindex(THRESHOLDS).to_numpy()
    if not searched:
        return np.full(len(THRESHOLDS), np.nan)
    # Regions grow together at low thresholds: a lesion that is seen at a threshold is seen at all lower ones.
    return np.maximum.accumulate(counted[::-1])[::-1] * 100 / searched


def false_at_equal_detection(one: pd.DataFrame, other: pd.DataFrame, detected: float) -> tuple[float, float]:
    """False lesions in 100 ml of two methods, each at the threshold at which it detects the same part of the lesions.

    one, other: rows of each method at one size. NaN of a method that does not detect so many at any threshold.
    """
    return tuple(Detection.of(rows).false_at(detected) for rows in (one, other))


def bias_and_limits(true: np.ndarray, estimated: np.ndarray) -> tuple[float, float, float]:
    """Bias of estimated against true values, and the limits of agreement: mean and mean -+ 1.96 standard deviations.

    Bland and Altman 1986. NaN for fewer than two.
    """
    difference = np.asarray(estimated) - np.asarray(true)
    if len(difference) < 2:
        return np.nan, np.nan, np.nan
    bias, spread = difference.mean(), 1.96 * difference.std(ddof=1)
    return float(bias), float(bias - spread), float(bias + spread)


def resolution_mm(frequency_per_cm: np.ndarray, correlation: np.ndarray, threshold: float) -> float:
    """Resolution: 1 over the frequency at which a Fourier ring correlation first falls below the threshold.

    Linear between rings. A curve that never falls below it has the last ring's, one that begins below has none: NaN.
    """
    below = np.flatnonzero(correlation < threshold)
    if not len(below):
        return float(10 / frequency_per_cm[-1])
    k = below[0]
    if k == 0:
        return np.nan
    part = (correlation[k - 1] - threshold) / (correlation[k - 1] - correlation[k])
    return float(10 / (frequency_per_cm[k - 1] + part * (frequency_per_cm[k] - frequency_per_cm[k - 1])))
