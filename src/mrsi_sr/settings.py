"""A script's --settings: a JSON object read into a dataclass that knows its defaults and what is allowed."""

import difflib
import json
from dataclasses import fields
from typing import TypeVar

from mrsi_sr.cli import UserError

Settings = TypeVar("Settings")


def read(kind: type[Settings], text: str, name: str) -> Settings:
    """Make the dataclass `kind` from a JSON object; keys left out keep their defaults. name: what errors call it.

    Raises UserError for text that is no JSON object and for an unknown key; `kind` itself checks the values.
    """
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"--settings is not JSON: {error}\n  expected an object with {name} settings") from None
    if not isinstance(given, dict):
        raise UserError(f"--settings is {text}\n  expected a JSON object with {name} settings")
    known = [field.name for field in fields(kind)]
    for key, value in given.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "remove it"
            raise UserError(
                f"unknown {name} setting {key} (value {json.dumps(value)}): {hint}\n  allowed: {', '.join(known)}"
            )
    return kind(**given)


def check_number(
    name: str, value, lowest: float, highest: float = float("inf"), *, whole: bool = False, off: bool = False
) -> None:
    """Raise a UserError unless the value is a number in [lowest, highest]; off: None is allowed and turns it off."""
    if value is None and off:
        return
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not lowest <= value <= highest:
        bounds = f"from {lowest}" if highest == float("inf") else f"from {lowest} to {highest}"
        number = "a whole number" if whole else "a number"
        alternative = ", or null to turn it off" if off else ""
        raise UserError(f"{name} is {json.dumps(value)}\n  allowed: {number} {bounds}{alternative}")
