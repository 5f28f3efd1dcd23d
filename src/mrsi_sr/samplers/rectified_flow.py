"""Rectified flow: a few steps from a regressor's map, with noise, to a sample."""

import torch
from torch import Tensor, nn

from mrsi_sr.maps.condition import Condition
from mrsi_sr.networks.roles import starting_map
from mrsi_sr.samplers.repeated import mean_of


def rectified_flow(
    networks: dict[str, nn.Module], condition: Condition, noise, *, starting_noise: float, least_steps: int,
    most_steps: int,
) -> tuple[Tensor, int]:  # fmt: skip
    """Euler steps of the learned flow. NFE: the regressor's, and the most steps of a map.

    The more bandwidth is missing, the more steps a map has: the binary logarithm of its upscaling factor, rounded up.
    networks: `mean`, the regressor, and `network`, trained by the objective rectified_flow.
    Returns maps [B, 1, H, W] that are consistent with the measurement.

    The flow is that of straight paths, in other coordinates: on the straight line between noise and truth, which are
    independent, the spread of maps falls to 1/sqrt(2) halfway, and few Euler steps never get it back (two keep at most
    half of it, whatever the noise at the start). So steps follow deviations from the expected map, divided by
    sqrt((1 - time)^2 + time^2), over equal angles, whose tangent is time / (1 - time): there the flow of noise with the
    truth's own spread stands still, and Euler steps are exact.
    """
    network, mean = networks["network"], mean_of(networks["mean"], condition) * condition.mask
    start = starting_map(mean, noise(condition.mask), condition, starting_noise)
    velocity = network.change(condition, state=start, centre=mean, time=torch.zeros_like(condition.mask[:, 0, 0, 0]))
    # The start knows nothing of the truth: it leads to the expected map, and the first step changes no deviation.
    expected, deviation = (start + velocity) * condition.mask, start - mean
    number = condition.upscaling_factor.log2().ceil().clamp(least_steps, most_steps)
    most = int(number.max())
    for step in range(1, most):
        going = (number > step).nonzero()[:, 0]
        part, centre, away = condition.select(going), mean[going], deviation[going]
        length = (torch.pi / 2 / number[going]).view(-1, 1, 1, 1)
        sine, cosine = (step * length).sin(), (step * length).cos()
        time = sine / (sine + cosine)
        state = (1 - time) * centre + time * expected[going] + away / (sine + cosine)
        velocity = network.change(part, state=state, centre=centre, time=time.flatten())
        estimate = (state + (1 - time) * velocity) * part.mask
        deviation[going] = away + length * (estimate - expected[going] - sine * away) / cosine
    return network.consistent(condition, expected + deviation) * condition.mask, 1 + most
