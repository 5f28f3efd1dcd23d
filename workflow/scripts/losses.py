"""Figure of the training and validation losses of networks, one panel each."""

import argparse
from pathlib import Path

from mrsi_sr.cli import UserError, run
from mrsi_sr.results.outputs import check_outputs, check_whole
from mrsi_sr.results.reading import read_csv, reading


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument(
        "--networks", required=True, nargs="+", type=Path, metavar="DIR",
        help="folders that train.py wrote; their names become the panels' titles",
    )  # fmt: skip
    result.add_argument("--title", default="", help="title of the figure")
    result.add_argument("--out", required=True, metavar="PNG", help="PNG file to write")
    return result


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.report.figures import losses, style
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.provenance import Provenance

    check_outputs([arguments.out], [folder / "losses.csv" for folder in arguments.networks])
    read = {folder.name: losses_in(folder) for folder in arguments.networks}
    provenance = Provenance({}, [folder / "losses.csv" for folder in arguments.networks], code=code_of(__file__))
    with provenance.beside(arguments.out):
        style.save(losses.draw(read, arguments.title), png=arguments.out)


def losses_in(folder: Path) -> list[dict]:
    """Rows of a network's losses.csv: iteration, part, loss. Raises UserError where the file is missing or damaged."""
    path, to_do = folder / "losses.csv", "train the network again: train.py"
    if not path.exists():
        raise UserError(f"no losses {path}\n  expected a folder that train.py wrote")
    check_whole(path)
    rows = read_csv(path, ("iteration", "part", "loss"), "a table of losses", to_do)
    with reading(path, "a table of losses", to_do):
        return [
            {"iteration": int(row["iteration"]), "part": row["part"], "loss": float(row["loss"])} for _, row in rows
        ]


if __name__ == "__main__":
    run(main, parser())
