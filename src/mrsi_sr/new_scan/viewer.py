"""Slice viewer of a super-resolved scan for its page: nilearn's viewer of every map, and the numbers in each voxel.

nilearn writes each map as a page of its own, with its scripts and the MRI in it. Here their parts are kept once: a page
of nilearn is a list of parts, which the scan's page puts together in a frame as soon as the map is chosen.
"""

import base64
import gc
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import matplotlib
import numpy as np

from mrsi_sr.new_scan.overview import PERCENTILE, shown_slice
from mrsi_sr.new_scan.result import SuperResolved
from mrsi_sr.new_scan.scan import NewScan
from mrsi_sr.report.figures import style
from mrsi_sr.scan import grid
from mrsi_sr.scan.slices import MRI_FACTOR

FINER = 2  # voxels of the viewer along an edge of a target voxel in plane
LARGE = re.compile(r"(<script>.{1000,}?</script>|(?<=base64,)[A-Za-z0-9+/=]{200,})", re.DOTALL)
START = "brainsprite({"  # in nilearn's page, followed by the parameters of its viewer
OWN_START = "parent.openViewer(brainsprite, {"  # web/viewer.js, which follows the cursor
MISSING = 65535  # value of a voxel without a number
SCALE = MISSING - 1
KINDS = {"mean": "super-resolved", "sd": "standard deviation", "zero_filled": "zero-filled"}


@dataclass
class Parts:
    """Parts of pages, each kept once."""

    texts: list[str] = field(default_factory=list)

    def of(self, page: str) -> list[int]:
        """Positions of a page's parts."""
        return [self._position(text) for text in LARGE.split(page) if text]

    def _position(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text)


def content(result: SuperResolved, reasons: dict[int, str]) -> dict:
    """Content of the viewer as JSON holds it; web/viewer.js reads it.

    reasons: words of the bits of the scan's reasons.
    """
    scan = result.scan
    window = _Window.of(scan)
    background = _background(scan)
    to_voxel = np.linalg.inv(window.affine) @ background.affine
    parts = Parts()
    with _little_garbage():
        maps = [
            {"name": name, "kind": kind, "unit": "" if "/" in name else scan.unit, "values": _encoded(window.cut(maps))}
            | {"parts": parts.of(_page(maps, kind, window, background))}
            for kind, name, maps in _maps(result)
        ]
    return {
        "maps": maps, "parts": parts.texts, "kinds": {kind: KINDS[kind] for kind in KINDS if getattr(result, kind)},
        "shape": list(window.shape), "slices": [int(k) for k in scan.slices], "toVoxel": to_voxel.tolist(),
        "toViewer": np.linalg.inv(to_voxel).tolist(), "start": window.start(scan),
        "reasons": {
            name: _base64(window.cut(scan.reasons[:, m]).astype(np.uint8)) for m, name in enumerate(scan.metabolites)
        },
        "words": {str(bit): words for bit, words in reasons.items()},
    }  # fmt: skip


def _maps(result: SuperResolved) -> Iterator[tuple[str, str, np.ndarray]]:
    """Kind, name and maps [S, F, F] of all that can be looked at."""
    for kind in KINDS:
        for name, maps in getattr(result, kind).items():
            yield kind, name, maps


@dataclass(frozen=True)
class _Window:
    """Box of the target grid around the valid voxels of a scan: slices of the frame, and its affine."""

    x: slice
    y: slice
    affine: np.ndarray
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, scan: NewScan) -> "_Window":
        inside = scan.brain.any(axis=0) | scan.valid.any(axis=(0, 1))
        x, y = (slice(int(at[0]), int(at[-1]) + 1) for at in (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0)))
        affine = grid.translated(scan.target.framed_affine, [x.start, y.start, int(scan.slices[0])])
        return cls(x, y, affine, (x.stop - x.start, y.stop - y.start, len(scan.slices)))

    def cut(self, maps: np.ndarray) -> np.ndarray:
        """Maps [S, F, F] in the box, [X, Y, S]."""
        return np.ascontiguousarray(np.moveaxis(maps[:, self.x, self.y], 0, -1))

    def start(self, scan: NewScan) -> list[int]:
        """Voxel of the box to begin with: the middle of the lesion, or of the brain, in the overview's slice."""
        s = shown_slice(scan)
        has_lesion = scan.lesion is not None and scan.lesion[s].any()
        i, j = np.argwhere(scan.lesion[s] if has_lesion else scan.brain[s]).mean(axis=0).round()
        return [int(i) - self.x.start, int(j) - self.y.start, s]


def _background(scan: NewScan):
    """FLAIR, or else T1, or else the brain, as an image of isotropic voxels along the axes of the scan's space."""
    import nibabel
    from nilearn.image import resample_img

    window = _Window.of(scan)
    mri = scan.flair if scan.flair is not None else scan.t1
    if mri is None:
        values, affine = window.cut(scan.brain.astype(np.float32)), window.affine
    else:
        x, y = (slice(each.start * MRI_FACTOR, each.stop * MRI_FACTOR) for each in (window.x, window.y))
        stacked = mri[:, :, x, y].reshape(-1, x.stop - x.start, y.stop - y.start)
        values, affine = np.moveaxis(stacked, 0, -1), grid.finer(window.affine)
    edge = float(min(grid.voxel_mm(window.affine)[:2])) / FINER
    return resample_img(
        nibabel.Nifti1Image(values, affine), target_affine=np.diag([edge] * 3), force_resample=True, copy_header=True,
        interpolation="nearest" if mri is None else "linear",
    )  # fmt: skip


@contextmanager
def _little_garbage() -> Iterator[None]:
    """Let garbage collections pass over all that exists: nilearn asks for one whenever it looks at an image."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _page(maps: np.ndarray, kind: str, window: _Window, background) -> str:
    """nilearn's page of a map. Voxels are shown as they are; those without a value are clear."""
    import nibabel
    from nilearn.plotting import view_img

    known = maps[np.isfinite(maps)]
    high = float(np.percentile(known, PERCENTILE)) if known.size and known.max() > 0 else 1.0
    least = 1e-6 * high
    shown = np.nan_to_num(np.where(maps > least, maps, np.where(np.isfinite(maps), 2 * least, 0)))
    # The outer half of the outermost voxels is shown only where there are voxels around them.
    image = nibabel.Nifti1Image(
        np.pad(window.cut(shown.astype(np.float32)), 1), grid.translated(window.affine, [-1, -1, -1])
    )
    # Figures of ours have their first row below; nilearn's mosaic of slices has it above.
    with warnings.catch_warnings(), matplotlib.rc_context({"image.origin": "upper"}):
        warnings.simplefilter("ignore")  # of a threshold that hides nothing
        view = view_img(
            image, bg_img=background, vmin=0, vmax=high, threshold=least, symmetric_cmap=False,
            resampling_interpolation="nearest", black_bg=True, cut_coords=(0, 0, 0),
            cmap=style.ERROR_COLOUR_MAP if kind == "sd" else style.METABOLITE_COLOUR_MAP,
        )  # fmt: skip
    assert START in view.html, "nilearn's viewer begins in another way than that of the version in constraints.txt"
    return view.html.replace(START, OWN_START)


def _encoded(values: np.ndarray) -> dict:
    """Values as 16-bit integers between the least and the largest, exact to a 65,000th of their range."""
    known = np.isfinite(values)
    low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 0.0)
    step = (high - low) / SCALE or 1.0
    integers = np.where(known, np.round((np.nan_to_num(values) - low) / step), MISSING)
    return {"low": low, "step": step, "integers": _base64(integers.astype("<u2"))}


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
