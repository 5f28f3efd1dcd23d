"""U-Net of the denoiser's layers that makes maps: in one pass, as a regressor, or as a part of a sampler."""

import torch
from torch import Tensor, nn

from mrsi_sr.maps.condition import Condition
from mrsi_sr.networks.unet_layers import Embedding, UNetLayers

STEPS_PER_UNIT = 1000  # the embedding's sinusoids are made for steps of a chain of 1000


class UNet(UNetLayers):
    """U-Net with the layers of FTDDM's denoiser (section 2.3) whose output is a change of a map.

    | input | is |
    |---|---|
    | state x [B, 1, H, W] | what a sampler has reached, or a noise field; zero for a regressor |
    | centre [B, 1, H, W] | the map that is changed: the zero-filled one, or a regressor's |
    | mask, zero-filled map, T1, FLAIR | the condition, and with `neighbours` two slices' zero-filled maps |
    | time, span [B] in [0, 1] | where a sampler is on its path, and how far it goes in one evaluation |
    | noise [B, n] | random vector that scales and shifts features, beside the embedding |
    """

    def __init__(
        self, channels: list[int], residual_blocks: int, attention_at: list[int], heads: int, normalisation: str,
        neighbours: bool, noise: int, consistency: str,
    ):  # fmt: skip
        """The arguments are explained in settings/architecture.py."""
        embedding = PathEmbedding(channels[0], noise)
        inputs = 6 + 2 * neighbours
        super().__init__(inputs, embedding, channels, residual_blocks, attention_at, heads, normalisation)
        self.neighbours, self.noise = neighbours, noise
        # The logarithm of how wrong the network's own estimate of what was measured is thought to be.
        self.doubt = nn.Parameter(torch.tensor(0.05).log()) if consistency == "soft" else None

    def forward(self, condition: Condition, **inputs: Tensor) -> Tensor:
        """A map [B, 1, H, W], zero outside the mask: the centre, changed, and consistent with the measurement.

        inputs: as `change` takes them.
        """
        centre = inputs.get("centre", condition.low_resolution)
        return self.consistent(condition, centre + self.change(condition, **inputs)) * condition.mask

    def change(
        self, condition: Condition, *, state: Tensor | None = None, centre: Tensor | None = None,
        time: Tensor | None = None, span: Tensor | None = None, noise: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The layers' output [B, 1, H, W] before consistency and mask. Inputs left out are zero, but for the centre."""
        low = condition.low_resolution
        centre = low if centre is None else centre
        state = torch.zeros_like(low) if state is None else state
        x = [state, centre, condition.mask, low, condition.t1_low, condition.flair_low]
        x += [condition.neighbours] if self.neighbours else []
        start = low.new_zeros(len(low))
        time, span = (start if each is None else each for each in (time, span))
        return self.layers(torch.cat(x, dim=1), self.embedding(time, span, condition.upscaling_factor, noise))

    def consistent(self, condition: Condition, x: Tensor) -> Tensor:
        """Data consistency of maps x [B, 1, H, W]: exact, or as far as the measurement's noise asks for.

        Softly, k-space of a map is the mean of its own and the measured one, weighted by what both are trusted: the
        measurement by its noise, the network's own by a number that is trained.
        """
        measured = condition.consistent(x)
        if self.doubt is None or condition.noise is None:
            return measured
        variance = (2 * self.doubt).exp()
        weight = variance / (variance + condition.noise.square())
        return x + weight.view(-1, 1, 1, 1) * (measured - x)


class PathEmbedding(nn.Module):
    """Embedding of time, span, upscaling factor and, where there is one, a random vector."""

    def __init__(self, sinusoids: int, noise: int):
        super().__init__()
        hidden = 4 * sinusoids
        self.width = 2 * hidden
        self.time = Embedding(sinusoids, upscaling_factor=True)
        self.span = Embedding(sinusoids, upscaling_factor=False)
        self.noise = nn.Linear(noise, hidden, bias=False) if noise else None

    def forward(self, time: Tensor, span: Tensor, factor: Tensor, noise: Tensor | None) -> Tensor:
        """time, span and upscaling factor [B], noise [B, n] or None, as zeros -> [B, width]."""
        of_path, of_factor = self.time(STEPS_PER_UNIT * time, factor).chunk(2, dim=1)
        of_path = of_path + self.span(STEPS_PER_UNIT * span, factor)
        if noise is not None:
            of_path = of_path + self.noise(noise)
        return torch.cat([of_path, of_factor], dim=1)
