"""An architecture's settings: their defaults, what they mean, and what they may be."""

from collections.abc import Callable
from dataclasses import dataclass

from mrsi_sr.cli import UserError


@dataclass(frozen=True)
class Setting:
    """One key of an architecture: `holds` tells whether a value is allowed, `allowed` says so in words."""

    default: object
    meaning: str
    allowed: str
    holds: Callable[[object], bool]


def resolve(architecture: str, settings: dict, known: dict[str, Setting]) -> dict:
    """Fill in an architecture's defaults. Raises UserError that names the key, the value and what is allowed."""
    for key, value in settings.items():
        if key not in known:
            raise UserError(
                f"{architecture} has no setting '{key}' (given: {value!r})\n  it has: {', '.join(known) or 'none'}"
            )
        if not known[key].holds(value):
            raise UserError(f"{architecture}: {key} is {value!r}\n  allowed: {known[key].allowed}")
    return {key: setting.default for key, setting in known.items()} | settings


def is_count(value: object) -> bool:
    """A whole number from 1; True is not one."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def are_counts(value: object) -> bool:
    """A list of at least one whole number from 1."""
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(map(is_count, value))
