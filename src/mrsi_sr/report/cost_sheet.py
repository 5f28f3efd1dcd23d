"""Table of costs as it is printed: by method and fold, then every network once, then all together."""

import pandas as pd

from mrsi_sr.report.caption import cohort_in_words, joined
from mrsi_sr.report.costs import PEAKS, SUMMED, Costs, total
from mrsi_sr.report.sheet import Cell, Column, Sheet, markdown

NOT_RECORDED, NOT_MEASURED, NONE = "not recorded", "not measured", "-"
HEADINGS = {"gpu_hours": "GPU h", "cpu_hours": "CPU h", "kwh": "kWh"}
STEPS = {"train": "training", "sample": "sampling"}
SHARED = "shared"


def cost_sheet(costs: Costs) -> str:
    """Both tables as Markdown, with captions that say what is counted how."""
    parts = [_methods(costs)] if costs.networks else []
    return "\n".join(markdown(sheet) for sheet in [*parts, _networks(costs)])


def _methods(costs: Costs) -> Sheet:
    """A row for each method, fold and seed."""
    columns = [Column("Fold"), Column("Networks", align="l")]
    columns += [Column(HEADINGS[key], step, align="r") for step in STEPS.values() for key in _shown(costs)]
    columns += [Column("s per slice", align="r"), Column("GPU memory (GB)", align="r"), Column("Device", align="l")]
    shared = set(costs.jobs.name[costs.jobs.used_by.str.contains(", ")])
    rows = []
    for (method, fold, seed), names in costs.networks.items():
        parts = {kind: costs.of_method(method, fold, seed, kind) for kind in STEPS}
        own = pd.concat(parts.values())
        networks = joined(f"{name} ({SHARED})" if name in shared else name for name in names) or NONE
        cells = [_place(fold, seed), networks]
        cells += [_sum(part, key) for part in parts.values() for key in _shown(costs)]
        seconds = parts["sample"].seconds_per_slice.iloc[0]
        cells += [f"{seconds:.3g}", _memory(own), _devices(own)]
        rows.append((costs.label(method), [Cell(text) for text in cells]))
    return Sheet("Method", columns, rows, _caption(costs, shared))


def _networks(costs: Costs) -> Sheet:
    """A row for each training, then all samplings together, then the sum of all."""
    columns = [Column("Fold"), *(Column(HEADINGS[key], align="r") for key in _shown(costs))]
    columns += [Column("GPU memory (GB)", align="r"), Column("Device", align="l"), Column("Used by", align="l")]
    trained, sampled = (costs.jobs[costs.jobs.kind == kind] for kind in STEPS)
    rows = []
    for position in range(len(trained)):
        own = trained.iloc[[position]]
        users = joined(map(costs.label, filter(None, own.used_by.iloc[0].split(", ")))) or NONE
        rows.append((own.name.iloc[0], own, _place(own.fold.iloc[0], own.seed.iloc[0]), users))
    if len(sampled):
        rows.append((f"all {len(sampled)} samplings", sampled, "all", ""))
    rows.append(("all, each network once", costs.jobs, "all", ""))
    printed = []
    for name, own, place, users in rows:
        cells = [place, *(_sum(own, key) for key in _shown(costs)), _memory(own), _devices(own), users]
        printed.append((name, [Cell(text) for text in cells]))
    return Sheet("Network", columns, printed, _origin(costs))


def _shown(costs: Costs) -> list[str]:
    """Columns of sums: hours of the kinds of devices that were used, and energy."""
    return [key for key in SUMMED if key == "kwh" or costs.jobs[key].fillna(1).any()]


def _sum(jobs: pd.DataFrame, key: str) -> str:
    """A sum as printed, or why there is none; of energy, how much of it was measured."""
    if jobs.empty:
        return NONE
    whole, known = total(jobs)[key], jobs[key].dropna()
    if whole is not None:
        return f"{whole:.3g}"
    if key != "kwh":
        return NOT_RECORDED
    return f"{known.sum():.3g} of {len(known)} of {len(jobs)} jobs" if len(known) else NOT_MEASURED


def _memory(jobs: pd.DataFrame) -> str:
    peak = jobs[PEAKS["gpu_reserved"]].max()
    return NONE if pd.isna(peak) else f"{peak / 1024:.1f}"


def _devices(jobs: pd.DataFrame) -> str:
    return joined(dict.fromkeys(filter(None, jobs.device))) or NOT_RECORDED


def _place(fold: int, seed: int) -> str:
    return str(fold) if seed == 1 else f"{fold}, seed {seed}"


def _caption(costs: Costs, shared: set[str]) -> str:
    sentences = [
        "Cost of each method and fold: hours from the start of a job to its end, over all sessions of an interrupted"
        " one; GPU h on one GPU, CPU h of all cores together where there was no GPU; seconds per slice of the sampler"
        " alone; GPU memory as reserved.",
        *([f"A network that is {SHARED} counts in full in each of its methods, and once below."] if shared else []),
    ]
    return " ".join(sentences)


def _origin(costs: Costs) -> str:
    """What the sums hold, why energy is missing, and where the numbers come from."""
    settings = costs.settings
    notes = costs.jobs.energy_note[costs.jobs.kwh.isna()]
    reasons = joined(dict.fromkeys(note or NOT_RECORDED for note in notes))
    others = joined(f"{network} ({experiment})" for network, experiment in sorted(settings.homes.items()))
    cohort = cohort_in_words(settings.cohort, settings.phantom)
    sentences = [
        f"Experiment {settings.experiment or 'not named'}, cohort {cohort}. Energy: by the card's own counter.",
        *([f"Not measured where: {reasons}."] if reasons else []),
        *([f"Trained by another experiment, whose costs have them too: {others}."] if others else []),
    ]
    return " ".join(sentences)
