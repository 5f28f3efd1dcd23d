"""Settings of a network: what it is made of, what it learns, how long and how fast it is trained."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import Field, create_model, model_validator

from mrsi_sr.cli import UserError
from mrsi_sr.settings.architecture import ARCHITECTURES
from mrsi_sr.settings.base import Settings, Sizes
from mrsi_sr.settings.errors import check_known, join, listed, rule, shown, suggestion
from mrsi_sr.settings.objective import OBJECTIVES

Beta = Annotated[float, Field(ge=0, lt=1)]

SAME_IN_ALL_FOLDS = ("architecture", "objective", "needs", "folds")


class NetworkSettings(Settings):
    """Keys of every network. The settings of one combine these with the keys of its architecture and its objective."""

    architecture: Literal["munet", "denoising_unet", "flow", "unet"] = Field(description="architecture of the network")
    objective: Literal[
        "regression", "adversarial", "likelihood", "noise_prediction", "ensemble_score", "rectified_flow", "bridge",
        "shortcut",
    ] = Field(description="training objective of the network")  # fmt: skip
    needs: dict[str, str] = Field({}, description="networks to be trained first, by their role in the objective")
    sizes: Sizes | None = Field(
        None, description="low-resolution sizes to train on, as of a single-scale network; null: the experiment's"
    )
    iterations: int | None = Field(None, ge=1, le=10**8, description="training length in iterations; or give epochs")
    epochs: int | None = Field(
        None, ge=1, le=10**6, description="training length in epochs (one epoch: every map once)"
    )
    batch_size: int = Field(ge=1, le=1024, description="number of maps in one iteration")
    learning_rate: float = Field(gt=0, le=1, description="Adam's learning rate")
    adam_betas: Annotated[list[Beta], Field(min_length=2, max_length=2)] = Field(
        [0.9, 0.999], description="decay rates of Adam's two moments"
    )
    decay: Literal["none", "linear", "halve"] = Field(
        "none", description="decay of the learning rate: linear to 0 over the training, or halved every halve_epochs"
    )
    halve_epochs: int | None = Field(
        None, ge=1, le=10**7, description="number of epochs after which decay halve halves the learning rate"
    )
    ema: float | None = Field(None, gt=0, lt=1, description="decay of the moving average of the weights; null: none")
    validate_every: int | None = Field(
        None,
        ge=1,
        le=10**9,
        description="epochs between validations where epochs are given, iterations where iterations are, and at most"
        " as many as those; null: every epoch, or every 1000 iterations. The end always validates",
    )

    @model_validator(mode="after")
    def _objective_fits(self) -> Self:
        fitting = ARCHITECTURES[self.architecture].learns
        if self.objective not in fitting:
            raise rule(
                "objective",
                f"is {self.objective}, but the architecture {self.architecture} learns {' or '.join(fitting)}",
            )
        return self

    @model_validator(mode="after")
    def _length_and_decay(self) -> Self:
        if (self.iterations is None) == (self.epochs is None):
            raise rule(
                "",
                "needs either iterations or epochs, which say how long it is trained: iterations is"
                f" {json.dumps(self.iterations)} and epochs {json.dumps(self.epochs)}",
            )
        if (self.decay == "halve") != (self.halve_epochs is not None):
            raise rule(
                "halve_epochs",
                f"is {json.dumps(self.halve_epochs)} and decay is {self.decay}: decay halve needs a number of epochs,"
                " other decays none",
            )
        return self

    @model_validator(mode="after")
    def _validates_on_the_way(self) -> Self:
        unit, length = ("iterations", self.iterations) if self.iterations else ("epochs", self.epochs)
        if self.validate_every is not None and self.validate_every > length:
            raise rule(
                "validate_every",
                f"is {self.validate_every} {unit}, since the length is given in {unit}, but {unit} is {length}: at most"
                " that many, or null",
            )
        return self

    @model_validator(mode="after")
    def _needs_have_roles(self) -> Self:
        roles = OBJECTIVES[self.objective].needed_roles
        for role in self.needs:
            if role not in roles:
                raise rule("needs: the role", f"{json.dumps(role)} is not known: {suggestion(role, roles)}")
        return self


def network_settings(given: Any, where: str = "", *more: type[Settings]) -> NetworkSettings:
    """Settings of a network from a raw mapping: architecture + objective + training, and the keys of `more` classes.

    where: full name of the network in the configuration, for errors.
    Raises UserError that names the key, its value and what is allowed.
    """
    chosen = [_chosen(key, names, given, where) for key, names in _CHOICES.items()]
    return _combined(*chosen, *more).checked(given, where)


_CHOICES = {"architecture": ARCHITECTURES, "objective": OBJECTIVES}


def _chosen(key: str, classes: dict[str, type[Settings]], given: Any, where: str) -> type[Settings]:
    """The class that a key of the settings selects; the key is checked before all others."""
    if not isinstance(given, dict):
        raise UserError(f"{where or 'the whole'} is {listed([given])}, expected an object with {key}")
    if key not in given:
        raise UserError(f"{where or 'the settings'} lacks {key}: one of {listed(classes)}")
    check_known(given[key], classes, join(where, key))
    return classes[given[key]]


@cache
def _combined(*parts: type[Settings]) -> type[NetworkSettings]:
    return create_model(" + ".join(part.__name__ for part in parts), __base__=(*parts, NetworkSettings))


def truncation_of(network: NetworkSettings) -> int | None:
    """Truncation of a network, None also where its objective has no chain."""
    return getattr(network, "truncation", None)


def has_sharpness(network: NetworkSettings) -> bool:
    """Whether a network is conditioned on the adversarial weight."""
    return getattr(network, "sharpness", False)


def reads_neighbours(network: NetworkSettings) -> bool:
    """Whether a network is conditioned on the slices below and above."""
    return getattr(network, "neighbours", False)


def check_metabolites(network: NetworkSettings, metabolites: list[str], where: str = "") -> None:
    """Raise UserError unless a network that is conditioned on the metabolite has as many as there are."""
    if getattr(network, "metabolite", False) and network.metabolites != len(metabolites):
        raise UserError(
            f"{join(where, 'metabolites')} is {network.metabolites}, but the cohort has {len(metabolites)} metabolites:"
            f" {listed(metabolites)}"
        )


def check_needed(role: str, needing: NetworkSettings, needed: NetworkSettings, where: str) -> None:
    """Raise UserError unless a needed network has learned what its role in the other's objective asks for."""
    fitting = OBJECTIVES[needing.objective].needed_roles[role]
    if needed.objective not in fitting:
        raise UserError(f"{where} has learned {needed.objective}, but a {role} learns {' or '.join(fitting)}")
    if truncation_of(needed):
        raise UserError(
            f"{where} makes the noisy map at truncation {truncation_of(needed)}, but a {role} makes the map"
        )
    if has_sharpness(needed):
        raise UserError(f"{where} has sharpness, but a {role} cannot be conditioned on the adversarial weight")


class PlannedKeys(Settings):
    """Keys of a network in the configuration beside its settings: what folds differ in, and what changes no weight."""

    folds: dict = Field(
        {},
        description="settings of single folds by their number, such as {3: {learning_rate: 2.0e-4}}; all but"
        " architecture, objective and needs",
    )
    checkpoint_every: int = Field(
        1000, ge=1, le=10**9, description="iterations between checkpoints; the weights do not depend on it"
    )


@dataclass(frozen=True)
class PlannedNetwork:
    """A network of the configuration: its settings, and those of the folds that differ, by number."""

    settings: NetworkSettings
    checkpoint_every: int
    folds: dict[int, "PlannedNetwork"]

    @classmethod
    def checked(cls, given: Any, metabolites: list[str], where: str) -> "PlannedNetwork":
        """A network from its raw entry.

        metabolites: of the cohort; a network that is conditioned on them and gives no number takes theirs.
        Raises UserError as network_settings does, and for what a fold cannot have of its own.
        """
        whole = network_settings(_with_metabolites(given, metabolites), where, PlannedKeys)
        common, folds = {key: value for key, value in given.items() if key != "folds"}, {}
        for fold, changes in _of_folds(whole.folds, f"{where}.folds").items():
            folds[fold] = cls.checked(common | changes, metabolites, f"{where}.folds.{fold}")
        own = {key: getattr(whole, key) for key in type(whole).model_fields if key not in PlannedKeys.model_fields}
        parts = ARCHITECTURES[whole.architecture], OBJECTIVES[whole.objective]
        return cls(_combined(*parts).model_construct(**own), whole.checkpoint_every, folds)

    def of_fold(self, fold: int | None) -> "PlannedNetwork":
        """The network as it is trained in a fold; None for the folds that have nothing of their own."""
        return self.folds.get(fold, self)


def _of_folds(folds: dict, where: str) -> dict[int, dict]:
    """Changes of each fold by its number: YAML's keys are numbers, JSON's are text."""
    own: dict[int, dict] = {}
    for key, changes in sorted(folds.items(), key=str):
        if isinstance(key, bool) or not str(key).isdecimal() or int(key) < 1:
            raise UserError(f"{where} has the fold {shown(key)}, expected whole numbers from 1")
        if int(key) in own:
            raise UserError(f"{where} names fold {key} twice, as a number and as text: put its settings together")
        if not isinstance(changes, dict):
            raise UserError(f"{where}.{key} is {shown(changes)}, expected an object of settings")
        for name in SAME_IN_ALL_FOLDS:
            if name in changes:
                raise UserError(f"{where}.{key}.{name} is given, but a fold cannot have its own {name}: name a network")
        own[int(key)] = changes
    return own


def _with_metabolites(given: Any, metabolites: list[str]) -> Any:
    """A raw network with the number of metabolites, where it is conditioned on them and gives no number."""
    if isinstance(given, dict) and given.get("metabolite") is True:
        return {"metabolites": len(metabolites)} | given
    return given
