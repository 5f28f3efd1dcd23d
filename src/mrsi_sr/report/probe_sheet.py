"""Table of a probe as it is printed: a row for each upscaling factor and method."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrsi_sr.report.probed import Probed
from mrsi_sr.report.sheet import Cell, Column, Sheet

NOT_AVAILABLE, NOT_REACHED = "-", "not reached"


@dataclass(frozen=True)
class Shown:
    """Column of the printed table. best: the value that is best, infinite where none is the bound; None: none is."""

    key: str
    heading: str
    decimals: int
    best: float | None
    interval: tuple[str, str] | None = None


COLUMNS = (
    Shown("auc", "AUC", 3, np.inf, ("auc_low", "auc_high")),
    Shown("sensitivity", "Sensitivity", 2, np.inf),
    Shown("sensitivity_hidden", "Sensitivity, no MRI change", 2, np.inf),
    Shown("mri_only_detected", "MRI change alone taken for a lesion", 2, -np.inf),
    Shown("false_per_100_ml", "False lesions per 100 ml", 1, -np.inf),
    Shown("bias", "Contrast bias (limits)", 2, 0, ("limit_low", "limit_high")),
    Shown("slope", "Contrast slope", 2, 1),
    Shown("dice", "Hotspot Dice", 2, np.inf),
    Shown("remaining", "Erased lesion left", 2, 0),
    Shown("remaining_in_map", "left if MRI shows it", 2, 0),
    Shown("error_measured", "Error, measured", 3, -np.inf),
    Shown("error_unmeasured", "Error, unmeasured", 3, -np.inf),
    Shown("leakage", "Leakage", 2, -np.inf),
    Shown("foreign_edges", "Correlation with foreign edges", 2, -np.inf),
    Shown("frc_beyond", "FRC beyond the band", 2, np.inf),
    Shown("resolution_mm", "Resolution (mm)", 1, -np.inf),
    Shown("sharpness", "Sharpness", 2, 1),
)


def sheet_of(probed: Probed, values: pd.DataFrame) -> Sheet:
    """The table as it is printed. values: of probed.table."""
    columns = [Column("s"), *(Column(shown.heading, align="r") for shown in COLUMNS)]
    rows = []
    for _, of_size in values.groupby("size", sort=True):
        best = {shown.key: _best(of_size[shown.key], shown) for shown in COLUMNS}
        for index, row in of_size.iterrows():
            cells = [_cell(row, shown, index in best[shown.key]) for shown in COLUMNS]
            rows.append((row.label, [Cell(row.upscaling_factor), *cells]))
    return Sheet("Method", columns, rows, caption(probed))


def caption(probed: Probed) -> str:
    """Caption of the table in full sentences."""
    read, settings = probed.settings, probed.first["settings"]
    percent = f"{100 * read.false_positive_rate:g} %"
    rises, falls = (", ".join(f"{each:g}" for each in settings[key]) for key in ("increases", "decreases"))
    diameters = ", ".join(f"{each:g}" for each in settings["diameters_mm"])
    sentences = [
        f"{read.title}: lesions of {diameters} mm, {rises} times the local value (of metabolites that fall in a lesion"
        f" {falls} times), planted through the forward model; s is the upscaling factor, bold the best at each s.",
        f"Sensitivity at {percent} false positives, of lesions that MRI shows and does not show; the next column is the"
        " part of places where MRI alone has a lesion that are taken for one at the same threshold.",
        f"False lesions at the threshold at which each method detects {100 * read.detection:g} % of the lesions.",
        "Contrast: lesion over contralateral, estimated minus true, with limits of agreement (Bland-Altman), and slope"
        " of estimated on true contrast, which is 1 where none is lost.",
        "Erased lesion left: median part of its contrast that comes back.",
        "Errors: norm over the truth's norm in the measured and the unmeasured part of k-space.",
        "Leakage: change of the map by another participant's MRI, over the map's error; its correlation with that"
        " MRI's edges.",
        f"FRC: Fourier correlation with the truth where nothing was measured; resolution where the ring correlation"
        f" falls below {read.frc_threshold:g}; sharpness: power there over the truth's, 1 is right.",
        probed.origin,
    ]
    return " ".join(sentences)


def _best(values: pd.Series, shown: Shown) -> set:
    """Rows with the best value as printed, of two or more."""
    known = values.dropna().round(shown.decimals)
    if shown.best is None or len(known) < 2:
        return set()
    badness = -known if shown.best == np.inf else known if shown.best == -np.inf else (known - shown.best).abs()
    return set(badness.index[badness == badness.min()])


def _cell(row: pd.Series, shown: Shown, best: bool) -> Cell:
    value = row[shown.key]
    if np.isnan(value):
        return Cell(NOT_REACHED if shown.key == "false_per_100_ml" else NOT_AVAILABLE)
    text = f"{value:.{shown.decimals}f}"
    if shown.interval and not np.isnan(row[shown.interval[0]]):
        text += f" [{', '.join(f'{row[end]:.{shown.decimals}f}' for end in shown.interval)}]"
    return Cell(text, best)
