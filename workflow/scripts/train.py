"""Train one network on one fold."""

import argparse
from pathlib import Path

from mrsi_sr.cli import UserError, log, positive, run
from mrsi_sr.settings.old_base import allowed, default, from_json, help_of


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="train.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(help_of(*each) for each in explained()),
    )
    parser.add_argument("--settings", required=True, metavar="JSON", help="the network's settings, see below")
    parser.add_argument("--slices", required=True, nargs="+", metavar="NPZ", help="slices.npz of every participant")
    parser.add_argument("--folds", required=True, metavar="CSV", help="table of participant, fold, part")
    parser.add_argument("--fold", required=True, type=int, metavar="F", help="the fold to train on, from 1")
    parser.add_argument("--protocol", required=True, choices=["paper", "clean"], help="of truncation and scaling")
    parser.add_argument(
        "--sizes", required=True, metavar="N,N,..",
        help="low-resolution matrix sizes to train on, unless the settings have their own",
    )  # fmt: skip
    parser.add_argument(
        "--needs", action="append", default=[], metavar="ROLE=SAFETENSORS",
        help="weights of a network that this one's training needs; once for each role of settings' needs",
    )  # fmt: skip
    parser.add_argument("--needs-settings", default="{}", metavar="JSON", help="by role, those networks' settings")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all randomness (default: 1)")
    parser.add_argument(
        "--checkpoint-every", type=positive, default=default("network-configured", "checkpoint_every"), metavar="N",
        help="iterations between checkpoints (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--out", required=True, metavar="DIR",
        help="out: best.safetensors (of lowest validation loss), last.safetensors, losses.csv and provenance.json",
    )  # fmt: skip
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: a GPU if any")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: as many as torch takes)")
    return parser


def explained() -> list[tuple[str, str]]:
    """The kinds of settings that a network has, each with its title in the help."""
    keys = ("architecture", "objective")
    added = [(f"{key}-{name}", f"with {key} {name}") for key in keys for name in allowed("network", key)]
    return [("network", "settings, with their defaults"), *added]


def main(arguments: argparse.Namespace) -> None:
    import torch

    from mrsi_sr import devices
    from mrsi_sr.maps import folds
    from mrsi_sr.maps.dataset import MapsOnDevice, sizes_of
    from mrsi_sr.results import checkpoint as checkpoints
    from mrsi_sr.results import claim as claims
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.scan.slices import files_of, load
    from mrsi_sr.settings.old_network import check_metabolites, resolve_network
    from mrsi_sr.training import loop as training
    from mrsi_sr.training.trained import paths_of

    settings = resolve_network(from_json(arguments.settings, "--settings"))
    sizes = sorted(settings["sizes"] or sizes_of(arguments.sizes))
    needs = paths_of("--needs", arguments.needs)
    device = devices.choose(arguments.device, arguments.threads)
    table = folds.load(arguments.folds)
    parts = {
        part: files_of(folds.participants_of(table, arguments.fold, part), arguments.slices)
        for part in ("train", "validation")
    }
    participants = {part: list(files) for part, files in parts.items()}
    for part, files in parts.items():
        if not files:
            raise UserError(f"fold {arguments.fold} of {arguments.folds} has no {part} participants")
    provenance = Provenance(settings, [path for files in parts.values() for path in files.values()])
    maps = {
        part: MapsOnDevice([load(path) for path in files.values()], arguments.protocol, sizes, device)
        for part, files in parts.items()
    }
    check_metabolites(settings, maps["train"].metabolites)
    counts = {part: len(each) for part, each in maps.items()}
    log.info("fold %d: %d maps to train on, %d to validate on", arguments.fold, *counts.values())
    identity = {"fold": arguments.fold, "protocol": arguments.protocol, "sizes": sizes}
    needed = needed_networks(arguments, settings, needs, maps["train"].metabolites, identity, device)
    provenance.add(needs.values())
    fingerprint = checkpoints.fingerprint(
        __file__, settings=settings, seed=arguments.seed, data=list(provenance.inputs.values()),
        participants=participants, **identity,
    )  # fmt: skip
    identity |= {"metabolites": maps["train"].metabolites}
    out = Path(arguments.out)
    with claims.taken(out) as claim:
        results = checkpoints.Results(out, fingerprint, claim.writing)
        checkpoint = checkpoints.Checkpoint.of(out, fingerprint, claim.writing)
        record = results.record()
        if record is None:
            trained = training.train(
                settings, maps["train"], maps["validation"], seed=arguments.seed, checkpoint=checkpoint, device=device,
                needed=needed, beat=claim.beat, checkpoint_every=arguments.checkpoint_every,
            )  # fmt: skip
            record = {
                "iterations": trained.iterations, "best_iteration": trained.best_iteration,
                "parameters": trained.parameters, "training_seconds": round(trained.seconds, 2),
                "trained_on": device.type, "threads": torch.get_num_threads(), **provenance.circumstances(),
            }  # fmt: skip
            claim.check()
            results.save(trained, record, settings, identity)
        claim.check()
        checkpoint.remove()
        provenance.write(
            out / "provenance.json", seed=arguments.seed, maps=counts, participants=participants, **identity, **record
        )


def needed_networks(arguments, settings: dict, paths: dict, metabolites: list[str], identity: dict, device) -> dict:
    """The trained networks, by role, that this one's training needs. Raises UserError unless they are just those."""
    from mrsi_sr.settings.old_base import listed
    from mrsi_sr.settings.old_network import check_needed, resolve_network
    from mrsi_sr.training import trained

    given = from_json(arguments.needs_settings, "--needs-settings")
    for flag, roles in (("--needs", paths), ("--needs-settings", given)):
        if set(roles) != set(settings["needs"]):
            raise UserError(
                f"{flag} names the roles {listed(roles)}, but the settings need {listed(settings['needs'])}"
            )
    networks = {}
    for role, path in paths.items():
        where = f"--needs-settings.{role}"
        needed = resolve_network(given[role], where)
        check_needed(role, settings, needed, where)
        held = trained.load(role, path, needed, device=device, **identity)
        if held.metabolites != metabolites:
            raise UserError(
                f"{path} was trained on {listed(held.metabolites)}, but the slices have {listed(metabolites)}"
            )
        networks[role] = held.network
    return networks


if __name__ == "__main__":
    run(main, parser())
