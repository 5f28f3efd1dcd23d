"""Train one network on one fold."""

import argparse
from pathlib import Path

from mrsi_sr.cli import paths_by_role, positive, run, whole_numbers
from mrsi_sr.settings.architecture import ARCHITECTURES
from mrsi_sr.settings.base import read_object
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of
from mrsi_sr.settings.network import NetworkSettings, PlannedKeys, network_settings
from mrsi_sr.settings.objective import OBJECTIVES


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="train.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=explained()
    )
    parser.add_argument("--settings", required=True, metavar="JSON|@FILE", help=f"the network's {SETTINGS_FLAG}")
    parser.add_argument(
        "--slices", required=True, nargs="+", type=Path, metavar="NPZ", help="slices.npz of every participant"
    )
    parser.add_argument("--folds", required=True, type=Path, metavar="CSV", help="table of participant, fold, part")
    parser.add_argument("--fold", required=True, type=int, metavar="F", help="the fold to train on, from 1")
    parser.add_argument(
        "--protocol", required=True, choices=["paper", "clean"], help="protocol of truncation and scaling"
    )
    parser.add_argument(
        "--low-resolution", choices=["masked", "filled", "refitted"], default="masked",
        help="maps that low-resolution ones are made of: masked (default), or with rejected voxels inside the brain"
        " filled, as a scan is; refitted: scans that were fitted anew, see --refitted",
    )  # fmt: skip
    parser.add_argument(
        "--refitted", nargs="+", default=[], type=Path, metavar="NPZ",
        help="files of truncate.py --refitted of every participant, with --low-resolution refitted",
    )  # fmt: skip
    parser.add_argument(
        "--sizes", required=True, metavar="N,N,..",
        help="low-resolution matrix sizes to train on, unless the settings have their own",
    )  # fmt: skip
    parser.add_argument(
        "--needs", action="append", default=[], metavar="ROLE=SAFETENSORS",
        help="weights of a network that the training needs; once for each role of settings' needs",
    )  # fmt: skip
    parser.add_argument("--needs-settings", default="{}", metavar="JSON", help="settings of those networks, by role")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all randomness (default: 1)")
    parser.add_argument(
        "--checkpoint-every", type=positive, default=PlannedKeys().checkpoint_every, metavar="N",
        help="iterations between checkpoints (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR",
        help="out: best.safetensors (of lowest validation loss), last.safetensors, losses.csv and provenance.json",
    )  # fmt: skip
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: a GPU if any")
    parser.add_argument("--threads", type=int, metavar="N", help="number of CPU threads (default: torch's)")
    return parser


def explained() -> str:
    """Settings of every network, and those that each architecture and each objective add."""
    parts = [("architecture", ARCHITECTURES), ("objective", OBJECTIVES)]
    added = [
        help_of(settings, title=f"with {key} {name}") for key, classes in parts for name, settings in classes.items()
    ]
    return "\n".join([help_of(NetworkSettings), *added])


def main(arguments: argparse.Namespace) -> None:
    settings = network_settings(read_object(arguments.settings, "--settings"))
    needs = paths_by_role("--needs", arguments.needs)
    needed = {
        role: network_settings(given, f"--needs-settings.{role}")
        for role, given in read_object(arguments.needs_settings, "--needs-settings").items()
    }
    sizes = whole_numbers("--sizes", arguments.sizes)

    from mrsi_sr import devices  # late: torch takes seconds to import, an error above must not
    from mrsi_sr.training.fold import train_fold

    train_fold(
        settings, slices=arguments.slices, table=arguments.folds, fold=arguments.fold, protocol=arguments.protocol,
        sizes=sizes, needs=needs, needed=needed, seed=arguments.seed, checkpoint_every=arguments.checkpoint_every,
        low_resolution=arguments.low_resolution, refitted=arguments.refitted, out=arguments.out,
        device=devices.choose(arguments.device, arguments.threads),
    )  # fmt: skip


if __name__ == "__main__":
    run(main, parser())
