"""Phantom of one participant: LCModel tables, T1, FLAIR and their ground truth."""

import argparse

from mrsi_sr.cli import UserError, log, run
from mrsi_sr.results.names import check_name
from mrsi_sr.settings.cohort import PhantomSettings
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(PhantomSettings),
    )
    result.add_argument("--participant", required=True, help="name of letters, digits, - and _, such as sub-01")
    result.add_argument(
        "--seed", required=True, type=int, help="random seed from 0; with the name, it decides everything"
    )
    result.add_argument("--settings", default="{}", metavar="JSON|@FILE", help=SETTINGS_FLAG)
    result.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder to write; an earlier simulated participant in it is replaced",
    )
    return result


def main(arguments: argparse.Namespace) -> None:
    check_name(arguments.participant, "--participant")
    if arguments.seed < 0:
        raise UserError(f"--seed is {arguments.seed}\n  allowed: a whole number from 0")

    settings = PhantomSettings.from_text(arguments.settings)

    from mrsi_sr.phantom.participant import simulate, write
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_replaced
    from mrsi_sr.results.provenance import Provenance

    check_replaced(arguments.out)
    provenance = Provenance(settings.plain(), code=code_of(__file__))
    participant = simulate(arguments.participant, arguments.seed, settings)
    with provenance.folder(arguments.out, participant=participant.name, seed=participant.seed) as folder:
        write(participant, folder)
    log.info("%s: %d voxels fitted, in %s", participant.name, len(participant.fits.voxels), arguments.out)


if __name__ == "__main__":
    run(main, parser())
