"""Brain of a raw T1: a given mask, deepbet's networks, FSL's bet, or what a stripped image shows.

deepbet (Fisch et al. 2024) is trained on healthy adults and not validated for glioma. Its two networks are the one
exception to safetensors in this project: TorchScript, which is a program, and so is run only where its bytes are those
known here. They lie in deepbet's wheel, of whose code nothing is run.
"""

import hashlib
import io
from importlib import metadata
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log
from mrsi_sr.results.reading import reading
from mrsi_sr.scan import fsl, thresholds
from mrsi_sr.scan.image import Image, read_image

FILE = "brain_mask.nii.gz"  # in the folder of a stripped T1
VERSION = "1.0.2"  # of deepbet
MODELS = {  # networks in its wheel by the side of their input in voxels, each with its SHA-256
    128: ("data/models/bbox_model.pt", "39a7b2b5f799faa1391ea97bfcdc0b9299f20d84f2316a4ff8918dc4685e40aa"),
    256: ("data/models/model.pt", "de8ee7c69654d0dd3935dc4a5d84571d8ecf4637a6bfc01df399c4c2bc86e0fd"),
}
WINDOW = (0.005, 0.995)  # quantiles of the head that become 0 and 1
MEAN, SCALE = 0.449, 0.226  # of the networks' input
MARGIN = 0.1  # of the box around the brain, on each side
IN_BOX = 0.02  # part of a plane's voxels that are brain, where the box begins
PLAUSIBLE_LITRES = (0.6, 2.3)  # of a brain
INSTALL = (
    f"install it: python -m pip install --no-deps deepbet=={VERSION} (or the extra, mrsi-sr[skullstrip])\n"
    "  or give brain_mask in the participants table, or set cohort.mri.strip to bet, or to none where T1 is stripped"
)


def find_brain(t1: str | Path, method: str, brain_mask: str | Path | None = None) -> Image:
    """Brain of a raw T1, bool on its grid: the given mask, in the space of the T1, else as MriSettings.strip says.

    Raises UserError as `brain_of` and thresholds.of_brain_mask.
    """
    head, given = read_image(t1), None
    if brain_mask is not None:
        mask = read_image(brain_mask)
        limit, _ = thresholds.of_brain_mask(mask.values, brain_mask)
        given = Image(mask.values > limit, mask.affine)
    return Image(brain_of(head, method, given, t1), head.affine)


def brain_of(t1: Image, method: str, given: Image | None = None, what: str | Path = "the T1") -> np.ndarray:
    """Brain of a T1 on its grid, bool [X, Y, Z].

    given: a brain mask in the T1's space, on any grid, which is taken where there is one. method: deepbet, bet, or none
    for a T1 that is stripped already. what: the image, for messages.
    Raises UserError where the method is not installed, or no brain is found.
    """
    if given is not None:
        source, brain = "the given mask", given.on_grid_of(t1) > 0.5
    elif method == "none":
        source, brain = "what is above zero in it", _above_air(t1, what)
    else:
        source, brain = method, {"deepbet": deepbet, "bet": fsl.bet}[method](t1)
    litres = np.count_nonzero(brain) * abs(np.linalg.det(t1.affine[:3, :3])) / 1e6
    log.info("%s: the brain has %.2f litres (%s)", what, litres, source)
    if not brain.any():
        raise UserError(f"{what}: no brain was found by {source}\n  give a brain_mask, in the space of the T1")
    if not PLAUSIBLE_LITRES[0] <= litres <= PLAUSIBLE_LITRES[1]:
        log.warning(
            "%s: a brain of %.2f litres is unusual, expected %g to %g: look at the picture, or give a brain_mask",
            what, litres, *PLAUSIBLE_LITRES,
        )  # fmt: skip
    return brain


def deepbet(t1: Image) -> np.ndarray:
    """Brain of a T1-weighted image by deepbet's networks (Fisch et al. 2024), bool [X, Y, Z].

    A first network finds the brain in the whole image, a second one its edge in the box around it.
    Raises UserError where deepbet is not installed, or a network is not the known one.
    """
    log.warning("deepbet is trained on healthy adults and is not validated for glioma: look at the picture")
    return brain_by_networks(t1, *(load_network(wheel_file(name), known) for name, known in MODELS.values()))


def wheel_file(name: str) -> Path:
    """Path of a file of deepbet's wheel. Raises UserError where deepbet is not installed."""
    try:
        return Path(str(metadata.distribution("deepbet").locate_file(name)))
    except metadata.PackageNotFoundError:
        raise UserError(f"deepbet was asked for and is not installed\n  {INSTALL}") from None


def load_network(path: Path, sha256: str):
    """TorchScript network in a file, on the CPU. The bytes that were checked are the bytes that are loaded.

    Raises UserError, before anything of it is run, where its SHA-256 is not the one given.
    """
    import torch

    with reading(path, "a network of deepbet", INSTALL):
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise ValueError(f"its SHA-256 is {found[:16]}.., expected {sha256[:16]}.. of deepbet {VERSION}")
        return torch.jit.load(io.BytesIO(content), map_location="cpu").eval()


def brain_by_networks(t1: Image, coarse, fine, sides: tuple[int, int] = tuple(MODELS)) -> np.ndarray:
    """Brain by two networks that see the whole head and the box around its brain, bool [X, Y, Z].

    coarse, fine: [1, 1, N, N, N] to probabilities of background and brain, [1, 2, N, N, N]. sides: N of each.
    """
    import nibabel
    from scipy.ndimage import binary_fill_holes

    upright = nibabel.orientations.io_orientation(t1.affine)
    head = np.nan_to_num(nibabel.orientations.apply_orientation(t1.values, upright).astype(np.float32))
    small = _at_size(head, (sides[0],) * 3)
    window = np.quantile(small, WINDOW)
    box = _box(_largest(_brain(coarse, small, window)), head.shape)
    probable = _brain(fine, _at_size(head[box], (sides[1],) * 3), window)
    brain = np.zeros(head.shape, bool)
    brain[box] = binary_fill_holes(_largest(_at_size(probable, head[box].shape)))
    back = nibabel.orientations.ornt_transform([[0, 1], [1, 1], [2, 1]], upright)
    return nibabel.orientations.apply_orientation(brain, back)


def _brain(network, values: np.ndarray, window) -> np.ndarray:
    """Where a network sees brain, bool."""
    import torch

    scaled = ((values - window[0]) / max(window[1] - window[0], np.finfo(float).tiny)).clip(0, 1)
    scaled = MEAN + SCALE * (scaled - scaled.mean()) / max(scaled.std(ddof=1), np.finfo(float).tiny)
    with torch.inference_mode():
        return network(torch.from_numpy(scaled.astype(np.float32))[None, None])[0, 1].numpy() > 0.5


def _at_size(values: np.ndarray, shape) -> np.ndarray:
    """Values on a grid of another number of voxels over the same extent: those of the nearest voxel."""
    at = [((np.arange(new) + 0.5) * old / new).astype(int) for new, old in zip(shape, values.shape, strict=True)]
    return values[np.ix_(*at)]


def _largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of a mask."""
    from scipy.ndimage import generate_binary_structure, label

    parts, _ = label(mask, generate_binary_structure(3, 3))
    sizes = np.bincount(parts.ravel())[1:]
    if not sizes.size:
        raise UserError("deepbet found no brain\n  is this a T1 of a whole head? give a brain_mask instead")
    return parts == sizes.argmax() + 1


def _box(brain: np.ndarray, shape) -> tuple[slice, ...]:
    """Box around a brain with its margin, as slices of an image of another shape."""
    box = []
    for axis, size in enumerate(shape):
        planes = np.flatnonzero(np.moveaxis(brain, axis, 0).mean(axis=(1, 2)) > IN_BOX)
        first, last = (planes[0], planes[-1] + 1) if planes.size else (0, brain.shape[axis])
        scale = size / brain.shape[axis]
        centre, extent = np.rint(scale * (first + last) / 2), np.rint((1 + 2 * MARGIN) * scale * (last - first))
        box.append(slice(max(0, int(centre - extent / 2)), min(size, int(centre + extent / 2))))
    return tuple(box)


def _above_air(t1: Image, what: str | Path) -> np.ndarray:
    """Brain that a stripped T1 shows, holes filled."""
    from scipy.ndimage import binary_fill_holes

    values = thresholds.above_air(t1.values, what)
    return binary_fill_holes(values > thresholds.of_brain(values)[0])
