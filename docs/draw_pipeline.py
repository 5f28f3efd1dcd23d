"""Drawing of docs/pipeline.svg: the way of the data from LCModel output to tables, with pictures of a phantom.

Run as `python docs/draw_pipeline.py`. The workflow's scripts simulate the phantom and prepare its slices; nothing is
trained. docs/result.png is drawn by workflow/scripts/figure.py from samples of the demo (zero_filled and
munet_fs_cwgan, tCho, size 16).
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from mrsi_sr.kspace import Truncation, to_kspace
from mrsi_sr.report.figures import style
from mrsi_sr.scan.slices import ParticipantSlices
from mrsi_sr.scan.volumes import Volumes

SCRIPTS = Path(__file__).parents[1] / "workflow" / "scripts"
STAGES = (  # title, explanation, rules
    ("LCModel output and MRI", "metabolic maps with %SD, S/N\nand line width; T1 and FLAIR", "ingest"),
    ("Quality mask", "low S/N, broad lines, lipid near\nthe skull, outliers: rejected", "mask, montage"),
    ("Slices", "axial slices with enough valid\nvoxels, with T1 and FLAIR", "slices"),
    ("K-space truncation", "simulated scans of 13 lower\nresolutions, 8×8 to 32×32", "truncate"),
    ("Train", "MUNets, diffusion models, flows\non the training participants", "folds, train"),
    ("Sample", "super-resolved map from low-\nresolution map, T1 and FLAIR", "sample"),
    ("Score", "error against the ground truth:\nNRMSE, PSNR, SSIM, LPIPS", "evaluate"),
    ("Tables and figures", "means, tests between methods,\nmaps and errors", "table, compare, figure"),
)
LABELS = {0: "For each participant", 4: "For each fold, network and method", 7: "For each experiment"}
WIDTH, HEIGHT, BOX, GAP, HEADER = style.PAGE_INCH, 3.7, (1.62, 1.54), 0.17, 0.3  # inch
SHOWN, SIZE, WINDOW = 20, 16, slice(8, 56)  # slice of the scan, low-resolution size, shown voxels along x and y
DARK, LIGHT, CENTRED = "#444444", "#9a9a9a", {"ha": "center", "va": "center"}
arrow = partial(FancyArrowPatch, arrowstyle="-|>", mutation_scale=9, shrinkA=0, shrinkB=0, color=DARK, lw=0.8)
Picture = tuple[str, Callable[[Axes], None]]  # caption, and function that draws into axes


def main() -> None:
    style.apply()
    figure = Figure((WIDTH, HEIGHT))
    canvas = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, HEIGHT))
    canvas.axis("off")
    with tempfile.TemporaryDirectory() as folder:
        pictures = pictures_of_stages(*phantom(Path(folder)))
    for number, images in enumerate(pictures):
        draw_stage(figure, canvas, number, images)
    with matplotlib.rc_context({"svg.hashsalt": "pipeline"}):  # equal figures are equal bytes
        figure.savefig(Path(__file__).with_name("pipeline.svg"), metadata={"Date": None})


def corner(number: int) -> tuple[float, float]:
    """Lower left corner of a stage's box in inch; four boxes in a row."""
    return GAP / 2 + number % 4 * (BOX[0] + GAP), HEIGHT - (number // 4 + 1) * (BOX[1] + HEADER)


def draw_stage(figure: Figure, canvas: Axes, number: int, images: list[Picture]) -> None:
    (x, y), (width, height), (title, explanation, rules) = corner(number), BOX, STAGES[number]
    middle, top, side = x + width / 2, y + height, min(0.62, (width - 0.08) / len(images) - 0.04)
    canvas.add_patch(FancyBboxPatch((x, y), width, height, "round,pad=0,rounding_size=0.06", fc="#f5f5f5", ec=DARK))
    canvas.text(middle, top - 0.13, title, weight="bold", fontsize=7.5, **CENTRED)
    canvas.text(middle, y + 0.37, explanation, fontsize=6.5, linespacing=1.15, **CENTRED)
    canvas.text(middle, y + 0.13, rules, fontsize=6, family="DejaVu Sans Mono", color=DARK, **CENTRED)
    canvas.text(x + 0.2 * (number == 4), top + 0.06, LABELS.get(number, ""), fontsize=7.5, style="italic")
    for k, (caption, draw) in enumerate(images):
        left, bottom = middle + (k - len(images) / 2) * (side + 0.04) + 0.02, y + 0.95 - side / 2
        canvas.text(left + side / 2, bottom - 0.03, caption, fontsize=5.5, ha="center", va="top", color=DARK)
        axes = figure.add_axes((left / WIDTH, bottom / HEIGHT, side / WIDTH, side / HEIGHT), facecolor="none")
        style.no_ticks(axes)
        draw(axes)
    if number % 4:
        canvas.add_patch(arrow((x - GAP, y + height / 2), (x, y + height / 2)))
    elif number:  # from the end of the row above
        last = corner(number - 1)
        canvas.plot([last[0] + width / 2] * 2 + [x + 0.1] * 2, [last[1], *[top + 0.22] * 2, top + 0.1], DARK, lw=0.8)
        canvas.add_patch(arrow((x + 0.1, top + 0.22), (x + 0.1, top)))


def pictures_of_stages(scan: Volumes, taken: ParticipantSlices) -> list[list[Picture]]:
    """Pictures of each stage, from the volumes and slices of one participant."""
    k = list(taken.slices).index(SHOWN)
    raw, truth, valid = scan.concentration["tCho"][:, :, SHOWN], taken.maps[k, 0], taken.valid[k, 0]
    fitted, high = np.isfinite(raw), np.percentile(truth[valid], 99)
    low = Truncation("clean").truncate(torch.from_numpy(truth)[None, None], SIZE)[0, 0].numpy() * valid
    spectrum = to_kspace(torch.from_numpy(truth)).abs().log().numpy()

    def choline(caption: str, values: np.ndarray, shown: np.ndarray = valid) -> Picture:
        image = np.where(shown, values, np.nan)[WINDOW, WINDOW]
        return caption, partial(style.show, image=image, colour_map=style.METABOLITE_COLOUR_MAP, high=high)

    def mri(caption: str, image: np.ndarray) -> Picture:
        fine = slice(3 * WINDOW.start, 3 * WINDOW.stop)
        return caption, partial(style.show, image=image[k, 1][fine, fine], colour_map=style.MRI_COLOUR_MAP)

    def rejected(axes: Axes) -> None:
        choline("", raw, fitted)[1](axes)
        axes.imshow(np.ma.masked_equal(fitted & ~valid, 0)[WINDOW, WINDOW].T, cmap="gray", vmin=0, vmax=1)

    def k_space(axes: Axes) -> None:
        style.show(axes, spectrum, style.MRI_COLOUR_MAP, np.percentile(spectrum, 5), spectrum.max())
        for n in (8, 16, 32):
            axes.add_patch(Rectangle((32 - n / 2, 32 - n / 2), n, n, fill=False, ec="white", lw=0.8))

    error = partial(
        style.show, image=np.abs(low - truth)[WINDOW, WINDOW], colour_map=style.ERROR_COLOUR_MAP, high=high / 3
    )
    t1, flair, measured = mri("T1", taken.t1), mri("FLAIR", taken.flair), choline(f"{SIZE}×{SIZE}", low)
    return [
        [choline("choline", raw, fitted), t1, flair],
        [choline("fitted voxels", raw, fitted), ("rejected: white", rejected)],
        [choline(f"slice {taken.slices[j]}", taken.maps[j, 0], taken.valid[j, 0]) for j in (k - 3, k, k + 3)],
        [("k-space, windows", k_space), measured],
        [("network", draw_network), ("loss", draw_loss)],
        [measured, t1, flair],
        [choline("zero-filled", low), choline("ground truth", truth), ("error", error)],
        [("table", draw_table), choline("figure", truth)],
    ]


def draw_network(axes: Axes) -> None:
    for level, height in enumerate((0.9, 0.6, 0.35, 0.6, 0.9)):  # resolution of a U-shaped network
        axes.add_patch(Rectangle((0.04 + 0.2 * level, 0.5 - height / 2), 0.12, height, fc=LIGHT, ec=DARK, lw=0.6))


def draw_loss(axes: Axes) -> None:
    t = np.linspace(0, 1, 60)
    axes.plot(t, np.exp(-5 * t) + 0.05 * np.sin(40 * t) * np.exp(-2 * t) + 0.1, DARK)
    axes.set(xlim=(-0.08, 1.05), ylim=(-0.05, 1.2))
    axes.spines[["left", "bottom"]].set_visible(True)


def draw_table(axes: Axes) -> None:
    for row in range(5):
        axes.plot([0.02, 0.98], [0.1 + 0.2 * row] * 2, DARK, lw=0.9 if row > 2 else 0.4)
        for column in range(3 * (row < 4)):
            axes.plot([0.06 + 0.33 * column, 0.26 + 0.33 * column], [0.2 + 0.2 * row] * 2, LIGHT, lw=2)


def phantom(folder: Path) -> tuple[Volumes, ParticipantSlices]:
    """Volumes and slices of a simulated participant."""
    images = ["--brain-mask", "scan/brain_mask.nii.gz", "--t1", "scan/t1.nii.gz"]
    for script, *flags in (
        ("simulate", "--participant", "sub-01", "--seed", "1", "--settings", '{"slices": [16, 25]}', "--out", "scan"),
        ("ingest", "--lcmodel", "scan/lcmodel", "--pattern", "multivoxel", "--reference", "scan/reference.nii.gz",
         "--metabolites", "tCho", "--out", "volumes"),
        ("mask", "--volumes", "volumes", *images, "--out", "mask"),
        ("slices", "--participant", "sub-01", "--volumes", "volumes", "--mask", "mask", "--metabolites", "tCho",
         "--unit", "mM", *images, "--flair", "scan/flair.nii.gz", "--out", "slices.npz"),
    ):  # fmt: skip
        subprocess.run([sys.executable, SCRIPTS / f"{script}.py", *flags], cwd=folder, check=True)
    return Volumes.load(folder / "volumes", ["tCho"]), ParticipantSlices.load(folder / "slices.npz")


if __name__ == "__main__":
    main()
