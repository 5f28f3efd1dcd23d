"""The two layers of a configuration: the papers' study, and one user's file on top of it."""

from pathlib import Path
from types import NoneType
from typing import Any, get_args

from mrsi_sr.cli import UserError
from mrsi_sr.settings.errors import check_known, join, listed, shown, suggestion
from mrsi_sr.settings.sampler import SAMPLERS
from mrsi_sr.settings.text import read_yaml

PAPERS = Path(__file__).parents[3] / "config" / "papers.yaml"
ENTRIES = ("networks", "methods", "experiments")
KEYS = ("cohort", *ENTRIES, "run", "scans", "lpips")
LONGEST_CHAIN = 50  # of entries, each like the next
# Keys of samplers that allow null and have another default: their null is a value, such as `clip: null`, no bounds.
NULL_VALUES = {
    key
    for sampler in SAMPLERS.values()
    for key, field in sampler.model_fields.items()
    if NoneType in get_args(field.annotation) and field.default is not None
}


def layered(user: Any, papers: dict | None = None) -> dict:
    """The whole configuration: the papers' networks, methods and experiments, overridden by a user's file.

    A user's entry that is complete (it names `architecture`, its sampler's `kind`, or what it is `like`) replaces the
    papers' entry of that name; another one overrides it key by key, and null unsets a key or an entry.
    Then entries that are `like` another inherit its keys, and `run` names the experiments to plan: by default those of
    the user's file, else the papers' own.
    Raises UserError for what is no configuration, an unknown name and a circle of likes.
    """
    papers = read_yaml(PAPERS, "the configuration") if papers is None else papers
    _check_shape(user)
    whole: dict[str, Any] = {key: user[key] for key in ("cohort", "scans", "lpips") if key in user}
    removed: dict[str, set[str]] = {}
    for kind in ENTRIES:
        ours, yours = papers.get(kind, {}), user.get(kind) or {}
        whole[kind] = {name: _on_top(ours.get(name), yours[name]) if name in yours else ours[name] for name in ours}
        for name in [name for name in yours if name not in ours]:
            _check_new(kind, name, yours[name], ours)
            whole[kind][name] = yours[name]
        removed[kind] = {name for name in yours if yours[name] is None}
        whole[kind] = {name: entry for name, entry in whole[kind].items() if name not in removed[kind]}
    for kind in ENTRIES:
        entries = whole[kind]
        inherited = {name: _inherited(kind, [name], entries, removed[kind]) for name in entries}
        whole[kind] = {name: entry for name, entry in inherited.items() if entry is not None}
    own = [name for name, entry in (user.get("experiments") or {}).items() if entry is not None]
    run = user.get("run") or own or [name for name in papers.get("run", []) if name in whole["experiments"]]
    for name in run:
        check_known(name, whole["experiments"], "run: the experiment")
    return whole | {"run": list(run)}


def overridden(entry: Any, changes: Any, null_is_a_value: bool = False) -> Any:
    """An entry with changes, key by key at any depth. A sampler with a kind replaces the other as a whole.

    None unsets a key. It is a value for keys whose default is something else (NULL_VALUES), and in the settings of
    single folds, which lie on top of the network's own.
    """
    if not isinstance(entry, dict) or not isinstance(changes, dict) or "kind" in changes:
        return changes
    merged = dict(entry)
    for key, value in changes.items():
        if value is None and key in merged and not (null_is_a_value or key in NULL_VALUES):
            del merged[key]
        elif value is not None or null_is_a_value or key in NULL_VALUES:
            merged[key] = overridden(entry.get(key), value, null_is_a_value or key == "folds")
    return merged


def _check_shape(user: Any) -> None:
    if not isinstance(user, dict):
        raise UserError(f"the configuration lacks cohort: it is {listed([user])}, expected an object of {listed(KEYS)}")
    for key, value in user.items():
        if key not in KEYS:
            raise UserError(f"{key} is not a known key: {suggestion(key, KEYS)}")
        if key in ENTRIES and not isinstance(value, dict | None):
            raise UserError(f"{key} is {listed([value])}, expected object")
    _check_keys(user)
    if not isinstance(user.get("run"), list | None):
        raise UserError(f"run is {listed([user['run']])}, expected a list of experiments")


def _check_keys(user: dict) -> None:
    """Raise UserError for a key that is no text and no number of a fold, or that JSON cannot tell from another.

    YAML reads `on`, `no` and `null` as other types, and 1 and "1" as two keys.
    """
    waiting = [("", user)]
    while waiting:
        where, part = waiting.pop()
        for key, value in part.items() if isinstance(part, dict) else enumerate(part):
            name = join(where, key) if isinstance(key, str) else f"{where}.{shown(key)}"
            if isinstance(key, bool) or not isinstance(key, str | int):
                raise UserError(f"{where or 'the configuration'} has the key {shown(key)}, expected text: quote it")
            if isinstance(key, int) and isinstance(part, dict) and str(key) in part:
                raise UserError(f"{name} is given twice, as a number and as text: put its settings together")
            if isinstance(value, dict | list):
                waiting.append((name, value))


def _check_new(kind: str, name: str, entry: Any, ours: dict) -> None:
    """A new network or method stands for itself, where it is no mistyped name of the papers'."""
    if kind != "experiments" and isinstance(entry, dict) and not _is_complete(entry):
        own = "architecture" if kind == "networks" else "a sampler with a kind"
        raise UserError(
            f"{kind}.{name} overrides nothing: {suggestion(name, ours)}\n  a new entry needs {own}, or `like: NAME`"
        )


def _on_top(ours: dict, yours: Any) -> Any:
    return yours if _is_complete(yours) else overridden(ours, yours)


def _is_complete(entry: Any) -> bool:
    """Whether an entry stands for itself."""
    if not isinstance(entry, dict):
        return False
    sampler = entry.get("sampler")
    return "architecture" in entry or "like" in entry or (isinstance(sampler, dict) and "kind" in sampler)


def _inherited(kind: str, chain: list[str], entries: dict[str, Any], removed: set[str]) -> Any:
    """The last entry of a chain, each entry like the next, with what it inherits; None where that was removed."""
    entry = entries[chain[-1]]
    if not isinstance(entry, dict) or "like" not in entry:
        return entry
    other, where = entry["like"], f"{kind}.{chain[-1]}"
    if isinstance(other, str) and other in removed:
        return None
    check_known(other, entries, f"{where}.like")
    if other in chain:
        raise UserError(f"{where}.like goes in a circle: {' -> '.join([*chain[chain.index(other) :], other])}")
    if "architecture" in entry:
        raise UserError(f"{where} has both like and architecture: it inherits the architecture, or it is complete")
    if len(chain) > LONGEST_CHAIN:
        raise UserError(f"{kind}.{chain[0]}.like goes through more than {LONGEST_CHAIN} entries")
    own = {key: value for key, value in entry.items() if key != "like"}
    inherited = _inherited(kind, [*chain, other], entries, removed)
    return None if inherited is None else overridden(inherited, own)
