"""Ensemble member: one evaluation of a noise-conditioned network around a regressor's map."""

from torch import Tensor, nn

from mrsi_sr.maps.condition import Condition
from mrsi_sr.samplers.repeated import mean_of


def ensemble_member(networks: dict[str, nn.Module], condition: Condition, noise) -> tuple[Tensor, int]:
    """A member's map [B, 1, H, W]. NFE 2: the regressor's, which all members of a map share, and the member's own.

    networks: `mean`, the regressor, and `network`, trained by the objective ensemble_score.
    """
    network, mask = networks["network"], condition.mask
    field, vector = noise(mask) * mask, noise(mask.new_zeros(len(mask), network.noise))
    return network(condition, state=field, centre=mean_of(networks["mean"], condition), noise=vector), 2
