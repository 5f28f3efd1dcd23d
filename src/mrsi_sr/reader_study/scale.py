"""Scale of the readers' scores, and the metrics that are scored (FTDDM, section 3.3.8)."""

from collections.abc import Sequence

SCORES = {10: "poor", 30: "bad", 50: "fair", 70: "good", 90: "excellent"}  # Chow et al. 2016
NOT_APPLICABLE = "NA"  # what is rated cannot be seen in the slice, such as a lesion
OVERALL = {  # metrics of a slice, judged on the images of all metabolites together
    "sharpness": "overall sharpness",
    "grey matter": "conspicuity of grey matter",
    "white matter": "conspicuity of white matter",
    "ventricles": "conspicuity of the ventricles",
    "lesion": "conspicuity of the lesion",
}
ROLES = {"low_resolution": "LR", "super_resolved": "SR"}  # what an image is, and its abbreviation


def metrics_of(metabolites: Sequence[str]) -> list[str]:
    """Metrics of a slice: conspicuity of each metabolite, by its name, and those of the slice."""
    return [*metabolites, *OVERALL]
