"""Networks of an experiment in a folder that can be given to other sites: weights, description and model card."""

import argparse
from pathlib import Path

from mrsi_sr.cli import UserError, run
from mrsi_sr.settings.hand_over import HandOverSettings
from mrsi_sr.settings.help import SETTINGS_FLAG, help_of


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hand_over.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=help_of(HandOverSettings, title="settings"),
    )  # fmt: skip
    parser.add_argument("--settings", required=True, metavar="JSON|@FILE", help=SETTINGS_FLAG)
    parser.add_argument(
        "--networks", required=True, nargs="+", metavar="FOLD/NAME=DIR",
        help="folder that train.py wrote, of each network and fold",
    )  # fmt: skip
    parser.add_argument(
        "--scans", required=True, nargs="+", type=Path, metavar="DIR",
        help="folder of each participant's results, with slices.npz and volumes/",
    )  # fmt: skip
    parser.add_argument("--folds", required=True, type=Path, metavar="CSV", help="table of participant, fold, part")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR",
        help="folder to write: networks.json, README.md, provenance.json and weights; no participant is named in it",
    )  # fmt: skip
    return parser


def main(arguments: argparse.Namespace) -> None:
    settings = HandOverSettings.from_text(arguments.settings)
    networks = folders_of(arguments.networks)

    from mrsi_sr.report.model_card import model_card
    from mrsi_sr.results.code import code_of
    from mrsi_sr.sampling.hand_over import hand_over  # late: torch takes seconds to import, an error above must not

    hand_over(
        settings, networks=networks, scans=arguments.scans, table=arguments.folds, card=model_card,
        code=code_of(__file__), out=arguments.out,
    )  # fmt: skip


def folders_of(words: list[str]) -> dict[tuple[str, int], Path]:
    """Folders by network and fold. Raises UserError for words of another form, or a network that is given twice."""
    folders: dict[tuple[str, int], Path] = {}
    for word in words:
        key, _, folder = word.partition("=")
        fold, _, name = key.partition("/")
        if not (fold.isdecimal() and name and folder) or (name, int(fold)) in folders:
            raise UserError(f"--networks {word}: expected FOLD/NAME=DIR, each once, such as 1/ddpm=networks/ddpm")
        folders[name, int(fold)] = Path(folder)
    return folders


if __name__ == "__main__":
    run(main, parser())
