"""A network's settings: which keys its architecture and objective add, and how long and how fast it is trained."""

import json
import math
from dataclasses import dataclass, fields

from mrsi_sr.cli import UserError
from mrsi_sr.diffusion.betas import check_truncation
from mrsi_sr.settings.old_base import check, check_known, chosen, join, listed, schema, without

FRAME = 64  # attention_at counts map sizes from here
CONFIGURED = "network-configured"  # the schema of what the configuration says of a network beside its settings
SAME_IN_ALL_FOLDS = ("architecture", "objective", "needs", "folds")


def resolve_configured(raw: dict, metabolites: list[str], where: str) -> dict:
    """Check a network of the configuration and fill in the defaults; each of its `folds` becomes complete as well.

    metabolites: of the cohort; a network that tells them apart and gives no number takes theirs.
    Raises UserError as resolve_network does, and for what folds cannot have of their own.
    """
    network = resolve_network(_with_metabolites(raw, metabolites), where, CONFIGURED)
    common = {key: value for key, value in raw.items() if key != "folds"}
    folds = {}
    for fold, changes in _of_folds(network["folds"], f"{where}.folds").items():
        own = _with_metabolites(common | changes, metabolites)
        folds[fold] = resolve_network(own, f"{where}.folds.{fold}", CONFIGURED)
        del folds[fold]["folds"]
    return network | {"folds": folds}


def training_settings(configured: dict) -> dict:
    """The part of a network of the configuration that decides its weights: what train.py is given."""
    return without(CONFIGURED, configured)


def resolve_network(raw: dict, where: str = "", *more: str) -> dict:
    """Check a network's settings, with the keys of its architecture and of its objective, and fill in the defaults.

    more: kinds of settings whose keys it may have as well.
    Raises UserError that names the key, its value and what is allowed.
    """
    kinds = [f"{key}-{chosen('network', key, raw, where)}" for key in ("architecture", "objective")]
    settings = check(["network", *kinds, *more], raw, where)
    _check_objective(settings, where)
    _check_length_and_decay(settings, where)
    check_truncation(settings, join(where, "truncation"))
    _check_needs(settings, where)
    if settings["architecture"] == "munet":
        _check_modulation(settings, where)
    if settings["objective"] == "adversarial":
        _check_adversarial(settings, where)
    if settings["architecture"] == "denoising_unet":
        _check_attention(settings, where)
    return settings


def _of_folds(folds: dict, where: str) -> dict[int, dict]:
    """What each fold has of its own, by its number: YAML's keys are numbers, JSON's are text."""
    own: dict[int, dict] = {}
    for key, changes in sorted(folds.items(), key=str):
        if isinstance(key, bool) or not str(key).isdecimal() or int(key) < 1:
            raise UserError(f"{where} has the fold {json.dumps(key, default=str)}, expected whole numbers from 1")
        if int(key) in own:
            raise UserError(f"{where} names fold {key} twice, as a number and as text: put its settings together")
        if not isinstance(changes, dict):
            raise UserError(f"{where}.{key} is {json.dumps(changes, default=str)}, expected an object of settings")
        for name in SAME_IN_ALL_FOLDS:
            if name in changes:
                raise UserError(f"{where}.{key}.{name} is given, but a fold cannot have its own {name}: name a network")
        own[int(key)] = changes
    return own


def _with_metabolites(raw: dict, metabolites: list[str]) -> dict:
    """A raw network with the number of the cohort's metabolites, where it tells them apart and gives no number."""
    if isinstance(raw, dict) and raw.get("metabolite") is True:
        return {"metabolites": len(metabolites)} | raw
    return raw


def map_sizes(channels: list[int]) -> list[int]:
    """The map size at each level of the denoising U-Net, of a map of 64x64."""
    return [FRAME // 2**level for level in range(len(channels))]


def _check_objective(settings: dict, where: str) -> None:
    needed = as_list(schema(f"architecture-{settings['architecture']}")["x-objective"])
    if settings["objective"] not in needed:
        raise UserError(
            f"{join(where, 'objective')} is {settings['objective']},"
            f" but the architecture {settings['architecture']} learns {' or '.join(needed)}"
        )


def check_metabolites(settings: dict, metabolites: list[str], where: str = "") -> None:
    """Raise UserError unless a network that tells metabolites apart knows as many as there are."""
    if settings.get("metabolite") and settings["metabolites"] != len(metabolites):
        raise UserError(
            f"{join(where, 'metabolites')} is {settings['metabolites']}, but the network is to tell"
            f" {len(metabolites)} apart: {listed(metabolites)}"
        )


def as_list(value: str | list[str]) -> list[str]:
    """What a schema names, one or several."""
    return [value] if isinstance(value, str) else value


def check_needed(role: str, needing: dict, needed: dict, where: str) -> None:
    """Raise UserError unless a network, given by its settings, has learned what another's role asks for."""
    fitting = as_list(schema(f"objective-{needing['objective']}")["x-needs"][role])
    if needed["objective"] not in fitting:
        raise UserError(f"{where} has learned {needed['objective']}, but a {role} learns {' or '.join(fitting)}")
    if needed.get("truncation"):
        raise UserError(f"{where} makes the noisy map at truncation {needed['truncation']}, but a {role} makes the map")
    if needed.get("sharpness"):
        raise UserError(f"{where} has sharpness, but there is nothing to tell a {role} the adversarial weight")


def _check_needs(settings: dict, where: str) -> None:
    roles = schema(f"objective-{settings['objective']}").get("x-needs", {})
    for role, name in settings["needs"].items():
        check_known(role, roles, f"{join(where, 'needs')}: the role")
        if not isinstance(name, str):
            raise UserError(f"{join(where, 'needs')}.{role} is {json.dumps(name)}, expected the name of a network")


def _check_modulation(settings: dict, where: str) -> None:
    if settings["metabolite"] and settings["modulation"] != "filter_scaling":
        raise UserError(
            f"{join(where, 'metabolite')} is true and modulation {settings['modulation']}: the metabolite acts through"
            f" filter_scaling"
        )
    if settings["sharpness"] and settings["objective"] != "adversarial":
        raise UserError(
            f"{join(where, 'sharpness')} is true and objective {settings['objective']}: only the objective adversarial"
            f" has an adversarial weight to tell"
        )


def _check_adversarial(settings: dict, where: str) -> None:
    lowest, highest = settings["adversarial_weight"]
    if lowest > highest:
        raise UserError(f"{join(where, 'adversarial_weight')} is {[lowest, highest]}, expected the lower one first")
    if (settings["architecture"] == "munet") != (settings["truncation"] is None):
        raise UserError(
            f"{join(where, 'truncation')} is {json.dumps(settings['truncation'])}, but with objective adversarial a"
            f" munet makes the map itself (null), and a denoising_unet the map at the truncation step (a number)"
        )


def _check_length_and_decay(settings: dict, where: str) -> None:
    if (settings["iterations"] is None) == (settings["epochs"] is None):
        raise UserError(
            f"{where or 'a network'} needs either iterations or epochs, which say how long it is trained:"
            f" iterations is {json.dumps(settings['iterations'])} and epochs {json.dumps(settings['epochs'])}"
        )
    if (settings["decay"] == "halve") != (settings["halve_epochs"] is not None):
        raise UserError(
            f"{join(where, 'halve_epochs')} is {json.dumps(settings['halve_epochs'])} and decay is"
            f" {settings['decay']}: decay halve needs a number of epochs, other decays none"
        )


def _check_attention(settings: dict, where: str) -> None:
    """Attention is at levels that are there, and the heads divide the channels wherever there is attention."""
    channels, sizes = settings["channels"], map_sizes(settings["channels"])
    for size in settings["attention_at"]:
        if size not in sizes:
            raise UserError(
                f"{join(where, 'attention_at')} holds {size}, expected map sizes of levels: {listed(sizes)}"
            )
    attended = {c for c, size in zip(channels, sizes, strict=True) if size in settings["attention_at"]}
    for width in sorted(attended | {channels[-1]}):
        if width % settings["heads"]:
            raise UserError(
                f"{join(where, 'heads')} is {settings['heads']}, expected a divisor of the channels of the deepest"
                f" level and of every level with attention, also of {width}"
            )


@dataclass(frozen=True)
class TrainingSettings:
    """The settings that the training loop reads; workflow/schemas/network.schema.yaml explains them."""

    batch_size: int
    learning_rate: float
    iterations: int | None
    epochs: int | None
    adam_betas: list[float]
    decay: str
    halve_epochs: int | None
    ema: float | None
    validate_every: int

    @classmethod
    def of(cls, settings: dict) -> "TrainingSettings":
        """Training's part of a network's settings as `resolve_network` returns them."""
        return cls(**{each.name: settings[each.name] for each in fields(cls)})

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
