"""How a network is trained, checked: the keys of its settings that training itself reads.

| key | meaning | allowed | default |
|---|---|---|---|
| batch_size | maps per iteration | integer >= 1 | required |
| learning_rate | of Adam | above 0 | required |
| iterations, epochs | how long; an epoch has batches enough to hold every map once | integer >= 1 | exactly one |
| adam_betas | decay rates of Adam's moments | two numbers in [0, 1) | [0.9, 0.999] |
| decay | of the learning rate: linear to 0 over the run, or halved every halve_epochs | none, linear, halve | none |
| halve_epochs | see decay | integer >= 1 with decay halve, else null | null |
| ema | decay of the exponential moving average of the weights, null for none | null, or in (0, 1) | null |
| validate_every | iterations between validations; the last iteration always validates | integer >= 1 | 1000 |
| checkpoint_every | iterations between checkpoints | integer >= 1 | 1000 |

The other keys describe the network (see networks) and what it learns (see objectives), and are checked there.
"""

import json
import math
from dataclasses import dataclass, fields

from mrsi_sr.cli import UserError

DECAYS = ("none", "linear", "halve")


@dataclass(frozen=True)
class TrainingSettings:
    """The settings that the training loop reads."""

    batch_size: int
    learning_rate: float
    iterations: int | None = None
    epochs: int | None = None
    adam_betas: tuple[float, float] = (0.9, 0.999)
    decay: str = "none"
    halve_epochs: int | None = None
    ema: float | None = None
    validate_every: int = 1000
    checkpoint_every: int = 1000

    @classmethod
    def of(cls, settings: dict) -> "TrainingSettings":
        """Take and check training's keys of a network's settings.

        Raises UserError that names the key, its value and what is allowed.
        """
        for key in ("batch_size", "learning_rate"):
            if key not in settings:
                raise UserError(f"the network's settings lack {key}\n  they hold {', '.join(sorted(settings))}")
        taken = cls(**{each.name: settings[each.name] for each in fields(cls) if each.name in settings})
        if (taken.iterations is None) == (taken.epochs is None):
            raise UserError(
                "the network's settings need exactly one of iterations and epochs: how long to train\n"
                f"  they hold iterations {taken.iterations} and epochs {taken.epochs}"
            )
        for key, (allowed, words) in _RULES.items():
            if not allowed(getattr(taken, key)):
                raise UserError(f"{key} is {json.dumps(getattr(taken, key))}, expected {words}")
        if (taken.decay == "halve") != (taken.halve_epochs is not None):
            raise UserError(
                f"halve_epochs is {json.dumps(taken.halve_epochs)} and decay is {taken.decay}\n"
                "  decay halve needs a number of epochs, other decays none"
            )
        return taken

    def total_iterations(self, maps: int) -> int:
        """The length of the run on that many maps."""
        return self.iterations if self.iterations is not None else self.epochs * self.batches_per_epoch(maps)

    def batches_per_epoch(self, maps: int) -> int:
        """How many batches hold every map once."""
        return math.ceil(maps / self.batch_size)

    def learning_rate_at(self, iteration: int, maps: int) -> float:
        """The learning rate of an iteration, counted from 0."""
        if self.decay == "linear":
            return self.learning_rate * (1 - iteration / self.total_iterations(maps))
        if self.decay == "halve":
            epoch = iteration // self.batches_per_epoch(maps)
            return self.learning_rate * 0.5 ** (epoch // self.halve_epochs)
        return self.learning_rate


def json_object(text: str, flag: str) -> dict:
    """The settings that a flag of a script gives as a JSON object. Raises UserError for anything else."""
    try:
        settings = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{flag} is not JSON: {error}") from error
    if not isinstance(settings, dict):
        raise UserError(f"{flag} is {text}\n  expected a JSON object with the settings")
    return settings


def _count(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_COUNT = (_count, "an integer of at least 1")
_MAYBE_COUNT = (lambda value: value is None or _count(value), "an integer of at least 1, or null")
_RULES = {
    "batch_size": _COUNT,
    "learning_rate": (lambda value: _number(value) and value > 0, "a number above 0"),
    "iterations": _MAYBE_COUNT,
    "epochs": _MAYBE_COUNT,
    "adam_betas": (
        lambda value: (
            isinstance(value, list | tuple) and len(value) == 2 and all(_number(b) and 0 <= b < 1 for b in value)
        ),
        "two numbers, at least 0 and below 1",
    ),
    "decay": (lambda value: value in DECAYS, "none, linear or halve"),
    "halve_epochs": _MAYBE_COUNT,
    "ema": (lambda value: value is None or (_number(value) and 0 < value < 1), "null, or a number between 0 and 1"),
    "validate_every": _COUNT,
    "checkpoint_every": _COUNT,
}
