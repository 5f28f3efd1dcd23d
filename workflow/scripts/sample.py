"""Super-resolve the test participants of one fold with one method."""

import argparse
from dataclasses import asdict
from pathlib import Path

from mrsi_sr.cli import UserError, run


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sample.py", description=__doc__)
    parser.add_argument(
        "--settings", required=True, metavar="JSON",
        help="the method's settings: name, label, sampler, networks, weights, samples, seed, batch_size",
    )  # fmt: skip
    parser.add_argument("--network-settings", default="{}", metavar="JSON", help="settings of the network of each role")
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
    parser.add_argument("--out", required=True, metavar="DIR", help="out: PARTICIPANT.npz each, and provenance.json")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: a GPU if any")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: as many as torch takes)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    weights = weights_of(arguments.weights)

    from mrsi_sr import checkpoints, devices, folds, sampling
    from mrsi_sr.dataset import files_of, sizes_of
    from mrsi_sr.methods import Method, MethodSettings
    from mrsi_sr.provenance import Provenance
    from mrsi_sr.settings import read
    from mrsi_sr.training_settings import json_object

    network_settings = json_object(arguments.network_settings, "--network-settings")
    settings = read(MethodSettings, arguments.settings, "method")
    sizes = sizes_of(arguments.sizes)
    device = devices.choose(arguments.device, arguments.threads)
    participants = folds.participants_of(folds.load(arguments.folds), arguments.fold, "test")
    if not participants:
        raise UserError(f"fold {arguments.fold} of {arguments.folds} has no test participants")
    slices = files_of(participants, arguments.slices)
    low_resolution = files_of(participants, arguments.low_resolution)
    method = Method(
        settings, network_settings, weights, fold=arguments.fold, protocol=arguments.protocol,
        sizes=sizes, device=device,
    )  # fmt: skip
    identity = {"fold": arguments.fold, "protocol": arguments.protocol, "sizes": sizes}
    provenance = Provenance(asdict(settings), [*weights.values(), *slices.values(), *low_resolution.values()])
    fingerprint = checkpoints.fingerprint(
        sampling.__file__, settings=asdict(settings), network_settings=network_settings, participants=participants,
        data=list(provenance.inputs.values()), device=device.type, **identity,
    )  # fmt: skip
    out = Path(arguments.out)
    partial = out.with_name(f".{out.name}.partial")
    costs = sampling.sample_all(method, slices, low_resolution, arguments.protocol, sizes, partial, fingerprint)
    facts = {
        "method": settings.name,
        "label": settings.label,
        "sampler": settings.sampler,
        "networks": network_settings,
        "seed": settings.seed,
        "nfe": max(cost["nfe"] for cost in costs),
        "seconds_per_slice": sum(cost["seconds"] for cost in costs) / max(sum(cost["maps"] for cost in costs), 1),
        "parameters": method.parameters,
        "maps": sum(cost["maps"] for cost in costs),
        "participants": participants,
        "sampled_on": device.type,
        **identity,
    }
    sampling.finish(partial, out, participants, lambda path: provenance.write(path, **facts))


def weights_of(words: list[str]) -> dict[str, Path]:
    """{role: path} from ROLE=PATH words. Raises UserError for another form, or a role given twice."""
    weights: dict[str, Path] = {}
    for word in words:
        role, equals, path = word.partition("=")
        if not (role and equals and path) or role in weights:
            raise UserError(f"--weights {word}: expected ROLE=PATH, each role once, like network=a.safetensors")
        weights[role] = Path(path)
    return weights


if __name__ == "__main__":
    run(main, parser())
