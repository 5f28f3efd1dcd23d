"""Answers of a CLAIM sheet that the workflow knows, by the item's number."""

from collections.abc import Callable, Mapping, Sequence
from importlib import metadata

from mrsi_sr.evaluation.metrics import METRICS
from mrsi_sr.report.caption import REGION_IN_WORDS
from mrsi_sr.report.markup import markdown
from mrsi_sr.report.study import Study
from mrsi_sr.results.provenance import fingerprint, origin_of
from mrsi_sr.settings.errors import listed

PACKAGES = ("torch", "numpy", "scipy", "pandas", "scikit-image", "statsmodels", "snakemake")
SCALE = {
    "paper": "its high-resolution maximum (as published; a scan that is only measured at low resolution has none)",
    "clean": "an estimate from its low-resolution map alone",
}
TRUNCATION = "truncation of k-space to {sizes} points along each axis, of maps whose rejected voxels"
LOW_RESOLUTION = {
    "masked": f"{TRUNCATION} are zero",
    "filled": f"{TRUNCATION} inside the brain are interpolated",
    "refitted": "scans of {sizes} voxels along each axis of the same participants, each fitted anew",
}
TESTS = {"signed_rank": "Wilcoxon signed-rank test", "paired_t": "paired t-test"}
CORRECTION = {"participant": "Holm's correction over all tests of the table", "map": "no correction, as published"}
TRAINING = (
    "learning_rate", "batch_size", "iterations", "epochs", "decay", "halve_epochs", "adam_betas", "ema",
    "validate_every",
)  # fmt: skip
Answer = tuple[str, str]  # what is known, and what is left to the authors


def technology(study: Study) -> Answer:
    kinds = {(each["architecture"], each["objective"]) for each in study.networks().values()}
    named = [f"{_words(architecture)} ({_words(objective)})" for architecture, objective in sorted(kinds)]
    return f"Deep learning: {listed(named)}." if named else "", "the title"


def design(study: Study) -> Answer:
    return "Simulated phantoms: no participants." if study.settings.phantom else "", ""


def sources(study: Study) -> Answer:
    settings = study.settings
    known = (
        f"Cohort {settings.cohort}: maps of {listed(map(markdown, settings.metabolites))} in {markdown(settings.unit)}"
        f" from LCModel fits of MR spectroscopic imaging, with T1 and FLAIR; {len(study.included)} participants."
    )
    return known, "" if settings.phantom else "sites, dates and scanners"


def exclusion(study: Study) -> Answer:
    named = [(row["participant"], row["excluded"]) for row in study.cohort if row["excluded"]]
    excluded = [f"{markdown(name)} ({markdown(reason)})" for name, reason in named]
    said = f"{len(excluded)} excluded: {'; '.join(excluded)}." if excluded else "No scan was excluded by name."
    return f"{said} Slices: {_settings(study.prepared('slices'))}.", "criteria of eligibility"


def preprocessing(study: Study) -> Answer:
    settings = study.settings
    frame = listed(sorted({record["frame"] for record in study.records}))
    low_resolution = LOW_RESOLUTION[settings.low_resolution].format(sizes=listed(settings.sizes))
    return (
        f"Quality mask: {_settings(study.prepared('quality'))}. Frame: {frame} voxels along each axis. Low"
        f" resolution: {low_resolution}. Protocol {settings.protocol}: each map is scaled by"
        f" {SCALE[settings.protocol]}."
    ), ""


def subsets(study: Study) -> Answer:
    own = {name: each["sampling_settings"].get("subset") or {} for name, each in study.methods().items()}
    own = {name: {key: value for key, value in each.items() if value is not None} for name, each in own.items()}
    parts = [f"{study.label(name)}: {_settings(each)}" for name, each in own.items() if each]
    known = f"Methods on a part of the maps: {'; '.join(parts)}." if parts else "All maps of the test participants."
    by_label = {study.label(name): each["sampling_settings"]["part"] for name, each in study.methods().items()}
    validated = [label for label, part in by_label.items() if part != "test"]
    return f"{known} On validation participants: {listed(validated)}." if validated else known, ""


def missing(study: Study) -> Answer:
    valid = [float(row["valid percent"]) for row in study.included if row["valid percent"]]
    share = f" {min(valid):g} to {max(valid):g} % of the brain's voxels are valid." if valid else ""
    return (
        "Voxels without a fit, or rejected by the quality mask, are zero and do not count inside the mask; a map"
        f" without a valid voxel is not used.{share} A metric without values is said to be not available: no mean is"
        " taken over a part of the maps."
    ), ""


def reference(study: Study) -> Answer:
    return f"The measured map at full resolution ({REGION_IN_WORDS[study.region]}).", ""


def annotations(study: Study) -> Answer:
    return "None: the reference is measured. Lesion masks only choose and outline what figures show.", "lesion masks"


def test_annotations(study: Study) -> Answer:
    return "As of all data: the measured map.", ""


def raters(study: Study) -> Answer:
    return "No rater takes part in the scores.", "a reader study, if there is one"


def partitions(study: Study) -> Answer:
    counts = [f"fold {fold}: {_settings(study.counts(fold))}" for fold in study.run]
    known = f"Cross-validation of {study.settings.folds_in_all} folds. Participants in those that are scored"
    return f"{known}, {'; '.join(counts)}.", ""


def disjoint(study: Study) -> Answer:
    return "Participants: no participant is in two parts of a fold, which is checked before every sampling.", ""


def sample_size(study: Study) -> Answer:
    tested = {participant for participant, fold, part in study.folds if part == "test" and fold in study.run}
    return f"Number of tested participants: {len(tested)}.", "how that number was decided"


def models(study: Study) -> Answer:
    methods = []
    for name, record in study.methods().items():
        own = record["sampling_settings"]
        used = (
            f" by {listed(f'`{each}`' for each in dict.fromkeys(own['networks'].values()))}" if own["networks"] else ""
        )
        cost = f"trainable parameters: {record['parameters']:,}, network evaluations of a map: {record['nfe']:g}"
        methods.append(f"{study.label(name)}: {_words(own['sampler']['kind'])}{used}, {cost}")
    networks = [f"`{name}`: {_settings(_without_training(own))}" for name, own in study.networks().items()]
    return f"{'; '.join(methods)}. Networks: {'; '.join(networks) or 'none'}.", ""


def software(study: Study) -> Answer:
    def told(key: str) -> str:
        return listed(sorted({str(record.get(key) or "not recorded") for record in study.records}))

    packages = [f"{name} {version}" for name in PACKAGES if (version := _version(name))]
    return (
        f"mrsi-sr {told('version')}, revision {told('git_revision')}, Python {told('python')}; in the environment that"
        f" wrote this sheet {listed(packages)}."
    ), ""


def initial(study: Study) -> Answer:
    return (
        f"Random, by PyTorch's rules; activation norms of flows from their first batch. Training seeds:"
        f" {listed(study.seeds)}. No pretrained weights."
    ), ""


def training(study: Study) -> Answer:
    used = {
        name: [record["training"][name] for record in study.records if name in record["training"]]
        for name in study.networks()
    }
    parts = []
    for name, own in study.networks().items():
        keys = {key: own[key] for key in TRAINING if own.get(key) is not None}
        parts.append(f"`{name}`: {_settings(keys)}; {_cost(used[name])}")
    augmentation = "Augmentation: each map is turned, flipped and shifted at random, with its MRI."
    return f"Adam. {'. '.join(parts)}. {augmentation}" if parts else "No network is trained.", ""


def selection(study: Study) -> Answer:
    words = {"best": "of the lowest validation loss", "last": "of the end of the training"}
    chosen: dict[str, list[str]] = {}
    for name, record in study.methods().items():
        own = record["sampling_settings"]
        weights = own["weights"] if isinstance(own["weights"], dict) else dict.fromkeys(own["networks"], own["weights"])
        if weights:
            said = listed(dict.fromkeys(words[each] for each in weights.values()))
            chosen.setdefault(said, []).append(study.label(name))
    parts = [f"{said}: {listed(names)}" for said, names in chosen.items()]
    return f"Weights {'; '.join(parts)}." if parts else "No network is used.", ""


def ensembles(study: Study) -> Answer:
    samples = {study.label(name): each["sampling_settings"]["samples"] for name, each in study.methods().items()}
    repeated = [f"{label} ({number})" for label, number in samples.items() if number > 1]
    more = f" Scores of repeated samples are averaged: {listed(repeated)}." if repeated else ""
    draws = {study.label(name): each["sampling_settings"]["draws"] for name, each in study.methods().items()}
    means = [f"{label} ({number})" for label, number in draws.items() if number > 1]
    more += f" Maps that are means of several draws: {listed(means)}." if means else ""
    return f"None: a map is made by the networks of its own fold.{more}", ""


def metrics(study: Study) -> Answer:
    named = [f"{METRICS[name].label} ({METRICS[name].arrow})" for name in study.settings.metrics]
    return f"{listed(named)}, of each map {REGION_IN_WORDS[study.region]}; arrows: direction of better values.", ""


def uncertainty(study: Study) -> Answer:
    tests = [
        f"{name}: {TESTS.get(each.test, each.test)}, pairs of {each.unit}s, {CORRECTION[each.unit]}"
        for name, each in study.settings.tables.items()
    ]
    spread = "Mean and population standard deviation over maps."
    return f"{spread} Tests by table: {'; '.join(tests)}." if tests else spread, ""


def robustness(study: Study) -> Answer:
    sweeps = {name: each["sampling_settings"].get("sweep") for name, each in study.methods().items()}
    swept = [f"{study.label(name)} over {_words(sweep['key'])}" for name, sweep in sweeps.items() if sweep]
    more = f" Sweeps: {listed(swept)}." if swept else ""
    return f"Scored at the sizes {listed(study.settings.sizes)}. Training seeds: {listed(study.seeds)}.{more}", ""


def internal(study: Study) -> Answer:
    return f"Test participants of fold {listed(study.run)} of {study.settings.folds_in_all}, unseen in training.", ""


def external(study: Study) -> Answer:
    return "None by this experiment.", "external data, if there are any"


def numbers(study: Study) -> Answer:
    out = sum(bool(row["excluded"]) for row in study.cohort)
    slices, maps = (sum(int(float(row[key])) for row in study.included if row[key]) for key in ("slices", "maps"))
    known = f"Participants: {len(study.included)}; slices: {slices:,}; maps: {maps:,}; excluded by name: {out}."
    return known, "a flow chart"


def characteristics(study: Study) -> Answer:
    lesion = sum(float(row["lesion voxels"] or 0) > 0 for row in study.included)
    known = f"Participants with a lesion mask: {lesion} of {len(study.included)}."
    return known, "" if study.settings.phantom else "age, sex and diagnosis by partition"


def performance(study: Study) -> Answer:
    settings = study.settings
    shown = f"Tables: {listed(settings.tables)}. Figures: {listed(settings.figures)}."
    return f"{shown} They lie in `results/{settings.experiment}`.", ""


def diagnostic(study: Study) -> Answer:
    return "Not applicable: no diagnosis is made.", "a reader study, if there is one"


def details(study: Study) -> Answer:
    facts = sorted([each["method"], each["fold"], each["seed"], origin_of(each)] for each in study.records)
    return (
        "Settings, code and inputs of every result lie beside it (`provenance.json`). Configuration"
        f" {fingerprint(*facts)}."
    ), "a study protocol"


def availability(study: Study) -> Answer:
    return "Software: mrsi-sr, MIT licence.", "availability of trained networks and data"


ANSWERS: dict[int, Callable[[Study], Answer]] = {
    1: technology, 5: design, 7: sources, 8: exclusion, 9: preprocessing, 10: subsets, 12: missing, 14: reference,
    16: annotations, 17: test_annotations, 18: raters, 19: partitions, 20: disjoint, 21: sample_size, 22: models,
    23: software, 24: initial, 25: training, 26: selection, 27: ensembles, 28: metrics, 29: uncertainty, 30: robustness,
    32: internal, 33: external, 35: numbers, 36: characteristics, 37: performance, 38: diagnostic, 42: details,
    43: availability,
}  # fmt: skip


def _words(name: str) -> str:
    return name.replace("_", " ")


def _settings(values: Mapping[str, object]) -> str:
    """Settings with their values, without those that are not set."""
    known = [f"{_words(key)} {_value(value)}" for key, value in values.items() if value is not None]
    return listed(known) if known else "not recorded"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " / ".join(map(_value, value))
    if isinstance(value, dict):
        return listed(f"{_words(key)} {_value(each)}" for key, each in value.items())
    return f"{value:g}" if isinstance(value, int | float) else markdown(_words(str(value)))


def _without_training(network: dict) -> dict:
    return {key: value for key, value in network.items() if key not in TRAINING and value not in ({}, None)}


def _cost(trainings: Sequence[dict]) -> str:
    """Hours of each training and its device, as far as they are known."""
    hours = [f"{each['seconds'] / 3600:.2g}" for each in trainings if each["seconds"] is not None]
    devices = dict.fromkeys(each["device"] for each in trainings if each["device"])
    return f"{listed(dict.fromkeys(hours))} h on {markdown(listed(devices))}" if hours else "time not recorded"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
