"""Numbers of a calibration's tables: scores, coverage by tissue, conformal intervals, and tests between methods."""

import numpy as np
import pandas as pd

from mrsi_sr.calibration import conformal
from mrsi_sr.calibration.fold import TEST, VALIDATION, VOXELS
from mrsi_sr.calibration.maps import RAW, RESCALED, metric_columns
from mrsi_sr.calibration.tissue import ALL, TISSUES
from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.report import paired
from mrsi_sr.report.calibration import OF_MAP, Calibrations, ratio, whole
from mrsi_sr.report.statistics import paired_test


def scores(calibrations: Calibrations) -> pd.DataFrame:
    """Scores over all voxels, one row per method, size and scaling: means over participants (see `participants`)."""
    rows = []
    for method in calibrations.methods:
        records = calibrations.records_of(method)
        for size in calibrations.sizes:
            for scaling in (RAW, RESCALED):
                row = whole(calibrations.summary, method, size, scaling)
                if row is None:
                    continue
                factors = [record["factors"][str(size)] for record in records if scaling == RESCALED]
                own = {
                    "method": method, "size": size, "scaling": scaling, "members": calibrations.members(method),
                    "nfe": records[0]["nfe"], "seconds_per_member": np.mean([r["seconds_per_slice"] for r in records]),
                    "factor": np.mean(factors) if factors else 1.0,
                }  # fmt: skip
                names = ["crps", "energy", "spread", "skill", *metric_columns(calibrations.summary)]
                rows.append(own | row[names].to_dict() | {"spread_to_skill": ratio(row)})
    return pd.DataFrame(rows)


def coverage(calibrations: Calibrations) -> pd.DataFrame:
    """Coverage of central intervals, one row per method, size, scaling, tissue and level, over participants."""
    keys = ["method", "size", "scaling", "tissue"]
    rows = []
    for key, group in calibrations.participants.groupby(level=keys):
        if f"coverage_{calibrations.settings.levels[0]}" not in group or group.spread.isna().all():
            continue  # of one member
        counted = {"participants": len(group), "voxels": int(group.voxels.sum())}
        squares = group[["spread", "skill"]].mean()
        further = {"crps": group.crps.mean(), "spread_to_skill": float(np.sqrt(squares.spread / squares.skill))}
        for level in calibrations.settings.levels:
            own, normal = group[f"coverage_{level}"], group[f"normal_{level}"]
            rows.append(
                dict(zip(keys, key, strict=True))
                | {"level": level, "coverage": own.mean(), "coverage_sd": own.std(ddof=0), "normal": normal.mean()}
                | {"normal_sd": normal.std(ddof=0)} | counted | further
            )  # fmt: skip
    columns = [*keys, "level", "coverage", "coverage_sd", "normal", "normal_sd", "participants", "voxels", "crps"]
    table = pd.DataFrame(rows, columns=[*columns, "spread_to_skill"])
    for name, order in (("method", calibrations.methods), ("tissue", [ALL, *TISSUES]), ("scaling", [RAW, RESCALED])):
        table[name] = pd.Categorical(table[name], order)
    return table.sort_values(["method", "size", "tissue", "scaling", "level"], kind="stable", ignore_index=True)


def intervals(calibrations: Calibrations) -> pd.DataFrame:
    """Conformal intervals over the test participants, one row per method, quantity, metabolite, size and level."""
    keys = ["method", "quantity", "metabolite", "size", "level"]
    rows = []
    for key, group in calibrations.intervals.groupby(keys, sort=False):
        supported = bool(np.isfinite(group.factor).all())
        half_width = (group.factor * group.scale).mean() if supported else np.nan
        number = int(group.calibrated_on.min())
        rows.append(
            dict(zip(keys, key, strict=True))
            | {
                "calibrated_on": number, "supported": supported, "highest": conformal.highest_level(number),
                "factor": group.factor.mean(), "participants": group.participant.nunique(), "trials": len(group),
                "inside": int(group.inside.sum()), "half_width": half_width,
                "mean_truth": group.truth.mean(), "share": group.share.mean(),
            }
        )  # fmt: skip
    columns = ["calibrated_on", "supported", "highest", "factor", "participants", "trials", "inside", "half_width"]
    return pd.DataFrame(rows, columns=[*keys, *columns, "mean_truth", "share"])


def pooled(calibrations: Calibrations) -> pd.DataFrame:
    """Bounds for new scans of the validation participants of all folds together (CV+), one row as in `intervals`.

    Raises UserError for a level that they do not support.
    """
    held_out = calibrations.scores[calibrations.scores.part == VALIDATION]
    keys = ["method", "quantity", "metabolite", "size"]
    rows = []
    for key, group in held_out.groupby(keys, sort=False):
        own = group.groupby("participant").score.mean()
        folds = group.fold.nunique()
        if key[1] == VOXELS:
            where = f"calibration of {key[0]} over {folds} folds: levels"
            conformal.check_levels(calibrations.settings.levels, len(own), where, pooled=True)
        for level in calibrations.settings.levels:
            factor, guarantee = (
                conformal.bound(own, level, pooled=True),
                conformal.pooled_guarantee(level, len(own), folds),
            )
            rows.append(dict(zip(keys, key, strict=True)) | {
                "level": level, "participants": len(own), "folds": folds, "factor": factor, "guarantee": guarantee,
            })  # fmt: skip
    return pd.DataFrame(rows, columns=[*keys, "level", "participants", "folds", "factor", "guarantee"])


def tests(calibrations: Calibrations) -> pd.DataFrame:
    """Tests of the settings' pairs of methods at each size: Wilcoxon's signed-rank test over participants' means.

    Each pair is a family of Holm's correction, over its sizes and quantities. Only maps that both methods have are
    compared. quantity_a, quantity_b: what is compared; crps is the fair one of the raw ensembles.
    Raises UserError for two methods that have no map in common.
    """
    chosen = {"part": TEST, "scaling": RAW, "tissue": ALL}
    maps = calibrations.maps[(calibrations.maps[list(chosen)] == list(chosen.values())).all(axis=1)].copy()
    maps["crps"] /= maps.truth_rms
    quantities = ["crps", *metric_columns(maps)]
    means = maps.groupby([name for name in OF_MAP if name not in ("seed", "part")])[quantities].mean()
    families = []
    for a, b in calibrations.settings.tests:
        first, second = (means.xs(name, level="method").add_suffix(end) for name, end in ((a, "_a"), (b, "_b")))
        both = first.join(second, how="inner")
        if both.empty:
            raise UserError(
                f"{a} and {b} are sampled on maps of which none is the same\n  compare others of the methods"
            )
        sizes = both.groupby(level="size")
        rows = [
            {"size": size, "method_a": a, "method_b": b} | _tested(own, (a, b), one, other)
            for size, own in sizes
            for one, other in _compared(quantities, _has_spread(maps[maps.method == b]))
        ]
        family = pd.DataFrame(rows)
        family.insert(family.columns.get_loc("p") + 1, "p_adjusted", paired.holm(family.p))
        families.append(family)
    return pd.concat(families, ignore_index=True) if families else pd.DataFrame()


def _has_spread(maps: pd.DataFrame) -> bool:
    """Whether the samples of a map differ: of a method without noise they are all equal."""
    return "spread" in maps and bool((maps.spread > 0).any())


def _compared(quantities: list[str], spread: bool) -> list[tuple[str, str]]:
    """Quantities that are compared with each other. spread: whether the second method's samples differ."""
    means = [name for name in quantities if name.endswith("_mean")]
    lpips = [name for name in quantities if name.startswith("lpips")]
    with_one = [(name, name.replace("_mean", "_member")) for name in means] if spread else []
    return [("crps", "crps"), *((name, name) for name in [*means, *lpips]), *with_one]


def _tested(maps: pd.DataFrame, methods: tuple[str, str], one: str, other: str) -> dict:
    """Test of a quantity of one method against one of another. maps: quantities of both, with the endings _a and _b."""
    units = maps.groupby("participant")[[f"{one}_a", f"{other}_b"]].mean()
    a, b = units.to_numpy().T
    test = paired_test(a - b)
    sign = 1 if one == "crps" else METRICS[one.rpartition("_")[0]].badness(1.0)  # of a worse, that is higher, value
    gain = -sign * test["median_difference"]
    return {
        "quantity_a": one, "quantity_b": other, "maps": len(maps), "value_a": a.mean(), "value_b": b.mean(),
        "better": methods[0] if gain > 0 else methods[1] if gain < 0 else "",
    } | test  # fmt: skip


def least_p(family: pd.DataFrame) -> float:
    """Lowest p that a family can reach after Holm's correction, with so many tests and pairs that differ."""
    return min(1.0, len(family) * 0.5 ** ((family.pairs - family.zeros).max() - 1))
