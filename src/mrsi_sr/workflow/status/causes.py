"""Why a result is no longer that of today: its recorded parameters and inputs beside today's, in words."""

import ast
import difflib
import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mrsi_sr.workflow import participants
from mrsi_sr.workflow.configuration import Configuration

LONGEST_VALUE = 60  # characters of a setting's value that are shown

FOLLOWS = "configuration"  # key of a table's settings: a hash of what its methods and networks are made of
# Where in the configuration a rule's parameter comes from, by rule (* for any) and the parameter's name there.
PLACES = {
    ("simulate", "settings"): "cohort.simulate",
    ("simulate", "seed"): "cohort.simulate.seed",
    ("ingest", "flags"): "cohort.ingest",
    ("mask", "settings"): "cohort.quality",
    ("montage", "settings"): "cohort.quality",
    ("slices", "settings"): "cohort.slices",
    ("*", "metabolites"): "cohort.metabolites",
    ("*", "unit"): "cohort.unit",
    ("*", "excluded"): "participants.exclude",
    ("truncate", "sizes"): "experiments.*.evaluate_sizes",
    ("folds", "settings"): "experiments.{experiment}.folds",
    ("train", "settings"): "networks.{network}",
    ("train", "sizes"): "experiments.{experiment}.sizes",
    ("train", "seed"): "experiments.{experiment}.seed",
    ("sample", "settings"): "methods.{method}",
    ("sample", "sizes"): "experiments.{experiment}.evaluate_sizes",
    ("evaluate", "metrics"): "experiments.{experiment}.metrics",
    ("evaluate", "lpips"): "experiments.{experiment}.lpips_weights",
    ("*", "protocol"): "experiments.{experiment}.protocol",
    ("compare", "settings"): "experiments.{experiment}.tables.{table}",
    ("table", "settings"): "experiments.{experiment}.tables.{table}",
    ("qualitative", "settings"): "experiments.{experiment}.figures.{figure}",
}


def of_params(
    rule: str,
    wildcards: dict,
    recorded: Iterable[str],
    today: dict[str, Any],
    configuration: Configuration,
    participant_of: Callable[[str], str | None],
) -> Iterator[str]:
    """One line for each changed key: `networks.ddpm.learning_rate: 0.0001 -> 0.0002`.

    recorded: the parameters that the result was made with and that are none of today's, as Snakemake records them:
    Python literals without names. today: the parameters that were none of those, by name.
    """
    pairs, gone = paired([ast.literal_eval(text) for text in recorded], today)
    for name, (old, new) in pairs.items():
        if (rule, name) == ("folds", "participants"):
            yield from _participants_changed(old or "", new)
        elif isinstance(new, list):
            yield from of_inputs(old or [], new, participant_of)
        else:
            for keys, before, after in differences(_parsed(old), _parsed(new)):
                if keys[-1:] != (FOLLOWS,):
                    yield f"{_place(rule, name, keys, wildcards, configuration)}: {_shown(before)} -> {_shown(after)}"
    for old in gone:
        yield f"{rule} is no longer given {_shown(old)}"


def of_inputs(
    recorded: Iterable[str], today: Iterable[str], participant_of: Callable[[str], str | None]
) -> Iterator[str]:
    """One line for each path, or participant, that a result was not made from and today would be, or the other way.

    participant_of: from participant_finder.
    """
    recorded, today = set(recorded), set(today)
    known = {participant_of(path) for path in recorded}, {participant_of(path) for path in today}
    for paths, others, change in (
        (today - recorded, known[0], "new"),
        (recorded - today, known[1], "not there any more"),
    ):
        for path in sorted(paths):
            participant = participant_of(path)
            if participant and participant not in others:
                yield f"participants: {participant} is {change}"
            elif path.endswith(".py"):
                yield f"{path} is {'now' if change == 'new' else 'no longer'} used"
            else:
                yield f"input {path} is {change}"


def of_changed_file(path: str) -> str:
    """The line for an input whose content has changed."""
    return f"{path} changed" if path.endswith(".py") else f"input changed: {path}"


def paired(recorded: list, today: dict[str, Any]) -> tuple[dict[str, tuple[Any, Any]], list]:
    """Give each of today's parameters the recorded one that it most resembles: {name: (old, new)}, and what is left.

    Recorded ones have no names. One that nothing resembles is paired with None.
    """
    left = list(recorded)
    resemblance = sorted(
        ((_resemblance(old, new), position, name) for position, old in enumerate(left) for name, new in today.items()),
        reverse=True,
    )
    found: dict[str, int] = {}
    for likeness, position, name in resemblance:
        if likeness > 0 and name not in found and position not in found.values():
            found[name] = position
    pairs = {name: (left[found[name]] if name in found else None, new) for name, new in today.items()}
    return pairs, [old for position, old in enumerate(left) if position not in found.values()]


def differences(old: Any, new: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """The keys whose values differ, outermost first, with both values; None where one lacks the key."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(_parsed(old.get(key)), _parsed(new.get(key)), (*keys, key))
    elif old != new:
        yield keys, old, new


def participant_finder(files: Iterable[tuple[str, str]]) -> Callable[[str], str | None]:
    """A function from a path to the participant whose folder it is or lies in, None for others.

    files: participants and files of theirs. Folders beside theirs are taken for those of participants that were.
    """
    places = {path.split(f"/{participant}/")[0] for participant, path in files if f"/{participant}/" in path}
    pattern = re.compile(f"(?:{'|'.join(map(re.escape, sorted(places)))})/([A-Za-z0-9_-]+)(?:/.*)?")

    def participant_of(path: str) -> str | None:
        match = pattern.fullmatch(path)
        return match[1] if match else None

    return participant_of


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


def _place(rule: str, name: str, keys: tuple[str, ...], wildcards: dict, configuration: Configuration) -> str:
    """A changed key's full name in the configuration."""
    roles = {}
    if (rule, name) == ("sample", "networks"):
        roles = configuration.methods[wildcards["method"]].networks
    elif (rule, name) == ("train", "needs") and keys[:1] == ("needs-settings",):
        roles, keys = configuration.networks[wildcards["network"]].settings.needs, keys[1:]
    if keys and keys[0] in roles:
        return ".".join(["networks", roles[keys[0]], *keys[1:]])
    if keys[:1] == ("labels",):
        return f"methods.{keys[1]}.label"
    if name == "flags" and keys and (column := keys[0].replace("-", "_")) in participants.EMPTY:
        return f"participants.{column}"
    if name == "flags" and keys and ("*", keys[0]) in PLACES:
        name, keys = keys[0], keys[1:]
    place = PLACES.get((rule, name)) or PLACES.get(("*", name)) or f"{rule}'s {name}"
    return ".".join([place.format(**wildcards), *keys])


def _parsed(value: Any) -> Any:
    """A parameter as what its text means: JSON, command-line flags as {flag: value}, or else the text itself."""
    if not isinstance(value, str):
        return value
    if value.startswith(("{", "[")):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return _flags(value) if value.startswith("--") else value


def _flags(text: str) -> dict[str, str]:
    """`--t1 a.nii --needs role=b --needs other=c` as {"t1": "a.nii", "needs": "role=b other=c"}."""
    found: dict[str, str] = {}
    for word in shlex.split(text):
        if word.startswith("--"):
            flag = word.removeprefix("--")
        else:
            found[flag] = f"{found[flag]} {word}" if flag in found else word
    return found


def _resemblance(old: Any, new: Any) -> float:
    """How likely two parameters are one, before and after: above 1 for objects with keys in common."""
    old, new = _parsed(old), _parsed(new)
    if type(old) is not type(new):
        return 0
    if isinstance(old, dict):
        shared, all_keys = old.keys() & new.keys(), old.keys() | new.keys()
        equal = sum(old[key] == new[key] for key in shared)
        return 1 + (len(shared) + equal) / (len(all_keys) or 1)
    return 0.01 + difflib.SequenceMatcher(None, str(old), str(new), autojunk=False).ratio()


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
