"""Qualitative figure: one slice by all methods, with MRI, maps in one window, absolute errors and colour bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrsi_sr.cli import UserError
from mrsi_sr.evaluation.metrics import in_region, nrmse
from mrsi_sr.evaluation.samples import Samples, check_sampled_from, samples_record
from mrsi_sr.kspace import Truncation
from mrsi_sr.report.figures import axial, style
from mrsi_sr.results.outputs import check_made_from
from mrsi_sr.scan import low_resolution
from mrsi_sr.scan.slices import MRI_FACTOR, ParticipantSlices, files_of
from mrsi_sr.settings.experiment import REGIONS, FigureSettings

MIDDLE = 1  # index of the middle one of the three MRI slices in a map's slice
ERROR_PERCENTILE = 99.5  # percentile of all methods' errors at the end of their colour bar
LABEL_CHARACTERS_PER_INCH = 14  # at 7 points
LEFT, RIGHT = 0.005, 0.94  # edges of the panels in parts of the width; right of them are the colour bar's numbers
GAP, BAR = 0.04, 0.07  # gap between panels and width of a colour bar, in panels
LINE_INCH = 0.125  # height of a line of title or caption
CAPTION_CHARACTERS = 160  # length of a caption's line at the width of a page
TUMOUR_METABOLITE = "tCho"  # choline is raised in gliomas: shown by default


@dataclass(frozen=True)
class Panel:
    """Panel of the figure: a super-resolved map [H, W] in its unit, its label and NRMSE."""

    label: str
    map: np.ndarray
    nrmse: float


@dataclass(frozen=True)
class Picture:
    """Content of the figure: slice (row s) and metabolite (column m) of the ground truth, and each method's map."""

    truth: ParticipantSlices
    s: int
    m: int
    panels: list[Panel]
    caption: str

    @property
    def true_map(self) -> np.ndarray:
        """True map [H, W], zero where it is invalid."""
        return np.where(self.truth.valid[self.s, self.m], self.truth.maps[self.s, self.m], 0)


def compose(
    folders: Sequence[Path], slices: Sequence[str], measured: Sequence[str], settings: FigureSettings
) -> Picture:
    """Content of the figure, from folders of samples, slices.npz and files of measured k-space.

    The zero-filled map is the first panel: a method's where one samples it, else from the measured k-space. Raises
    UserError where the methods have no participant in common, another protocol, or no such map.
    """
    records = {folder: samples_record(folder) for folder in folders}
    for folder, record in records.items():
        for fact in ("protocol", "fold"):
            asked = getattr(settings, fact)
            if asked not in (None, record[fact]):
                raise UserError(
                    f"{folder} was sampled in the {fact} '{record[fact]}', the figure is of '{asked}'\n"
                    f"  give samples of one {fact} only"
                )
    by_method = {record["method"]: folder for folder, record in records.items()}
    methods = settings.methods or tuple(by_method)
    if missing := [name for name in methods if name not in by_method]:
        raise UserError(f"no samples of method {', '.join(missing)}\n  available: {', '.join(by_method)}")
    common = set.intersection(*({file.stem for file in by_method[name].glob("*.npz")} for name in methods))
    if not common:
        raise UserError(f"{', '.join(methods)} have no participant in common\n  give samples of one fold")
    files = files_of(sorted(common), slices)
    truth, s, m = choose([ParticipantSlices.load(path) for path in files.values()], settings)
    panels = []
    for name in methods:
        record = records[by_method[name]]
        check_sampled_from(record, by_method[name], [files[truth.participant]])
        samples = Samples.load(by_method[name] / f"{truth.participant}.npz")
        new = panel(settings.labels.get(name, name), samples, truth, s, m, settings)
        panels.insert(0 if record["sampler"]["kind"] == "zero_filled" else len(panels), new)
    if not any(records[by_method[name]]["sampler"]["kind"] == "zero_filled" for name in methods):
        own = files_of([truth.participant], measured)[truth.participant]
        check_made_from(own, files[truth.participant])
        panels.insert(0, zero_filled(own, truth, s, m, settings))
    return Picture(truth, s, m, panels, caption(truth, s, m, settings))


def choose(truths: Sequence[ParticipantSlices], settings: FigureSettings) -> tuple[ParticipantSlices, int, int]:
    """Slices of the participant, row of the slice and column of the metabolite to show.

    By default the participant and slice with the largest lesion, or with most brain where there is no lesion, and tCho,
    or else the first metabolite with a map; the first of equals. Raises UserError where the chosen map does not exist.
    """
    candidates = []
    for truth in sorted(truths, key=lambda truth: truth.participant):
        for s, k in enumerate(truth.slices.tolist()):
            for m, name in enumerate(truth.metabolites):
                fits = (
                    settings.participant in (None, truth.participant)
                    and settings.slice in (None, k)
                    and settings.metabolite in (None, name)
                )
                if fits and truth.valid[s, m].any():
                    rank = (truth.lesion[s].sum(), truth.brain[s].sum(), name == TUMOUR_METABOLITE)
                    candidates.append((rank, truth, s, m))
    if not candidates:
        chosen = {name: getattr(settings, name) for name in ("participant", "slice", "metabolite")}
        available = ", ".join(f"{t.participant} (slices {t.slices.min()}-{t.slices.max()})" for t in truths)
        raise UserError(
            "no map of " + ", ".join(f"{name} {value}" for name, value in chosen.items() if value is not None) + "\n"
            f"  available: {available}\n  with metabolites {', '.join(truths[0].metabolites)}"
        )
    return max(candidates, key=lambda candidate: candidate[0])[1:]


def panel(label: str, samples: Samples, truth: ParticipantSlices, s: int, m: int, settings: FigureSettings):
    """Panel of a method: its first sample of the map. Raises UserError where it has none."""
    wanted = (truth.slices[s], truth.metabolites[m], settings.size)
    found = (samples.slice == wanted[0]) & (samples.metabolite == wanted[1]) & (samples.size == wanted[2])
    if not found.any():
        sizes = ", ".join(map(str, np.unique(samples.size)))
        raise UserError(
            f"{samples.path} has no map of slice {wanted[0]}, {wanted[1]}, size {wanted[2]}\n"
            f"  it has sizes {sizes}: sample this size, or choose another"
        )
    first = np.flatnonzero(found)[np.argmin(samples.sample[found])]
    return scored(label, samples.maps[first], truth, s, m, settings.protocol)


def zero_filled(path: str | Path, truth: ParticipantSlices, s: int, m: int, settings: FigureSettings):
    """Panel of the zero-filled map, from the measured k-space in low_resolution-PROTOCOL.npz."""
    import torch

    frame = truth.maps.shape[-1]
    measured = low_resolution.read(path, truth, settings.protocol, [settings.size])[settings.size]
    kspace = torch.from_numpy(measured[s, m])
    image = Truncation(settings.protocol, frame).image(kspace[None, None])[0, 0].numpy()
    return scored("Zero-filled", image * truth.valid[s, m], truth, s, m, settings.protocol)


def scored(label: str, estimate: np.ndarray, truth: ParticipantSlices, s: int, m: int, protocol: str) -> Panel:
    """Panel with its NRMSE over the voxels that count in the protocol's tables."""
    region = REGIONS[protocol][0]
    maps = in_region(estimate[None], truth.maps[s, m][None], truth.valid[s, m][None], region)
    return Panel(label, maps[0][0], float(nrmse(*maps)[0]))


def caption(truth: ParticipantSlices, s: int, m: int, settings: FigureSettings) -> str:
    """Caption: participant, slice, metabolite, size, and how to read the figure."""
    frame = truth.maps.shape[-1]
    where = "inside the quality mask" if settings.protocol == "clean" else "over the whole frame"
    origin = [f"experiment {settings.experiment}"] if settings.experiment else []
    origin += [f"fold {settings.fold}"] if settings.fold else []
    origin += [f"protocol {settings.protocol}"]
    lesion = " Dashed: outline of the lesion." if truth.lesion[s].any() else ""
    phantom = " Simulated phantom, not a patient." if settings.phantom else ""
    return (
        f"{truth.participant}, slice {truth.slices[s]}, {truth.metabolites[m]}, {settings.size}×{settings.size} to "
        f"{frame}×{frame} (upscaling factor {frame / settings.size:.3g}); {', '.join(origin)}. Above: maps in one "
        f"window; below: absolute error. NRMSE {where}.{lesion} {axial.convention(truth.affine).capitalize()}.{phantom}"
    )


def draw(picture: Picture, png: str | Path, pdf: str | Path) -> None:
    """Draw the figure at page width: FLAIR above T1, then each method's map above its error, then the ground truth."""
    style.apply()
    columns = len(picture.panels) + 2
    # Square panels: the columns, a colour bar of width BAR and the gaps fill the width from LEFT to RIGHT.
    side = style.PAGE_INCH * (RIGHT - LEFT) / ((columns + BAR) * (1 + GAP * columns / (columns + 1)))
    lines = fill(picture.caption, CAPTION_CHARACTERS)
    points = 7 if side > 0.9 else 5.5  # many methods, narrow panels
    characters = int(LABEL_CHARACTERS_PER_INCH * side * 7 / points)
    titles = [
        fill(panel.label, characters, break_on_hyphens=False) + f"\nNRMSE {panel.nrmse:.3f}" for panel in picture.panels
    ]
    top = LINE_INCH * (max(title.count("\n") for title in titles) + 1) + 0.1
    bottom = LINE_INCH * (lines.count("\n") + 1) + 0.12
    height = (2 + GAP) * side + top + bottom
    figure = plt.figure(figsize=(style.PAGE_INCH, height))
    grid = figure.add_gridspec(
        2, columns + 1, width_ratios=[1] * columns + [BAR], left=LEFT, right=RIGHT, top=1 - top / height,
        bottom=bottom / height, wspace=GAP, hspace=GAP,
    )  # fmt: skip
    axes = [[figure.add_subplot(grid[row, column]) for column in range(columns)] for row in range(2)]
    _mri(picture, [row[0] for row in axes])
    _maps(picture, figure, titles, points, axes[0][1:], figure.add_subplot(grid[0, -1]))
    _errors(picture, figure, axes[1][1:])
    figure.text(LEFT, 0.06 / height, lines, fontsize=6, va="bottom", linespacing=1.25)
    style.save(figure, png, pdf)


def _mri(picture: Picture, axes: Sequence[Axes]) -> None:
    truth, lesion = picture.truth, picture.truth.lesion[picture.s]
    for ax, name, slab in zip(axes, ("FLAIR", "T1"), (truth.flair, truth.t1), strict=True):
        style.show(ax, _crop(picture, slab[picture.s, MIDDLE], MRI_FACTOR), style.MRI_COLOUR_MAP)
        ax.text(0.02, 0.98, name, color="white", transform=ax.transAxes, va="top", fontsize=7)
        _outline(picture, ax, lesion, MRI_FACTOR)
        axial.name_side(ax, truth.affine)


def _maps(
    picture: Picture, figure: Figure, titles: Sequence[str], points: float, axes: Sequence[Axes], bar: Axes
) -> None:
    high = float(picture.true_map.max())
    shown = [*(panel.map for panel in picture.panels), picture.true_map]
    for ax, title, values in zip(axes, [*titles, "Ground truth"], shown, strict=True):
        masked = np.where(values == 0, np.nan, values)  # dark where there is no map, not the colour of a low value
        drawn = style.show(ax, _crop(picture, masked), style.METABOLITE_COLOUR_MAP, 0, high)
        ax.set_title(title, pad=3, linespacing=1.15, fontsize=points)
        _outline(picture, ax, picture.truth.lesion[picture.s])
    style.colour_bar(figure, drawn, bar, f"{picture.truth.metabolites[picture.m]} ({picture.truth.unit})")


def _errors(picture: Picture, figure: Figure, axes: Sequence[Axes]) -> None:
    errors = [np.abs(panel.map - picture.true_map) for panel in picture.panels]
    high = max(float(np.percentile(np.stack(errors)[:, _inside(picture)], ERROR_PERCENTILE)), np.finfo(np.float32).tiny)
    for ax, error in zip(axes, errors, strict=False):
        drawn = style.show(ax, _crop(picture, error), style.ERROR_COLOUR_MAP, 0, high)
        _outline(picture, ax, picture.truth.lesion[picture.s])
    axes[-1].axis("off")
    style.colour_bar(figure, drawn, axes[-1].inset_axes([0.02, 0, BAR, 1]), f"|error| ({picture.truth.unit})")


def _inside(picture: Picture) -> np.ndarray:
    truth = picture.truth
    return truth.brain[picture.s] | truth.valid[picture.s, picture.m]


def _crop(picture: Picture, image: np.ndarray, factor: int = 1) -> np.ndarray:
    """Shown part of an image [x, y]. factor: image voxels along each edge of a map voxel."""
    return axial.shown(image, axial.window(_inside(picture)), picture.truth.affine, factor)


def _outline(picture: Picture, ax: Axes, lesion: np.ndarray, factor: int = 1) -> None:
    axial.outline(ax, _crop(picture, lesion), factor)
