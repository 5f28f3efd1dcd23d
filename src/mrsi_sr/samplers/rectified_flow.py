"""Rectified flow: a few straight steps from a regressor's map, with noise, to a sample."""

from torch import Tensor, nn

from mrsi_sr.maps.condition import Condition
from mrsi_sr.networks.roles import starting_map
from mrsi_sr.samplers.repeated import mean_of


def rectified_flow(
    networks: dict[str, nn.Module], condition: Condition, noise, *, starting_noise: float, least_steps: int,
    most_steps: int,
) -> tuple[Tensor, int]:  # fmt: skip
    """Euler steps of the learned velocity from time 0 to 1. NFE: the regressor's, and the most steps of a map.

    The more bandwidth is missing, the more steps a map has: the binary logarithm of its upscaling factor, rounded up.
    networks: `mean`, the regressor, and `network`, trained by the objective rectified_flow.
    Returns maps [B, 1, H, W] that are consistent with the measurement.
    """
    network, mean = networks["network"], mean_of(networks["mean"], condition)
    x = starting_map(mean, noise(condition.mask), condition, starting_noise)
    number = condition.upscaling_factor.log2().ceil().clamp(least_steps, most_steps)
    most = int(number.max())
    for step in range(most):
        going = (number > step).nonzero()[:, 0]
        part, length = condition.select(going), 1 / number[going]
        velocity = network.change(part, state=x[going], centre=mean[going], time=step * length)
        x[going] = x[going] + length.view(-1, 1, 1, 1) * velocity * part.mask
    return network.consistent(condition, x) * condition.mask, 1 + most
