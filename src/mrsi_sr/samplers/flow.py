"""Flow sampling: one pass back through a conditional normalizing flow."""

from torch import Tensor, nn

from mrsi_sr.maps.condition import Condition
from mrsi_sr.networks.roles import super_resolved
from mrsi_sr.samplers.repeated import distinct


def flow(networks: dict[str, nn.Module], condition: Condition, noise, *, temperature: float) -> tuple[Tensor, int]:
    """Draw latents and map them back to images (FTDDM equation 11; flow enhancer, section 2.4).

    The temperature multiplies the latents' standard deviation; 0 gives the image of their mean. Repeated samples of a
    map are neighbours in the condition and share what the flow computes of it. With a super_resolver the flow enhances
    that network's map.
    Returns the images [B, 1, H, W], zero outside the mask, and the number of network evaluations: 1, the flow's, as
    FTDDM's Table 1 counts it for the flow enhancer too.
    """
    network = networks["flow"]
    context = shared_context(network, condition, networks.get("super_resolver"))
    return drawn(network, context, temperature, noise(condition.mask.flatten(1))) * condition.mask, 1


def drawn(network: nn.Module, context, temperature: float, noise: Tensor) -> Tensor:
    """Images [B, 1, H, W] of a flow, one per map of the context. Raises UserError where they are not finite."""
    images = network.sample(context, temperature, noise)
    network.check(images)
    return images


def shared_context(network: nn.Module, condition: Condition, super_resolver: nn.Module | None = None):
    """The flow's context of every map, computed once for neighbours that are samples of one map."""
    first, of = distinct(condition)
    return network.condition(super_resolved(condition.select(first), super_resolver)).select(of)
