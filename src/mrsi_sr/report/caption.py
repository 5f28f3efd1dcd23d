"""Caption of a table: what its numbers are, where they come from, and on which terms its methods are compared."""

from collections.abc import Iterable

from mrsi_sr.settings.report import TableSettings

# Settings that move a score by themselves: of samplers, and of U-Nets.
SAMPLER_TERMS = {
    "temperature": "temperature",
    "flow_temperature": "temperature of the flow",
    "clip": "bounds of the estimated clean map",
    "variance": "variance of a step's noise",
    "adversarial_weight": "adversarial weight",
}
REGION_IN_WORDS = {"mask": "inside the quality mask", "frame": "over the whole frame"}
UNITS = {"psnr": "dB"}  # of metrics that have one of their own
CONDITIONED = "U-Nets conditioned on the upscaling factor"
WITHOUT_NOISE = ("temperature", "variance")  # keys that have no effect where a truncated chain is solved by dpm_solver


def caption(settings: TableSettings, facts: dict, family: str) -> str:
    """Caption in full sentences.

    facts: of collect.Collected. family: test, unit and correction of the stars, empty where there are none.
    """
    sentences = [f"{settings.title}.", _place(settings, facts), _what(settings), *_of_bias(settings)]
    if "seconds_per_slice" in settings.costs:
        sentences.append(f"Time is seconds per slice on {facts['device']}.")
    if "training_hours" in settings.costs and facts["training_device"]:
        sentences.append(f"Train time is the hours of all networks of a method on {facts['training_device']}.")
    if family:
        than = f"from {_label(settings.reference, settings)}" if settings.reference else "from the best of its column"
        sentences.append(f"* differs {than} (p < 0.05; {family}).")
    return " ".join([*sentences, *_origin(facts)])


def caption_of_tests(settings: TableSettings, facts: dict, family: str, notes: Iterable[str]) -> str:
    """Caption of the tests between a table's methods. notes: on the limits of the tests, each said once."""
    interval = (
        "; in brackets bootstrap intervals of 95 % over participants" if settings.test_unit == "participant" else ""
    )
    sentences = [
        f"{settings.title}: differences between methods.",
        _place(settings, facts),
        f"Hodges-Lehmann difference of the first method minus the second, and rank-biserial correlation as effect"
        f"{interval}; s is the upscaling factor.",
        f"* p < 0.05; {family}.",
        *_of_bias(settings),
        *(f"{note[0].upper()}{note[1:]}." for note in dict.fromkeys(notes) if note),
    ]
    return " ".join([*sentences, *_origin(facts)])


def _place(settings: TableSettings, facts: dict) -> str:
    """Experiment, protocol, cohort, folds, seeds and maps of the scores."""
    seeds = str(facts["seeds"])
    trained = f"mean of the training seeds {seeds}" if "," in seeds else f"training seed {seeds}"
    cohort = cohort_in_words(settings.cohort, settings.phantom)
    return (
        f"Experiment {settings.experiment}, protocol {settings.protocol}: metrics {REGION_IN_WORDS[settings.region]};"
        f" cohort {cohort}; {facts['folds']}; {trained}; {participants_in_words(facts['participants'], facts['part'])},"
        f" {counted(facts['maps'], 'map')} at each size."
    )


def _of_bias(settings: TableSettings) -> list[str]:
    """What slope and offset are, where a table has one of them."""
    if not {"slope", "offset"} & set(settings.metrics):
        return []
    return [
        f"Slope and offset ({settings.unit}) are of the line of estimate against truth over the valid voxels of a map."
    ]


def _origin(facts: dict) -> list[str]:
    """Terms on which the methods are compared, what is missing, and the configuration."""
    sentences = []
    if facts["terms"]:
        sentences.append(f"Settings: {facts['terms']}.")
    if facts["not_available"]:
        sentences.append(f"Not available is {facts['not_available']}.")
    if facts["mixed"]:
        sentences.append(f"Folds of different settings are averaged: {facts['mixed']}.")
    if facts["missing"]:
        sentences.append(
            f"Partial († incomplete, of fewer maps than the others, and never the best): {facts['missing']}."
        )
    return [*sentences, f"Configuration {facts['configuration']}."]


def terms(records: Iterable[dict], labels: dict[str, str]) -> str:
    """Settings that move a score by themselves, each with the methods that have one value of it and another.

    records: provenance of scores, in the order of methods. labels: of the methods by name.
    """
    found: dict[str, dict[str, dict[str, None]]] = {}
    records = list(records)
    for record in records:
        for term, value in _terms_of(record):
            label = labels.get(record["method"], record["method"])
            found.setdefault(term, {}).setdefault(value, {})[label] = None
    drawn = {labels.get(each["method"], each["method"]): each["sampling_settings"]["draws"] for each in records}
    means = [f"mean of {draws} draws ({label})" for label, draws in drawn.items() if draws > 1]
    return "; ".join([*(f"{term} {_by_method(values)}" for term, values in found.items()), *means])


def _terms_of(record: dict) -> Iterable[tuple[str, str]]:
    """Each term that has an effect on a method's maps, and its value in words."""
    sampler = record["sampling_settings"]["sampler"]
    without = WITHOUT_NOISE if sampler.get("solver") == "dpm_solver" else ()
    for key, term in SAMPLER_TERMS.items():
        if key in sampler and key not in without and (sampler[key] is not None or key == "clip"):
            yield term, _in_words(sampler[key])
    for network in record["networks"].values():
        if network.get("architecture") == "denoising_unet":
            yield CONDITIONED, _in_words(network.get("upscaling_factor"))


def _in_words(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, list):
        return f"[{', '.join(map(_in_words, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _by_method(values: dict[str, Iterable[str]]) -> str:
    if len(values) == 1:
        return next(iter(values))
    return ", ".join(f"{value} ({', '.join(labels)})" for value, labels in values.items())


def _what(settings: TableSettings) -> str:
    """What a cell is: a mean and a standard deviation over which maps."""
    what = "Mean ± population standard deviation over maps"
    if settings.pool_sizes:
        return f"{what} of the sizes {', '.join(map(str, settings.sizes))} together."
    return f"{what}; s is the upscaling factor."


def cohort_in_words(name: str, phantom: bool) -> str:
    """Name of a cohort, and that it is no cohort of patients where it is none."""
    return f"{name} (phantom: simulated, not patients)" if phantom else name


def upscaling_factor(frame: int, size: int) -> str:
    """Upscaling factor from a low-resolution size to the frame, as printed."""
    return f"{frame / size:.1f}".removesuffix(".0")


def counted(number: int, noun: str) -> str:
    """Number of things in words: 1 map, 2,275 maps."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def participants_in_words(number: int, part: str) -> str:
    """Number of participants, and that they are no test participants where they are none."""
    return counted(number, "participant" if part == "test" else f"{part} participant")


def joined(parts: Iterable) -> str:
    """Parts with commas between them."""
    return ", ".join(map(str, parts))


def _label(method: str, settings: TableSettings) -> str:
    return settings.labels.get(method, method)
