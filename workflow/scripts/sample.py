"""Super-resolve the test or validation participants of one fold with one method."""

import argparse
from pathlib import Path

from mrsi_sr.cli import paths_by_role, positive, run, whole_numbers
from mrsi_sr.results.names import check_name
from mrsi_sr.settings.base import read_object
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of
from mrsi_sr.settings.method import MethodSettings, PlannedMethod
from mrsi_sr.settings.network import network_settings
from mrsi_sr.settings.sampler import SAMPLERS


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sample.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=explained()
    )
    parser.add_argument("--method", required=True, metavar="NAME", help="method name to record in the results")
    parser.add_argument("--settings", required=True, metavar="JSON|@FILE", help=f"the method's {SETTINGS_FLAG}")
    parser.add_argument(
        "--network-settings", default="{}", metavar="JSON", help="settings of the networks, as for train.py, by role"
    )
    parser.add_argument(
        "--weights", action="append", default=[], metavar="ROLE=SAFETENSORS", help="trained weights; once for each role"
    )
    parser.add_argument(
        "--slices",
        required=True,
        nargs="+",
        type=Path,
        metavar="NPZ",
        help="slices.npz of the participants who are sampled",
    )
    parser.add_argument(
        "--low-resolution", required=True, nargs="+", type=Path, metavar="NPZ",
        help="measured k-space of the same participants",
    )  # fmt: skip
    parser.add_argument("--folds", required=True, type=Path, metavar="CSV", help="table of participant, fold, part")
    parser.add_argument("--fold", required=True, type=int, metavar="F", help="the fold to sample, from 1")
    parser.add_argument(
        "--protocol", required=True, choices=["paper", "clean"], help="protocol of truncation and scaling"
    )
    parser.add_argument("--sizes", required=True, metavar="N,N,..", help="low-resolution matrix sizes to start from")
    parser.add_argument(
        "--batch-size", type=positive, default=PlannedMethod.model_fields["batch_size"].default, metavar="N",
        help="number of maps sampled at a time; the maps do not depend on it (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="out: PARTICIPANT.npz each, and provenance.json"
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: a GPU if any")
    parser.add_argument("--threads", type=int, metavar="N", help="number of CPU threads (default: torch's)")
    return parser


def explained() -> str:
    """Settings of a method, and the keys of each kind of sampler."""
    kinds = [help_of(settings, title=f"keys of a sampler of kind {kind}") for kind, settings in SAMPLERS.items()]
    return "\n".join([help_of(MethodSettings), *kinds])


def main(arguments: argparse.Namespace) -> None:
    check_name(arguments.method, "--method")
    settings = MethodSettings.from_text(arguments.settings)
    networks = {
        role: network_settings(given, f"--network-settings.{role}")
        for role, given in read_object(arguments.network_settings, "--network-settings").items()
    }
    weights, sizes = paths_by_role("--weights", arguments.weights), whole_numbers("--sizes", arguments.sizes)

    from mrsi_sr import devices  # late: torch takes seconds to import, an error above must not
    from mrsi_sr.sampling.fold import sample_fold

    sample_fold(
        arguments.method, settings, networks=networks, weights=weights, slices=arguments.slices,
        low_resolution=arguments.low_resolution, table=arguments.folds, fold=arguments.fold,
        protocol=arguments.protocol, sizes=sizes, batch_size=arguments.batch_size, out=arguments.out,
        device=devices.choose(arguments.device, arguments.threads),
    )  # fmt: skip


if __name__ == "__main__":
    run(main, parser())
