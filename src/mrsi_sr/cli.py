"""Start, progress report and error messages of every script."""

import argparse
import difflib
import errno
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger("mrsi_sr")

WHAT_TO_DO = {  # advice by error number of the operating system
    errno.ENOSPC: "the disk is full: make room",
    errno.EDQUOT: "your quota is used up: make room",
    errno.EACCES: "look at the permissions of the file and of the folders above it",
    errno.EROFS: "the file system can only be read: write elsewhere",
    errno.ENOENT: "look at the name",
    errno.EIO: "the disk or the network file system fails: see whether it can be read and written otherwise",
}
SECONDS_BETWEEN_LINES = 10  # interval of progress lines where standard error is a log file, not a terminal


class UserError(Exception):
    """An error that the user can correct; its text says what is wrong, where, what was expected, what to do."""


class Stopped(BaseException):
    """SIGTERM, sent by Slurm before a time limit ends or when a job is cancelled. Like KeyboardInterrupt no error."""


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the command line and call main.

    A UserError, or an OSError (a full disk, an unreadable file), becomes one message and exit code 2. SIGTERM ends the
    script as an error does, with temporary files removed, and exit code 143 (128 + 15), as shells report it; a second
    SIGTERM ends it at once.
    """
    parser.allow_abbrev = False
    _check_options(parser, sys.argv[1:])
    arguments, unknown = parser.parse_known_args()
    if unknown:
        parser.error(f"unknown argument {unknown[0]}: see --help for the options")
    # Of libraries only warnings are logged: fontTools, for example, logs every glyph of a PDF.
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    log.setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, _stop)
    try:
        main(arguments)
    except UserError as error:
        _end(parser, str(error), 2)
    except OSError as error:
        _end(parser, _system_error(error), 2)
    except Stopped as error:
        _end(parser, str(error) or "stopped by SIGTERM; the same again goes on with what is finished", 143)
    except KeyboardInterrupt:
        _end(parser, "interrupted", 130)


@contextmanager
def stop_noted() -> Iterator[Callable[[], bool]]:
    """A block in which SIGTERM does not end the script; yields a function that tells whether a SIGTERM has arrived."""
    arrived: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: arrived.append(number))
    try:
        yield lambda: bool(arrived)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def warnings_noted() -> Iterator[list[str]]:
    """A block whose warnings are listed as well as logged."""

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    said: list[str] = []
    handler = Noting(logging.WARNING)
    log.addHandler(handler)
    try:
        yield said
    finally:
        log.removeHandler(handler)


def _stop(number: int, _) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise Stopped


def _end(parser: argparse.ArgumentParser, message: str, code: int) -> None:
    """Print a message and exit, also where standard error is a closed pipe: Slurm stops a job's `tee` too."""
    try:
        print(f"{parser.prog}: {message}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(code)


def _system_error(error: OSError) -> str:
    """Message of an error of the operating system: the file, the reason, what to do."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}\n  {WHAT_TO_DO.get(error.errno, 'mend that')}, and run the same again"


def positive(text: str) -> int:
    """Type of a flag that takes a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1")
    return int(text)


def whole_numbers(flag: str, text: str) -> list[int]:
    """Whole numbers of a flag such as '8,16,32', in rising order, each once. Raises UserError for another form."""
    try:
        return sorted({int(word) for word in text.split(",")})
    except ValueError:
        raise UserError(f"{flag} is '{text}'\n  expected whole numbers with commas, such as 8,16,32") from None


def paths_by_role(flag: str, words: Iterable[str]) -> dict[str, Path]:
    """{role: path} of a flag's ROLE=PATH words. Raises UserError for another form, or a role given twice."""
    paths: dict[str, Path] = {}
    for word in words:
        role, equals, path = word.partition("=")
        if not (role and equals and path) or role in paths:
            raise UserError(f"{flag} {word}: expected ROLE=PATH, each role once, like network=a.safetensors")
        paths[role] = Path(path)
    return paths


def _check_options(parser: argparse.ArgumentParser, words: list[str]) -> None:
    """End the script with the nearest option for a mistyped one, before argparse misses the option that was meant."""
    options = [option for action in parser._actions for option in action.option_strings]
    for word in words:
        option = word.partition("=")[0]
        close = difflib.get_close_matches(option, options, n=1)
        if option.startswith("--") and option not in options and close:
            parser.error(f"unknown argument {word}: did you mean {close[0]}?")


def progress(items: Iterable, what: str, total: int | None = None) -> Iterator:
    """The items, with their progress shown: a bar on a terminal, else a line in the log every ten seconds."""
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


class ProgressLines:
    """Lines of log on work that counts its own steps: every ten seconds, and at the end."""

    def __init__(self, what: str, done: int, total: int):
        """what: the step, such as 'training: iteration'. done, of total: steps before the first that is reported."""
        self.what, self.first, self.total = what, done, total
        self.started = self.last = time.monotonic()

    def report(self, done: int, numbers: Callable[[], dict[str, float | None]]) -> None:
        """Log a line where it is due. numbers: what the line shows by name, asked for only then."""
        now = time.monotonic()
        if now - self.last < SECONDS_BETWEEN_LINES and done < self.total:
            return
        self.last = now
        words = [f"{name} {'-' if value is None else f'{value:.5g}'}" for name, value in numbers().items()]
        left = _remaining(done - self.first, self.total - self.first, now - self.started)
        log.info("%s %d of %d, %s", self.what, done, self.total, ", ".join([*words, left]))


def _remaining(done: int, total: int | None, seconds: float) -> str:
    if not total or not done:
        return f"{seconds:.0f} s so far"
    return f"about {seconds / done * (total - done):.0f} s left"
