"""Causes of a stale result: the command, settings and code that its provenance records beside today's."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import takewhile
from typing import Any

from mrsi_sr.workflow import participants
from mrsi_sr.workflow.configuration import Configuration

LONGEST_VALUE = 60  # characters of a setting's value that are shown

# Flags that decide how a job runs, or that follow from others, but not what comes out.
NO_CAUSE = ("out", "out-csv", "out-md", "out-tex", "out-png", "out-pdf", "provenance", "threads", "batch-size",
            "checkpoint-every", "device", "weights", "needs")  # fmt: skip
# Flags that a record does not have, by script: a folder that goes to other sites names no participant.
NOT_RECORDED = {"hand_over": ("networks", "scans", "folds")}
FOLLOWS = ("expected",)  # keys of a table's settings: hashes of what its methods and networks are
FILES = (
    "slices",
    "low-resolution",
    "samples",
    "metrics",
    "networks",
    "cohort",
    "volumes",
    "mask",
    "brain",
)  # flags of paths
# Key of the configuration that a script's flag comes from, by script (* for any) and flag.
PLACES = {
    ("simulate", "settings"): "cohort.simulate",
    ("simulate", "seed"): "cohort.simulate.seed",
    ("ingest", "files"): "cohort.ingest.maps",
    ("ingest", "matrix"): "cohort.ingest.matrix",
    ("ingest", "voxel-mm"): "cohort.ingest.voxel_mm",
    ("strip", "method"): "cohort.mri.strip",
    ("register", "method"): "cohort.mri.registration",
    ("register", "target"): "cohort.mri.target",
    ("register", "bias-field"): "cohort.mri.n4",
    ("mask", "settings"): "cohort.quality",
    ("montage", "settings"): "cohort.quality",
    ("slices", "settings"): "cohort.slices",
    ("*", "metabolites"): "cohort.metabolites",
    ("*", "unit"): "cohort.unit",
    ("*", "excluded"): "participants.exclude",
    ("truncate", "sizes"): "experiments.*.evaluate_sizes",
    ("truncate", "refitted"): "participants.low_resolution",
    ("folds", "settings"): "experiments.{experiment}.folds",
    ("train", "settings"): "networks.{network}",
    ("train", "sizes"): "experiments.{experiment}.sizes",
    ("train", "low-resolution"): "experiments.{experiment}.low_resolution",
    ("train", "seed"): "experiments.{experiment}.seeds",
    ("sample", "settings"): "methods.{method}",
    ("probe", "settings"): "methods.{method}",
    ("probe", "probe"): "experiments.{experiment}.probes.{probe}",
    ("probe", "sizes"): "experiments.{experiment}.probes.{probe}.sizes",
    ("probe_table", "settings"): "experiments.{experiment}.probes.{probe}",
    ("sample", "sizes"): "experiments.{experiment}.evaluate_sizes",
    ("evaluate", "metrics"): "experiments.{experiment}.metrics",
    ("evaluate", "lpips-weights"): "lpips",
    ("hand_over", "settings"): "experiments.{experiment}",
    ("*", "protocol"): "experiments.{experiment}.protocol",
    ("compare", "settings"): "experiments.{experiment}.tables.{table}",
    ("table", "settings"): "experiments.{experiment}.tables.{table}",
    ("shown_maps", "settings"): "experiments.{experiment}.figures.{figure}",
    ("figure", "settings"): "experiments.{experiment}.figures.{figure}",
    ("cost", "settings"): "experiments.{experiment}",
    ("calibrate", "metrics"): "experiments.{experiment}.metrics",
    ("calibrate", "lpips-weights"): "lpips",
    ("calibrate", "settings"): "experiments.{experiment}.calibration",
    ("calibration_report", "settings"): "experiments.{experiment}.calibration",
}
# Keys of a script's settings that come from elsewhere in the configuration.
OTHER_PLACES = {
    ("simulate", "naming"): "participants.pattern",
    ("simulate", "archive"): "participants.lcmodel",
    ("simulate", "lesion"): "participants.lesion",
    ("hand_over", "methods"): "methods",
    ("hand_over", "networks"): "networks",
    ("hand_over", "folds"): "experiments.{experiment}.folds.run",
    ("hand_over", "phantom"): "cohort.simulate",
    ("hand_over", "cohort"): "cohort.name",
    ("report", "folds"): "experiments.{experiment}.folds.run",
    ("report", "folds_in_all"): "experiments.{experiment}.folds.number",
    ("report", "protocol"): "experiments.{experiment}.protocol",
    ("report", "phantom"): "cohort.simulate",
    ("report", "cohort"): "cohort.name",
}
REPORT = ("compare", "table", "shown_maps", "figure", "cost", "calibration_report")
PARTICIPANT = re.compile(r"results/cohorts/[A-Za-z0-9_-]+/([A-Za-z0-9_-]+)(?:/.*)?")


def of_command(
    script: str, recorded: list[str], today: list[str], wildcards: dict, configuration: Configuration, row: dict
) -> Iterator[str]:
    """Causes in the command of a result, a line for each changed key: `networks.ddpm.learning_rate: 0.0001 -> 0.0002`.

    script: name of the script. recorded, today: the words after it, when the result was made and now. row: of the
    participants table, where the result is a participant's.
    """
    old, new = (flags_of(words) for words in (recorded, today))
    left_out = (*NO_CAUSE, *NOT_RECORDED.get(script, ()))
    for flag in [flag for flag in dict.fromkeys([*old, *new]) if flag not in left_out]:
        before, after = old.get(flag, []), new.get(flag, [])
        if flag in FILES and (script, flag) not in PLACES:
            yield from of_files(before, after)
        elif flag == "participants":
            yield from _participants_changed(*(",".join(words) for words in (before, after)))
        elif (script, flag) != ("train", "sizes") or not configuration.network(wildcards["network"], None).sizes:
            for keys, value, other in differences(_parsed(before), _parsed(after)):
                if not set(FOLLOWS) & set(keys):
                    place = _place(script, flag, keys, wildcards, configuration, row)
                    yield f"{place}: {_shown(value)} -> {_shown(other)}"


def of_code(recorded: dict[str, str], today: dict[str, str]) -> Iterator[str]:
    """Causes in the code of a result: a line for each module that changed, was added or is no longer used."""
    for module in sorted(recorded.keys() | today.keys()):
        if recorded.get(module) != today.get(module):
            change = "changed" if module in recorded and module in today else "is now used"
            file = f"src/{module}" if module.startswith("mrsi_sr/") else module  # else a script
            yield f"{file} {change if module in today else 'is no longer used'}"


def of_files(recorded: Iterable[str], today: Iterable[str]) -> Iterator[str]:
    """Causes in a list of files: a line for each file, or participant, that is only in one of two lists."""
    recorded, today = set(recorded), set(today)
    for paths, others, change in ((today - recorded, recorded, "new"), (recorded - today, today, "not there any more")):
        known = {participant_of(path) for path in others}
        for path in sorted(paths):
            participant = participant_of(path)
            if participant and participant not in known:
                yield f"participants: {participant} is {change}"
            else:
                yield f"input {path} is {change}"


def participant_of(path: str) -> str | None:
    """The participant whose folder of a cohort's results a path is or lies in, None for other paths."""
    match = PARTICIPANT.fullmatch(path)
    return match[1] if match else None


def flags_of(words: Iterable[str]) -> dict[str, list[str]]:
    """A command's words as {flag: its words}: `--t1 a --needs x=b --needs y=c` is {"t1": [a], "needs": [x=b, y=c]}.

    The redirection that ends a rule's command is left out.
    """
    found: dict[str, list[str]] = {}
    values: list[str] = []
    for word in takewhile(lambda word: not word.startswith("2>"), words):
        if word.startswith("--"):
            flag, equals, value = word.removeprefix("--").partition("=")
            values = found.setdefault(flag, [])
            word = value if equals else None
        values += [word] if word is not None else []
    return found


def differences(old: Any, new: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Keys whose values differ, outermost first, with both values; None where one lacks the key."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(old.get(key), new.get(key), (*keys, key))
    elif old != new:
        yield keys, old, new


def _participants_changed(old: str, new: str) -> Iterator[str]:
    """Of lists such as `sub-01,sub-02` or, with the fold that tests each, `sub-01=1,sub-02=2`."""
    before, after = (dict(entry.partition("=")[::2] for entry in text.split(",") if entry) for text in (old, new))
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield f"participants: {name} is new"
        elif name not in after:
            yield f"participants: {name} is not there any more"
        elif before[name] != after[name]:
            yield f"participants: fold of {name}: {before[name] or 'drawn'} -> {after[name] or 'drawn'}"


def _place(
    script: str, flag: str, keys: tuple[str, ...], wildcards: dict, configuration: Configuration, row: dict
) -> str:
    """Full name of a changed key in the configuration."""
    roles = {}
    if script in ("sample", "probe") and flag == "network-settings":
        roles = configuration.method(wildcards["method"]).networks
    elif (script, flag) == ("train", "needs-settings"):
        roles = configuration.network(wildcards["network"], None).needs
    if keys and keys[0] in roles:
        return ".".join(["networks", roles[keys[0]], *keys[1:]])
    if keys[:1] == ("labels",) and len(keys) > 1:
        return f"methods.{keys[1]}.label"
    column = flag.replace("-", "_")
    if column in participants.EMPTY:
        from_cohort = column in ("pattern", "flip") and not row.get(column)
        return f"cohort.ingest.{column}" if from_cohort else f"participants.{column}"
    other = OTHER_PLACES.get(("report" if script in REPORT else script, keys[0] if keys else ""))
    place = other or PLACES.get((script, flag)) or PLACES.get(("*", flag)) or f"{script}'s {flag}"
    return ".".join([place.format(**wildcards), *([] if other else keys)])


def _parsed(words: list[str]) -> Any:
    """The words of a flag as what they mean: JSON where they are an object, else text; None for none."""
    text = " ".join(words)
    if text.startswith("{"):
        with suppress(json.JSONDecodeError):
            return json.loads(text)
    return text or None


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
