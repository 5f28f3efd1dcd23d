"""TDPM: a generator draws the map at the truncation point, a truncated diffusion chain finishes it."""

from torch import Tensor

from mrsi_sr.maps.condition import Condition
from mrsi_sr.networks.roles import generated
from mrsi_sr.samplers.truncated import finished


def tdpm(networks: dict, condition: Condition, noise, **chain) -> tuple[Tensor, int]:
    """Generate the map at the truncation point from noise, then walk the chain down (Zheng et al. 2022, section 3).

    chain: settings of `finished`.
    """
    denoiser = networks["denoiser"]
    x = generated(networks["generator"], noise(condition.mask), condition, denoiser.schedule.steps - 1)
    return finished(denoiser, x, condition, noise, **chain)
