"""Checks of what the parts of a configuration ask of each other, so that no job fails for it after hours."""

from collections.abc import Mapping, Sequence

from mrsi_sr.cli import UserError
from mrsi_sr.lcmodel.metabolites import metabolite_parts
from mrsi_sr.lcmodel.names import voxel_names
from mrsi_sr.settings.calibration import MAY_DIFFER, Calibration
from mrsi_sr.settings.cohort import CohortSettings, QualitySettings
from mrsi_sr.settings.errors import check_known, listed
from mrsi_sr.settings.experiment import ExperimentSettings
from mrsi_sr.settings.figure import MOST_PANELS
from mrsi_sr.settings.method import MethodSettings, PlannedMethod
from mrsi_sr.settings.network import NetworkSettings
from mrsi_sr.settings.probe import Probe
from mrsi_sr.settings.reader_study import ReaderStudy
from mrsi_sr.settings.sampler_base import CONDITIONED

SMALLEST_OF_ALEXNET = 32  # side of an image in voxels; of a smaller one its layers leave nothing


def check_cohort(cohort: CohortSettings) -> None:
    """Raise UserError for two names of one metabolite, an unusable pattern of file names, too few phantom slices."""
    first: dict[frozenset[str], str] = {}
    for name in cohort.metabolites:
        other = first.setdefault(metabolite_parts(name), name)
        if other != name:
            raise UserError(f"cohort.metabolites names one metabolite twice: {other} and {name}")
    try:
        voxel_names(cohort.ingest.pattern, cohort.ingest.matrix, cohort.ingest.flip)
    except UserError as error:
        raise UserError(f"cohort.ingest: {error}") from None
    if cohort.simulate is not None and cohort.simulate.slices is not None:
        first, last = cohort.simulate.slices
        if last - first + 1 < cohort.slices.min_slices:
            raise UserError(
                f"cohort.simulate.slices is {[first, last]}, fewer than cohort.slices.min_slices, which is"
                f" {cohort.slices.min_slices}"
            )


def check_maps_of_participants(quality: QualitySettings, participants: Sequence[str]) -> None:
    """Raise UserError where one S/N or line width map would stand for those of several participants."""
    for name in ("snr_map", "fwhm_map"):
        path = getattr(quality, name)
        if path is not None and "{participant}" not in path and len(participants) > 1:
            raise UserError(
                f"cohort.quality.{name} is {path}, one map for {len(participants)} scans: expected a path with"
                " {participant} in it, such as maps/{participant}_snr.nii.gz"
            )


def check_circle(chain: list[str], needs: Mapping[str, Mapping[str, str]]) -> None:
    """Raise UserError when a chain of networks, each needing the next, comes back to one that is in it.

    needs: of every network, the networks needed by their role.
    """
    for needed in needs.get(chain[-1], {}).values():
        if needed in chain:
            circle = " -> ".join([*chain[chain.index(needed) :], needed])
            raise UserError(f"networks.{chain[-1]}.needs goes in a circle: {circle}\n  none could be trained first")
        check_circle([*chain, needed], needs)


def check_metabolites_of_method(method: MethodSettings, cohort: CohortSettings, where: str) -> None:
    """Raise UserError for a metabolite or size in a method's settings that the cohort's maps do not have."""
    for name in method.subset.metabolites or []:
        check_known(name, cohort.metabolites, f"{where}.subset.metabolites")
    for sampler in method.points.values():
        if sampler.conditioned_metabolite is not None:
            check_known(sampler.conditioned_metabolite, cohort.metabolites, f"{where}: conditioned_metabolite")
        if sampler.conditioned_size is not None:
            check_sizes_fit([sampler.conditioned_size], cohort.slices.frame, f"{where}: conditioned_size")


def check_conditioned(method: MethodSettings, where: str) -> None:
    """Raise UserError unless a method's sweep is one over conditions, which a figure of the kind conditions shows."""
    if method.sweep is None or method.sweep.key not in CONDITIONED:
        raise UserError(f"{where} has no sweep over {listed(CONDITIONED)}, which the figure shows")


def check_readers_images(
    study: ReaderStudy, experiment: ExperimentSettings, methods: Mapping[str, PlannedMethod], where: str
) -> None:
    """Raise UserError unless an experiment samples the two methods of a reader study at its sizes, each in one way."""
    for key in ("low_resolution", "super_resolved"):
        name = getattr(study, key)
        check_known(name, experiment.methods, f"{where}.{key}")
        if methods[name].sweep is not None:
            raise UserError(f"{where}.{key} is {name}, which has a sweep: expected a method with one map of each kind")
        if methods[name].part != "test":
            raise UserError(f"{where}.{key} is {name}, which samples {methods[name].part} participants: expected test")
        for size in study.sizes:
            check_known(size, methods[name].sizes or experiment.evaluate_sizes, f"{where}.sizes: the size of {name}")


def check_probe(
    probe: Probe,
    experiment: ExperimentSettings,
    methods: Mapping[str, PlannedMethod],
    metabolites: Sequence[str],
    where: str,
) -> None:
    """Raise UserError unless an experiment has the methods, sizes and metabolites of a probe, and no method a sweep."""
    for name in probe.methods or experiment.methods:
        check_known(name, experiment.methods, f"{where}.methods")
        if methods[name].sweep is not None:
            raise UserError(
                f"{where}.methods has {name}, which has a sweep: expected methods with one map of each kind"
            )
    for size in probe.sizes or []:
        check_known(size, experiment.evaluate_sizes, f"{where}.sizes")
    for metabolite in probe.subset.metabolites or []:
        check_known(metabolite, metabolites, f"{where}.subset.metabolites")


def check_calibration(calibration: Calibration, methods: Mapping[str, PlannedMethod], where: str) -> None:
    """Raise UserError for a calibrated method with a sweep, or one whose counterpart samples in another way."""
    for name, counterpart in calibration.methods.items():
        if methods[name].sweep is not None:
            raise UserError(f"{where} has {name}, which has a sweep: expected a method whose samples are one ensemble")
        for each, part in ((name, "test"), (counterpart, "validation")):
            if each is not None and methods[each].part != part:
                raise UserError(f"{where}.{name}: {each} samples {methods[each].part} participants, expected {part}")
        if counterpart is None:
            continue
        own, other = (
            {key: value for key, value in methods[each].settings.plain().items() if key not in MAY_DIFFER}
            for each in (name, counterpart)
        )
        if differing := [key for key in own if own[key] != other[key]]:
            raise UserError(
                f"{where}.{name} is {counterpart}, which has another {listed(differing)} than {name}: expected equal"
                f" settings but for {listed(MAY_DIFFER)}, as of {{like: {name}, part: validation}}"
            )


def check_one_part(names: Sequence[str], methods: Mapping[str, PlannedMethod], where: str) -> str:
    """Part of the folds, test or validation, that all these methods sample. Raises UserError where they differ."""
    by_part: dict[str, list[str]] = {}
    for name in names:
        by_part.setdefault(methods[name].part, []).append(name)
    if len(by_part) > 1:
        parts = [f"{listed(each)} of {part} participants" for part, each in by_part.items()]
        raise UserError(
            f"{where} shows methods of different participants: {'; '.join(parts)}\n"
            "  list methods of one `part` only, and the others in a table or figure of their own"
        )
    return next(iter(by_part))


def check_panels(methods: list[str], where: str) -> None:
    """Raise UserError where a figure would show more methods than a page has room for."""
    if len(methods) > MOST_PANELS:
        raise UserError(f"{where} shows {len(methods)} methods, expected at most {MOST_PANELS}: list those to show")


def check_sizes_fit(sizes: list[int], frame: int, where: str) -> None:
    """Raise UserError for a low-resolution size that is none in a frame."""
    for size in sizes:
        if size >= frame:
            raise UserError(f"{where} has {size}: low-resolution sizes are even and below the matrix of {frame}")


def check_levels(network: NetworkSettings, frame: int, where: str) -> None:
    """Raise UserError where a network halves the frame more often than it can be halved."""
    key = {"denoising_unet": "channels", "unet": "channels", "flow": "levels"}.get(network.architecture)
    if key is None:  # a munet's halvings are those of every frame
        return
    levels = len(network.channels) if key == "channels" else network.levels
    if frame % 2 ** (levels - 1):
        raise UserError(
            f"{where}.{key} makes {levels} levels, each half as fine as the one above, but the frame of {frame} cannot"
            f" be halved {levels - 1} times: expected fewer levels, or another cohort.slices.frame"
        )


def check_metrics(metrics: list[str], frame: int, where: str) -> None:
    """Raise UserError for a metric that has no value in so small a frame."""
    if "lpips_alex" in metrics and frame < SMALLEST_OF_ALEXNET:
        raise UserError(
            f"{where} has lpips_alex, which needs a frame of {SMALLEST_OF_ALEXNET} or more, but cohort.slices.frame is"
            f" {frame}"
        )
