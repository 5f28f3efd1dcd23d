"""Floating-point operations of trainings and samplings: counted in the networks themselves, without data or weights.

A multiplication and an addition count as two. A pass back costs twice a pass forward, where weights and inputs have
gradients, and once where inputs alone have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mrsi_sr import networks
from mrsi_sr.networks.discriminator import GRID, Discriminator
from mrsi_sr.scan.slices import MRI_FACTOR
from mrsi_sr.settings.architecture import ARCHITECTURES
from mrsi_sr.settings.network import NetworkSettings, truncation_of
from mrsi_sr.settings.sampler_base import Sampler
from mrsi_sr.workflow.network_table import blank_condition

FORWARD_AND_BACK = 3  # passes forward that a pass forward and back costs
# Of a critic's step: scores of real and of generated maps, forward and back; and the gradient penalty, whose gradient
# by the inputs (2) is itself taken back through both of its passes (4).
CRITIC_PASSES = 2 * FORWARD_AND_BACK + 2 + 4
CRITIC_IN_LOSS = 2  # the network's loss goes through the critic forward, and back to its inputs
SMALLEST = 32  # frame that is counted on where the map's own is a multiple: all but attention goes as its area


@dataclass(frozen=True)
class Passes:
    """Operations of one pass forward for one map. condition, density, inverse: parts of a flow's, 0 of others.

    parameters: number of trainable ones.
    """

    forward: float
    parameters: int
    condition: float = 0
    density: float = 0
    inverse: float = 0


class Counted:
    """Operations of networks on maps of one frame, each architecture counted once in a process."""

    _known: ClassVar[dict[tuple[int, str], Passes]] = {}

    def __init__(self, frame: int):
        self._frame = frame

    def passes(self, settings: NetworkSettings) -> Passes:
        """Passes of a network."""
        key = self._frame, architecture_of(settings)
        if key not in self._known:
            self._known[key] = _count(settings, self._frame)
        return self._known[key]

    def iteration(self, settings: NetworkSettings, needed: Mapping[str, NetworkSettings]) -> float:
        """Operations that an iteration of a training takes for each map of its batch. needed: networks, by role."""
        own = self.passes(settings)
        match settings.objective:
            case "likelihood":
                samples = bool(settings.guide_weight) + bool(settings.data_consistency_weight)
                trained = own.condition + own.density + samples * own.inverse
                return FORWARD_AND_BACK * trained + self._forward(needed)
            case "adversarial":
                critic = critic_pass(settings.critic_channels)
                steps = settings.critic_steps * (own.forward + CRITIC_PASSES * critic)
                return FORWARD_AND_BACK * own.forward + CRITIC_IN_LOSS * critic + steps
            case "ensemble_score":
                return FORWARD_AND_BACK * settings.members * own.forward + self._forward(needed)
            case "shortcut":
                return (FORWARD_AND_BACK + 2 * settings.consistent_share) * own.forward  # two halves of a long step
        return FORWARD_AND_BACK * own.forward + self._forward(needed)

    def validation(self, settings: NetworkSettings, needed: Mapping[str, NetworkSettings]) -> float:
        """Operations of a validation for each of its maps."""
        if settings.objective in ("regression", "adversarial", "noise_prediction"):
            return self.passes(settings).forward
        return (self.iteration(settings, {}) / FORWARD_AND_BACK) + self._forward(needed)

    def sample(self, sampler: Sampler, by_role: Mapping[str, NetworkSettings]) -> float:
        """Operations that one sample of one map takes."""
        times = evaluations(sampler, by_role)
        return sum(number * self.passes(by_role[role]).forward for role, number in times.items())

    def _forward(self, needed: Mapping[str, NetworkSettings]) -> float:
        return sum(self.passes(each).forward for each in needed.values())


def evaluations(sampler: Sampler, by_role: Mapping[str, NetworkSettings]) -> dict[str, float]:
    """Number of evaluations of each role's network for one sample of one map; of networks for sizes, their mean."""
    if not by_role:
        return {}
    if "network" in by_role and "denoiser" not in by_role:
        steps = getattr(sampler, "most_steps", getattr(sampler, "steps", 1))
        return dict.fromkeys(by_role, 1) | {"network": steps}
    if "denoiser" not in by_role:
        sizes = sum(role.startswith("size_") for role in by_role) or 1
        return dict.fromkeys(by_role, 1 / sizes)
    denoiser = by_role["denoiser"]
    chain = truncation_of(denoiser) or denoiser.diffusion_steps
    steps = getattr(sampler, "steps", None)
    solved = sampler.kind == "dpm_solver" or getattr(sampler, "solver", "") == "dpm_solver"
    return dict.fromkeys(by_role, 1) | {"denoiser": (steps + solved) if steps else chain}


def architecture_of(settings: NetworkSettings) -> str:
    """Text of the settings of a network's architecture."""
    keys = ("architecture", *ARCHITECTURES[settings.architecture].model_fields)
    return str([getattr(settings, key) for key in keys])


@cache
def critic_pass(channels: int) -> float:
    """Operations of a critic's pass forward for one input."""
    critic = _unweighted(lambda: Discriminator(channels))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        critic(torch.zeros(1, 4 * MRI_FACTOR, GRID, GRID))
    return counter.get_total_flops()


def _unweighted(build) -> torch.nn.Module:
    """A network whose weights are all zero: drawing them takes longer than to count."""
    with torch.device("meta"):
        network = build()
    network = network.to_empty(device="cpu").eval().requires_grad_(False)
    for each in [*network.parameters(), *network.buffers()]:
        each.zero_()
    return network


def _count(settings: NetworkSettings, frame: int) -> Passes:
    """Count a network's passes on a small frame, and take them for the map's own."""
    small = SMALLEST if frame % SMALLEST == 0 else frame
    area = (frame / small) ** 2
    with torch.device("meta"):
        parameters = networks.count_parameters(networks.build(settings))
    counting = _Counting(_unweighted(lambda: networks.build(settings)), blank_condition(small))
    if settings.architecture != "flow":
        return Passes(area * counting.whole, parameters)
    context, density, inverse = (area * each for each in counting.of_flow)
    return Passes(context + inverse, parameters, context, density, inverse)


@dataclass(frozen=True)
class _Counting:
    """Operations of a network on one map's condition."""

    network: torch.nn.Module
    condition: object

    @property
    def whole(self) -> float:
        from_noise = type(self.network).__name__ == "DenoisingUNet"
        start = [self.condition.low_resolution, torch.zeros(1, dtype=torch.long)] if from_noise else []
        return self._operations(lambda: self.network(*start, self.condition))[0]

    @property
    def of_flow(self) -> tuple[float, float, float]:
        """What depends on the condition alone, a density, an inverse."""
        found, flow = [], self.network
        condition, found = self._operations(lambda: flow.condition(self.condition))
        density, _ = self._operations(lambda: flow.log_prob(self.condition.low_resolution, found))
        inverse, _ = self._operations(lambda: flow.inverse(found.mean, found))
        return condition, density, inverse

    @staticmethod
    def _operations(compute) -> tuple[float, object]:
        # Attention in one kernel would not be seen by the counter; in bfloat16 no convolution takes fewer products.
        plain = torch.autocast("cpu", dtype=torch.bfloat16), sdpa_kernel(SDPBackend.MATH)
        with torch.no_grad(), plain[0], plain[1], FlopCounterMode(display=False) as counter:
            result = compute()
        return counter.get_total_flops(), result
