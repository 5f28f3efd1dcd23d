"""Super-resolve the test participants of one fold with one method."""

import argparse
from dataclasses import asdict
from pathlib import Path

from mrsi_sr.cli import UserError, positive, run
from mrsi_sr.settings.old_base import allowed, default, from_json, help_of


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sample.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(help_of(*each) for each in explained()),
    )
    parser.add_argument("--method", required=True, metavar="NAME", help="of the method, as results are to call it")
    parser.add_argument("--settings", required=True, metavar="JSON", help="the method's settings, see below")
    parser.add_argument("--network-settings", default="{}", metavar="JSON", help="by role, what train.py was given")
    parser.add_argument(
        "--weights", action="append", default=[], metavar="ROLE=SAFETENSORS", help="trained weights; once for each role"
    )
    parser.add_argument("--slices", required=True, nargs="+", metavar="NPZ", help="slices.npz of the test participants")
    parser.add_argument(
        "--low-resolution", required=True, nargs="+", metavar="NPZ", help="measured k-space of the test participants"
    )
    parser.add_argument("--folds", required=True, metavar="CSV", help="table of participant, fold, part")
    parser.add_argument("--fold", required=True, type=int, metavar="F", help="the fold to sample, from 1")
    parser.add_argument("--protocol", required=True, choices=["paper", "clean"], help="of truncation and scaling")
    parser.add_argument("--sizes", required=True, metavar="N,N,..", help="low-resolution matrix sizes to start from")
    parser.add_argument(
        "--batch-size", type=positive, default=default("method-configured", "batch_size"), metavar="N",
        help="maps sampled at a time; they do not depend on it (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="DIR", help="out: PARTICIPANT.npz each, and provenance.json")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: a GPU if any")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: as many as torch takes)")
    return parser


def explained() -> list[tuple[str, str]]:
    """The kinds of settings that a method has, each with its title in the help."""
    kinds = [(f"sampler-{name}", f"keys of a sampler of kind {name}") for name in allowed("sampler", "kind")]
    return [("method", "settings, with their defaults"), ("sampler", "keys of sampler"), *kinds]


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr import devices
    from mrsi_sr.maps import folds
    from mrsi_sr.maps.dataset import sizes_of
    from mrsi_sr.results import checkpoint as checkpoints
    from mrsi_sr.results import claim as claims
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.sampling import participant as sampling
    from mrsi_sr.sampling.method import Method
    from mrsi_sr.scan.slices import files_of
    from mrsi_sr.settings.old_method import MethodSettings
    from mrsi_sr.settings.old_network import resolve_network
    from mrsi_sr.training.trained import paths_of

    weights = paths_of("--weights", arguments.weights)
    settings = MethodSettings.from_json(arguments.settings)
    given = from_json(arguments.network_settings, "--network-settings")
    network_settings = {role: resolve_network(part, f"--network-settings.{role}") for role, part in given.items()}
    sizes = sizes_of(arguments.sizes)
    device = devices.choose(arguments.device, arguments.threads)
    participants = folds.participants_of(folds.load(arguments.folds), arguments.fold, "test")
    if not participants:
        raise UserError(f"fold {arguments.fold} of {arguments.folds} has no test participants")
    slices = files_of(participants, arguments.slices)
    low_resolution = files_of(participants, arguments.low_resolution)
    method = Method(
        arguments.method, settings, network_settings, weights, fold=arguments.fold, protocol=arguments.protocol,
        sizes=sizes, device=device, batch_size=arguments.batch_size,
    )  # fmt: skip
    identity = {"fold": arguments.fold, "protocol": arguments.protocol, "sizes": sizes}
    provenance = Provenance(asdict(settings), [*weights.values(), *slices.values(), *low_resolution.values()])
    fingerprint = checkpoints.fingerprint(
        __file__, method=arguments.method, settings=asdict(settings), network_settings=network_settings,
        participants=participants, data=list(provenance.inputs.values()), **identity,
    )  # fmt: skip
    with claims.taken(Path(arguments.out)) as claim:
        costs = sampling.sample_all(method, slices, low_resolution, arguments.protocol, sizes, claim, fingerprint)
        maps, seconds = (sum(cost[name] for cost in costs) for name in ("maps", "seconds"))
        claim.check()
        provenance.write(
            claim.folder / "provenance.json",
            method=arguments.method,
            sampler=settings.sampler,
            networks=network_settings,
            seed=settings.seed,
            nfe=max(cost["nfe"] for cost in costs),
            seconds_per_slice=seconds / max(maps, 1),
            sampling_seconds=round(seconds, 2),
            parameters=method.parameters,
            maps=maps,
            participants=participants,
            device=", ".join(sorted({cost["device"] for cost in costs})),
            **identity,
        )


if __name__ == "__main__":
    run(main, parser())
