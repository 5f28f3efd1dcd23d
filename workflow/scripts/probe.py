"""Probe a method with the test participants of one fold: lesions planted and erased, MRI changed, errors split."""

import argparse
from pathlib import Path

from mrsi_sr.cli import paths_by_role, positive, run, whole_numbers
from mrsi_sr.results.names import check_name
from mrsi_sr.settings.base import read_object
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of
from mrsi_sr.settings.method import MethodSettings, PlannedMethod
from mrsi_sr.settings.network import network_settings
from mrsi_sr.settings.probe import ProbeSettings


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=help_of(ProbeSettings)
    )
    p.add_argument("--method", required=True, metavar="NAME", help="method name to record in the results")
    p.add_argument(
        "--settings", required=True, metavar="JSON|@FILE", help=f"the method's {SETTINGS_FLAG}, as for sample.py"
    )
    p.add_argument("--probe", default="{}", metavar="JSON|@FILE", help="settings of the probe: the keys below")
    p.add_argument(
        "--network-settings", default="{}", metavar="JSON", help="settings of the networks, as for train.py, by role"
    )
    p.add_argument(
        "--weights", action="append", default=[], metavar="ROLE=SAFETENSORS", help="trained weights; once for each role"
    )
    p.add_argument(
        "--slices", required=True, nargs="+", type=Path, metavar="NPZ", help="slices.npz of the test participants"
    )
    p.add_argument(
        "--low-resolution", required=True, nargs="+", type=Path, metavar="NPZ",
        help="measured k-space of the test participants",
    )  # fmt: skip
    p.add_argument("--folds", required=True, type=Path, metavar="CSV", help="table of participant, fold, part")
    p.add_argument("--fold", required=True, type=int, metavar="F", help="the fold to probe, from 1")
    p.add_argument("--seed", default=1, type=int, help="seed of training to record in the results (default: 1)")
    p.add_argument("--protocol", required=True, choices=["paper", "clean"], help="protocol of truncation and scaling")
    p.add_argument("--sizes", required=True, metavar="N,N,..", help="low-resolution matrix sizes to start from")
    p.add_argument(
        "--batch-size", type=positive, default=PlannedMethod.model_fields["batch_size"].default, metavar="N",
        help="number of maps sampled at a time; the maps do not depend on it (default: %(default)s)",
    )  # fmt: skip
    p.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="out: PARTICIPANT.npz each, and provenance.json"
    )
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: a GPU if any")
    p.add_argument("--threads", type=int, metavar="N", help="number of CPU threads (default: torch's)")
    return p


def main(arguments: argparse.Namespace) -> None:
    check_name(arguments.method, "--method")
    settings = MethodSettings.from_text(arguments.settings)
    probe = ProbeSettings.from_text(arguments.probe, "--probe")
    networks = {
        role: network_settings(given, f"--network-settings.{role}")
        for role, given in read_object(arguments.network_settings, "--network-settings").items()
    }
    weights, sizes = paths_by_role("--weights", arguments.weights), whole_numbers("--sizes", arguments.sizes)

    from mrsi_sr import devices  # late: torch takes seconds to import, an error above must not
    from mrsi_sr.probing.fold import probe_fold

    probe_fold(
        arguments.method, settings, probe, networks=networks, weights=weights, slices=arguments.slices,
        low_resolution=arguments.low_resolution, table=arguments.folds, fold=arguments.fold, seed=arguments.seed,
        protocol=arguments.protocol, sizes=sizes, batch_size=arguments.batch_size, out=arguments.out,
        device=devices.choose(arguments.device, arguments.threads),
    )  # fmt: skip


if __name__ == "__main__":
    run(main, parser())
