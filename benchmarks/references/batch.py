"""A batch of random maps, measured and conditioned as in training: the time of a step does not depend on the values."""

import torch
from torch.nn.functional import interpolate

from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.condition import Condition
from mrsi_sr.maps.dataset import Batch
from mrsi_sr.scan.slices import MRI_FACTOR
from mrsi_sr.settings.protocol import SIZES

METABOLITES = 7


def random_batch(maps: int, grid: int = 64, sizes=SIZES, seed: int = 0) -> Batch:
    """Smooth maps in [0, 1] on grid x grid inside a disc, each with its own size, metabolite and adversarial weight."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.linspace(-1, 1, grid)
    mask = (axis[:, None] ** 2 + axis**2 < 0.8).to(axis.dtype).expand(maps, 1, grid, grid)
    # Smooth, as maps are: MS-SSIM has steep gradients where two images share no structure.
    target = interpolate(torch.rand(maps, 1, 9, 9, generator=generator), size=(grid, grid), mode="bilinear") * mask
    size = torch.tensor(sizes)[torch.randint(len(sizes), (maps,), generator=generator)]
    truncation = Truncation("clean", grid)
    kspace = truncation.measure(target, size)
    condition = Condition(
        truncation.image(kspace), kspace, truncation, mask,
        *torch.rand(2, maps, MRI_FACTOR, MRI_FACTOR * grid, MRI_FACTOR * grid, generator=generator),
        size, torch.randint(METABOLITES, (maps,), generator=generator), 0.1 * torch.rand(maps, generator=generator),
    )  # fmt: skip
    return Batch(target, condition, torch.ones(maps, 1, 1, 1))
