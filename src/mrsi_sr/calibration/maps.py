"""Table of calibration scores: one row per map, tissue and scaling of the spread."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from mrsi_sr.calibration import ranks, scores
from mrsi_sr.calibration.ensembles import Ensemble
from mrsi_sr.calibration.tissue import ALL
from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import METRICS, in_region, score

RAW, RESCALED = "raw", "rescaled"
# Edges of the bins of spread, as parts of the root mean square of the true map: half an octave each.
SPREAD_EDGES = 0.001 * 2 ** (0.5 * np.arange(25))


def rows_of(
    ensemble: Ensemble, tissues: Mapping[str, np.ndarray], levels: Sequence[int], scaling: str,
) -> list[dict]:  # fmt: skip
    """Calibration scores of a map in all its valid voxels, and after that in each tissue that it has some of.

    voxels: number of valid ones. truth_rms: root mean square of the true map over all its valid voxels. In the unit of
    the maps: crps (mean over the voxels), energy (of all voxels together), spread and skill (root mean squares; skill
    is the error of the ensemble mean). coverage_L and normal_L: of the central interval of L %, see ranks. rank_R:
    share of voxels whose truth has rank R. spread_B, variance_B and error_B: number of voxels in bin B of spread, and
    their sums of squared spread and squared error, both in units of truth_rms.
    """
    members, truth = ensemble.members[:, ensemble.valid], ensemble.truth[ensemble.valid]
    truth_rms = scores.root_mean_square(truth)
    identity = {
        "participant": ensemble.participant, "slice": ensemble.slice, "metabolite": ensemble.metabolite,
        "size": ensemble.size, "scaling": scaling,
    }  # fmt: skip
    rows = []
    for tissue, of_tissue in ({ALL: ensemble.valid} | dict(tissues)).items():
        inside = of_tissue[ensemble.valid]
        if inside.any():
            own = {"tissue": tissue, "voxels": int(inside.sum()), "truth_rms": truth_rms}
            rows.append(identity | own | _scores(members[:, inside], truth[inside], truth_rms, levels))
    return rows


def _scores(members: np.ndarray, truth: np.ndarray, truth_rms: float, levels: Sequence[int]) -> dict[str, float]:
    """Scores of K members [K, V] at the voxels of one tissue. One member has no spread, no ranks and no coverage."""
    error, deviation = members.mean(axis=0) - truth, scores.spread(members)
    row = {
        "crps": float(scores.crps(members, truth).mean()),
        "energy": scores.energy_score(members, truth),
        "skill": scores.root_mean_square(error),
    }
    if len(members) == 1:
        return row
    shares = ranks.rank_shares(members, truth)
    row["spread"] = scores.root_mean_square(deviation)
    row |= {f"coverage_{level}": float(ranks.coverage(shares, level / 100)) for level in levels}
    row |= {f"normal_{level}": ranks.normal_coverage(members, truth, level / 100) for level in levels}
    row |= {f"rank_{rank}": float(share) for rank, share in enumerate(shares)}
    return row | _reliability(deviation / truth_rms, error / truth_rms)


def _reliability(deviation: np.ndarray, error: np.ndarray) -> dict[str, float]:
    """Number of voxels, and sums of squared spread and error [V], in each bin of spread; the outer bins are open."""
    bins = np.digitize(deviation, SPREAD_EDGES)
    number = len(SPREAD_EDGES) + 1
    sums = {
        "spread": np.bincount(bins, minlength=number),
        "variance": np.bincount(bins, deviation**2, number),
        "error": np.bincount(bins, error**2, number),
    }
    return {f"{name}_{i}": float(value) for name, values in sums.items() for i, value in enumerate(values)}


def metrics_of(ensembles: Sequence[Ensemble], region: str, lpips: Mapping[str, Callable]) -> list[dict[str, float]]:
    """Metrics of the ensemble mean (METRIC_mean) and of its first member (METRIC_member), of each map.

    lpips: functions of LPIPS metrics by name, of the first member alone: a mean is smoother than any map.
    Raises UserError for a metric that is not finite.
    """
    truth, valid = np.stack([each.truth for each in ensembles]), np.stack([each.valid for each in ensembles])
    member = np.stack([each.members[0] for each in ensembles])
    found = {
        f"{name}_{what}": values
        for what, maps in (("mean", np.stack([each.mean for each in ensembles])), ("member", member))
        for name, values in score(maps, truth, valid, region).items()
    }
    found |= {
        f"{name}_member": distance(*in_region(member, truth, valid, region)[:2]) for name, distance in lpips.items()
    }
    for name, values in found.items():
        if bad := np.flatnonzero(~np.isfinite(values)).tolist():
            first = ensembles[bad[0]]
            raise UserError(
                f"{name} of {len(bad)} maps is not finite, the first of {first.participant}, slice {first.slice},"
                f" {first.metabolite}, size {first.size}\n  the true map is zero or constant, or the sample is the"
                " truth itself: look at the slices and the samples"
            )
    return [{name: float(values[i]) for name, values in found.items()} for i in range(len(ensembles))]


def metric_columns(names: Iterable[str]) -> list[str]:
    """Columns of metrics among the names of a table's columns."""
    parts = [(name, *name.rpartition("_")[::2]) for name in names]
    return [name for name, metric, what in parts if metric in METRICS and what in ("mean", "member")]
