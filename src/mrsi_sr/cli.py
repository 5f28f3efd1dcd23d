"""What every script shares: one way to start, to report progress and to fail with a clear message."""

import argparse
import difflib
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator

log = logging.getLogger("mrsi_sr")

SECONDS_BETWEEN_LINES = 10  # of progress, where standard error is a log file and not a terminal


class UserError(Exception):
    """Something that the person at the keyboard can mend: what is wrong, where, what was expected, what to do."""


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the command line and call main; a UserError becomes one message and exit code 2."""
    parser.allow_abbrev = False
    arguments, unknown = parser.parse_known_args()
    if unknown:
        parser.error(_unknown_argument(unknown[0], parser))
    # Libraries speak up only with warnings: fontTools, for one, logs every glyph of a PDF.
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    log.setLevel(logging.INFO)
    try:
        main(arguments)
    except UserError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        sys.exit(130)


def positive(text: str) -> int:
    """The type of a flag that takes a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1")
    return int(text)


def _unknown_argument(argument: str, parser: argparse.ArgumentParser) -> str:
    options = [option for action in parser._actions for option in action.option_strings]
    close = difflib.get_close_matches(argument.split("=")[0], options, n=1)
    hint = f"did you mean {close[0]}?" if close else "see --help for the options"
    return f"unknown argument {argument}: {hint}"


def progress(items: Iterable, what: str, total: int | None = None) -> Iterator:
    """Yield the items: a bar on a terminal, a line of log every ten seconds elsewhere."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=what, total=total)
        return
    total = len(items) if total is None and hasattr(items, "__len__") else total
    start = last = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            log.info("%s: %d%s, %s", what, done, f" of {total}" if total else "", _remaining(done, total, last - start))
        yield item


def _remaining(done: int, total: int | None, seconds: float) -> str:
    if not total or not done:
        return f"{seconds:.0f} s so far"
    return f"about {seconds / done * (total - done):.0f} s left"
