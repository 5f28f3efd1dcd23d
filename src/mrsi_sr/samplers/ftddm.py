"""FTDDM: a flow draws the map at the truncation point, a truncated diffusion chain finishes it."""

from torch import Tensor

from mrsi_sr.maps.condition import Condition
from mrsi_sr.samplers.flow import drawn, shared_context
from mrsi_sr.samplers.truncated import finished


def ftddm(networks: dict, condition: Condition, noise, *, flow_temperature: float, **chain) -> tuple[Tensor, int]:
    """Invert the flow at a draw of its latents, then walk the truncated chain down (FTDDM, algorithm 1).

    flow.sample(context, temperature, z) is lines 1 to 3: it inverts the flow at mean + temperature x standard deviation
    x z, z standard normal [B, H * W]. `finished` is lines 4 to 7; chain: its settings.
    """
    flow, flat = networks["flow"], condition.mask.flatten(1)
    x = drawn(flow, shared_context(flow, condition), flow_temperature, noise(flat))
    return finished(networks["denoiser"], x, condition, noise, **chain)
