"""Settings of a method: a row of a table, made of a sampler and the names of the networks that it uses."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mrsi_sr.cli import UserError
from mrsi_sr.diffusion.betas import cosine_betas, solvable_steps
from mrsi_sr.results.provenance import fingerprint
from mrsi_sr.settings.base import Settings, Sizes, SweptValue, Words
from mrsi_sr.settings.errors import join, listed, rule
from mrsi_sr.settings.network import NetworkSettings, has_sharpness, truncation_of
from mrsi_sr.settings.sampler import SAMPLERS
from mrsi_sr.settings.sampler_base import Sampler
from mrsi_sr.settings.subset import Subset

SIZE_ROLE = re.compile(r"size_(\d+)")  # of a method with a network for each low-resolution size
Weights = Literal["best", "last"]
Part = Literal["test", "validation"]
COSTLY = (
    "kind",
    "steps",
    "solver",
    "spacing",
)  # keys of samplers of which a sweep's points would differ in cost or meaning
AnySampler = Annotated[reduce(or_, SAMPLERS.values()), Field(discriminator="kind")]


class Sweep(Settings):
    """Values of one key of a method's sampler: every map is sampled with each, in one job."""

    key: str = Field(description="key of the sampler, such as temperature, adversarial_weight or conditioned_size")
    values: Annotated[list[SweptValue], Field(min_length=2, max_length=100)] = Field(
        description="values of the key, in the order of tables and figures; of conditioned_metabolite, the"
        " configuration takes the cohort's metabolites where none are given"
    )
    nearest: int | None = Field(
        None,
        ge=1,
        le=100,
        description="number of values that are sampled of a map, those nearest to its own size (conditioned_size);"
        " null: all",
    )


class MethodSettings(Settings):
    """How a method makes its maps. It trains nothing."""

    sampler: AnySampler = Field(description="kind of the sampler, and the keys of that kind")
    networks: dict[str, str] = Field({}, description="networks by role; the sampler's kind decides the roles")
    weights: Weights | dict[str, Weights] = Field(
        "best",
        description="weights of the networks: best (of lowest validation loss), last (end of training), or one of them"
        " for each role",
    )
    samples: int = Field(1, ge=1, le=10_000, description="number of samples of each map")
    draws: int = Field(
        1,
        ge=1,
        le=10_000,
        description="number of draws of the sampler that each sample is the mean of, with the network evaluations of"
        " all of them",
    )
    seed: int = Field(1, ge=0, le=2**63 - 1, description="seed of the sampling noise")
    sweep: Sweep | None = Field(None, description="values of one key of the sampler; null: the sampler as it is")
    part: Part = Field(
        "test",
        description="participants of the fold that are sampled: test, or validation, by whom methods are chosen before"
        " anybody is tested",
    )
    subset: Subset = Field(Subset.of(), description="part of these participants' maps that is sampled")

    @model_validator(mode="after")
    def _sweeps_over_a_key_of_the_sampler(self) -> Self:
        if self.sweep is None:
            return self
        known = [key for key in type(self.sampler).model_fields if key not in COSTLY]
        if self.sweep.key not in known:
            raise rule("sweep.key", f"is {self.sweep.key}, expected one of {listed(known)}")
        if self.sweep.nearest is not None and self.sweep.key != "conditioned_size":
            raise rule("sweep.nearest", f"is given, but the key is {self.sweep.key}: only sizes are near a map's size")
        try:
            names = list(self.points)
        except UserError as error:
            raise rule("sweep.values", f"are not all allowed: {error}") from None
        if len(names) < len(self.sweep.values):
            raise rule("sweep.values", f"are {listed(self.sweep.values)}, expected values that differ in six digits")
        return self

    @model_validator(mode="after")
    def _roles_are_the_samplers(self) -> Self:
        """The networks have the sampler's roles: all of them, optional ones, or a role for each size instead."""
        names, kind = self.networks, self.sampler
        needed, optional = set(kind.networks), set(kind.optional_networks)
        by_size = kind.by_size and names and all(size_of_role(role) for role in names)
        if not (by_size or needed <= set(names) <= needed | optional):
            also = f", or {listed(optional)} as well" if optional else ""
            also += ", or one for each size (size_8, size_10, ..)" if kind.by_size else ""
            raise rule(
                "networks",
                f"names {listed(names)}, but the sampler {kind.kind} needs {listed(sorted(needed))}{also}",
            )
        return self

    @model_validator(mode="after")
    def _draws_differ(self) -> Self:
        """Only draws that differ have a mean of their own. At some points of a sweep they may be equal."""
        if self.draws > 1 and not any(sampler.is_random for sampler in self.points.values()):
            raise rule(
                "draws",
                f"is {self.draws}, but the sampler {self.sampler.kind} draws no noise with these settings: expected 1,"
                " since all draws of a map are equal",
            )
        return self

    @model_validator(mode="after")
    def _weights_are_of_the_networks(self) -> Self:
        if isinstance(self.weights, dict) and set(self.weights) != set(self.networks):
            raise rule("weights", f"names the roles {listed(self.weights)}, expected {listed(self.networks)}")
        return self

    @property
    def points(self) -> dict[str, Sampler]:
        """Sampler of each point of the sweep by the point's name; of a method without a sweep, its sampler by ""."""
        if self.sweep is None:
            return {"": self.sampler}
        return {point_of(value): self.sampler | {self.sweep.key: value} for value in self.sweep.values}

    def points_at(self, size: int) -> list[str]:
        """Points that are sampled of a map of this low-resolution size, in the order of the sweep."""
        points = self.points
        if self.sweep is None or self.sweep.nearest is None:
            return list(points)
        distance = {point: abs(sampler.conditioned_size - size) for point, sampler in points.items()}
        near = sorted(points, key=distance.__getitem__)[: self.sweep.nearest]
        return [point for point in points if point in near]

    def weights_of(self, role: str) -> str:
        """Weights that are used of a role's network, best or last."""
        return self.weights if isinstance(self.weights, str) else self.weights[role]


class PlannedMethod(MethodSettings):
    """A method of the configuration: its settings, and keys that change no map."""

    label: Words = Field(
        description="name of the method in tables and figures; {truncation}, {diffusion_steps}, {steps} and other keys"
        " of its sampler and networks stand for their values, {value} for a sweep's"
    )
    sizes: Sizes | None = Field(
        None, description="low-resolution sizes that it is sampled and scored at; null: the experiment's evaluate_sizes"
    )
    batch_size: int = Field(
        64, ge=1, le=10_000, description="number of maps sampled at a time; the maps do not depend on it"
    )

    @property
    def settings(self) -> MethodSettings:
        """The part that decides the method's maps."""
        return MethodSettings.model_construct(**{key: getattr(self, key) for key in MethodSettings.model_fields})


Networks = Mapping[str, NetworkSettings]  # by role


def point_of(value: float | str) -> str:
    """Name of a point of a sweep, as in METHOD@0.2: its value with up to six digits."""
    return value if isinstance(value, str) else f"{value:g}"


def at_point(method: str, point: str) -> str:
    """Name of a method at one point of its sweep: METHOD@VALUE, or METHOD where it has none."""
    return f"{method}@{point}" if point else method


def split_point(name: str) -> tuple[str, str]:
    """Method and point in METHOD@VALUE; the point is "" where there is none."""
    method, _, point = name.partition("@")
    return method, point


def sampling_fingerprint(method: MethodSettings, networks: Networks) -> str:
    """A short hash of the settings that decide a method's maps: its own and its networks'."""
    return fingerprint(method.plain(), {role: network.plain() for role, network in networks.items()})


def size_of_role(role: str) -> int | None:
    """The low-resolution size that a role is for: 16 of size_16, None of others."""
    match = SIZE_ROLE.fullmatch(role)
    return int(match[1]) if match else None


def check_role(sampler: Sampler, role: str, network: NetworkSettings, where: str) -> None:
    """Raise UserError unless a network can do what its role in the sampler needs."""
    kind, size = sampler.kind, size_of_role(role)
    fitting = (sampler.networks | sampler.optional_networks)["network" if size else role]
    if network.objective not in fitting:
        raise UserError(f"{where} has learned {network.objective}, but the sampler {kind} needs {' or '.join(fitting)}")
    if size and network.sizes and size not in network.sizes:
        raise UserError(f"{where} is trained on the sizes {listed(network.sizes)}, but its role is {role}")
    if not sampler.starts and truncation_of(network):
        raise UserError(
            f"{where} makes the noisy map at truncation {truncation_of(network)}, but the sampler {kind} needs the map"
        )
    weighted = getattr(sampler, "adversarial_weight", None) is not None
    if has_sharpness(network) != weighted:
        raise UserError(
            f"{where} has {'no ' if weighted else ''}sharpness, but the sampler {kind} conditions it"
            f" on {'an' if weighted else 'no'} adversarial_weight"
        )


def check_needs(method: MethodSettings, networks: Networks, where: str) -> None:
    """Raise UserError unless a method uses beside each network just those that it was trained with."""
    names = method.networks
    needed_roles = {role for network in networks.values() for role in network.needs}
    for user, network in networks.items():
        for role, needed in network.needs.items():
            if names.get(role) != needed:
                raise UserError(
                    f"{where}: {names[user]} was trained with {needed} as {role}, but the method has"
                    f" {names.get(role, 'none')}"
                )
    for role in sorted(set(names) & set(method.sampler.optional_networks) - needed_roles):
        raise UserError(f"{where}: none of the other networks was trained with {names[role]} as {role}")


def check_needed_weights(method: MethodSettings, networks: Networks, where: str) -> None:
    """Raise UserError unless a method uses the best weights of what its other networks were trained beside."""
    for role in {role for network in networks.values() for role in network.needs}:
        if method.weights_of(role) != "best":
            raise UserError(
                f"{where}.weights is {method.weights_of(role)} for {role}, expected best: the other network was"
                f" trained beside those\n  give a word for each role, such as {{flow: last, {role}: best}}"
            )


def check_sizes_covered(method: MethodSettings, sizes: Iterable[int], where: str) -> None:
    """Raise UserError unless a method with a network for each size has one for each of these."""
    present = {size_of_role(role) for role in method.networks} - {None}
    lacking = [f"size_{size}" for size in sizes if present and size not in present]
    if lacking:
        raise UserError(f"{where} lacks networks for {listed(lacking)}: it has {listed(sorted(method.networks))}")


def check_chain(sampler: Sampler, networks: Networks, where: str) -> None:
    """Raise UserError unless a sampler's networks share one diffusion chain that is as long as the sampler needs."""
    if not sampler.starts:
        return
    denoiser = networks["denoiser"]
    if sampler.starts == "noise" and denoiser.truncation is not None:
        raise UserError(
            f"{where}.networks.denoiser has learned the first {denoiser.truncation} steps only, but the sampler"
            f" {sampler.kind} starts from pure noise: expected a network with truncation null"
        )
    if sampler.starts == "draw":
        _check_same_chain(sampler.kind, networks, where)
    _check_steps(sampler, denoiser, join(where, "sampler.steps"))


def _check_same_chain(kind: str, networks: Networks, where: str) -> None:
    """What one network draws is where the other one starts."""
    denoiser = networks["denoiser"]
    if denoiser.truncation is None:
        raise UserError(
            f"{where}.networks.denoiser has truncation null, but the sampler {kind} starts at the truncation point:"
            f" expected a number of steps"
        )
    for role, network in networks.items():
        for key in ("diffusion_steps", "truncation"):
            if getattr(network, key, None) != getattr(denoiser, key):
                raise UserError(
                    f"{where}.networks: {key} is {json.dumps(getattr(network, key, None))} for {role} and"
                    f" {json.dumps(getattr(denoiser, key))} for denoiser, expected the same: what {role} draws is where"
                    f" the denoiser starts"
                )


def _check_steps(sampler: Sampler, denoiser: NetworkSettings, where: str) -> None:
    """A sampler of fewer steps finds them in the denoiser's chain."""
    steps, chain = getattr(sampler, "steps", None), denoiser.truncation or denoiser.diffusion_steps
    if steps is None:
        return
    if sampler.kind == "respaced":
        if steps > chain:
            raise UserError(f"{where} is {steps}, expected at most diffusion_steps, which is {chain}")
        return
    most = solvable_steps(cosine_betas(denoiser.diffusion_steps)[:chain]) - 1
    if steps > most:
        raise UserError(
            f"{where} is {steps}, expected at most {most}: so many lie between the step that DPM-Solver++ starts at"
            f" and the first, in a chain of {chain}"
        )
