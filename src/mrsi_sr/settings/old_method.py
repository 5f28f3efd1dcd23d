"""A method's settings: a row of a table, made of a sampler and the names of the networks that it uses."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mrsi_sr.cli import UserError
from mrsi_sr.results.provenance import fingerprint
from mrsi_sr.settings.old_base import Settings, check, check_known, chosen, join, listed, schema, without
from mrsi_sr.settings.old_network import as_list

SIZE_ROLE = re.compile(r"size_(\d+)")  # of a method with a network for each low-resolution size
WEIGHTS = ("best", "last")
CONFIGURED = "method-configured"  # the schema of what the configuration says of a method beside its settings


@dataclass(frozen=True)
class MethodSettings(Settings):
    """The keys of workflow/schemas/method.schema.yaml, which explains them; sampler with its kind's own keys."""

    kinds = ("method",)
    sampler: dict
    networks: dict[str, str]
    weights: str | dict[str, str]
    samples: int
    seed: int

    @classmethod
    def complete(cls, given: dict, where: str = "") -> dict:
        """Check and fill in the method and its sampler; it names a network for each role that the sampler has."""
        method = super().complete(given, where)
        place = join(where, "sampler")
        kind = chosen("sampler", "kind", method["sampler"], place)
        method["sampler"] = check(["sampler", f"sampler-{kind}"], method["sampler"], place)
        _check_roles(method["networks"], schema(f"sampler-{kind}"), f"the sampler {kind}", join(where, "networks"))
        _check_weights(method, where)
        return method

    def weights_of(self, role: str) -> str:
        """Which of a role's weights are used, best or last."""
        return self.weights if isinstance(self.weights, str) else self.weights[role]


@dataclass(frozen=True)
class ConfiguredMethod(MethodSettings):
    """A method of the configuration: its settings, and the keys of method-configured.schema.yaml."""

    kinds = ("method", CONFIGURED)
    label: str
    batch_size: int


def sampling_settings(configured: dict) -> dict:
    """The part of a method of the configuration that decides its maps: what sample.py is given."""
    return without(CONFIGURED, configured)


def sampling_fingerprint(settings: dict, networks: dict[str, dict]) -> str:
    """A short hash of the settings that decide a method's maps: its own and, by role, its networks', all complete."""
    return fingerprint(settings, networks)


def size_of_role(role: str) -> int | None:
    """The low-resolution size that a role is for: 16 of size_16, None of others."""
    match = SIZE_ROLE.fullmatch(role)
    return int(match[1]) if match else None


def check_role(sampler: dict, role: str, network: dict, where: str) -> None:
    """Raise UserError unless a network, given by its settings, can do what its role in the sampler needs."""
    kind, size = sampler["kind"], size_of_role(role)
    rules = schema(f"sampler-{kind}")
    needed = as_list((rules["x-networks"] | rules.get("x-optional-networks", {}))["network" if size else role])
    if network["objective"] not in needed:
        raise UserError(
            f"{where} has learned {network['objective']}, but the sampler {kind} needs {' or '.join(needed)}"
        )
    if size and network["sizes"] and size not in network["sizes"]:
        raise UserError(f"{where} is trained on the sizes {listed(network['sizes'])}, but its role is {role}")
    if kind in ("single_pass", "flow") and network.get("truncation"):
        raise UserError(
            f"{where} makes the noisy map at truncation {network['truncation']}, but the sampler {kind} needs the map"
        )
    told = sampler.get("adversarial_weight") is not None
    if bool(network.get("sharpness")) != told:
        raise UserError(
            f"{where} has {'no ' if told else ''}sharpness, but the sampler {kind} tells it"
            f" {'an' if told else 'no'} adversarial_weight"
        )


def check_needs(sampler: dict, names: dict[str, str], networks: dict[str, dict], where: str) -> None:
    """Raise UserError unless a method uses beside each network just those that it was trained with.

    names and networks: the networks' names and settings, by the method's roles.
    """
    needed_roles = {role for network in networks.values() for role in network["needs"]}
    for user, network in networks.items():
        for role, needed in network["needs"].items():
            if names.get(role) != needed:
                raise UserError(
                    f"{where}: {names[user]} was trained with {needed} as {role}, but the method has"
                    f" {names.get(role, 'none')}"
                )
    optional = schema(f"sampler-{sampler['kind']}").get("x-optional-networks", {})
    for role in sorted(set(names) & set(optional) - needed_roles):
        raise UserError(f"{where}: none of the other networks was trained with {names[role]} as {role}")


def check_needed_weights(method: dict, networks: dict[str, dict], where: str) -> None:
    """Raise UserError unless a method uses the best weights of what its other networks were trained beside."""
    settings = ConfiguredMethod(**method)
    for role in {role for network in networks.values() for role in network["needs"]}:
        if settings.weights_of(role) != "best":
            raise UserError(
                f"{where}.weights is {settings.weights_of(role)} for {role}, expected best: the other network was"
                f" trained beside those\n  give a word for each role, such as {{flow: last, {role}: best}}"
            )


def check_sizes(names: dict[str, str], sizes: Iterable[int], where: str) -> None:
    """Raise UserError unless a method with a network for each size has one for each of these."""
    held = {size_of_role(role) for role in names} - {None}
    lacking = [f"size_{size}" for size in sizes if held and size not in held]
    if lacking:
        raise UserError(f"{where} lacks networks for {listed(lacking)}: it has {listed(sorted(names))}")


def _check_roles(names: dict[str, str], rules: dict, what: str, where: str) -> None:
    """The method's networks have the sampler's roles: all of them, optional ones, or a role for each size instead."""
    needed, optional = set(rules["x-networks"]), set(rules.get("x-optional-networks", {}))
    by_size = rules.get("x-by-size") and names and all(size_of_role(role) for role in names)
    if not (by_size or needed <= set(names) <= needed | optional):
        also = f", or {listed(optional)} as well" if optional else ""
        also += ", or one for each size (size_8, size_10, ..)" if rules.get("x-by-size") else ""
        raise UserError(f"{where} names {listed(names)}, but {what} needs {listed(sorted(needed))}{also}")


def _check_weights(method: dict, where: str) -> None:
    """Either a word for all roles or one for each."""
    weights, place = method["weights"], join(where, "weights")
    if isinstance(weights, dict) and set(weights) != set(method["networks"]):
        raise UserError(f"{place} names the roles {listed(weights)}, expected {listed(method['networks'])}")
    for word in weights.values() if isinstance(weights, dict) else [weights]:
        check_known(word, WEIGHTS, place)
