"""Draw one slice by all methods: MRI, maps, truth and absolute errors, as PNG and PDF."""

import argparse
from pathlib import Path

from mrsi_sr.cli import run


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--samples", required=True, nargs="+", type=Path, help="folders that sample.py wrote, of one fold")
    p.add_argument("--slices", required=True, nargs="+", help="slices.npz of the participants; may be more")
    p.add_argument("--low-resolution", required=True, nargs="+", help="low_resolution npz of the participants")
    p.add_argument(
        "--settings",
        required=True,
        help='JSON {"size": 16, "protocol", and where wanted "participant", "slice", "metabolite" (null: the largest '
        'lesion), "methods": [names in order], "fold", "experiment", "phantom"}',
    )
    p.add_argument("--out-png", required=True, help="PNG file to write")
    p.add_argument("--out-pdf", required=True, help="PDF file to write")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr import settings
    from mrsi_sr.figures import qualitative

    figure_settings = settings.read(qualitative.QualitativeSettings, arguments.settings, "figure")
    picture = qualitative.compose(arguments.samples, arguments.slices, arguments.low_resolution, figure_settings)
    qualitative.draw(picture, arguments.out_png, arguments.out_pdf)


if __name__ == "__main__":
    run(main, parser())
