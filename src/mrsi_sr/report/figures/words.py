"""Words in figures: their width as matplotlib draws them, lines that fit a width, and the largest size that fits."""

import re
from collections.abc import Iterable
from functools import cache

from matplotlib.font_manager import FontProperties

POINTS = (7.0, 6.5, 6.0, 5.5, 5.0)  # points; a journal asks for at least 5
LINE_INCH_PER_POINT = 1.28 / 72  # height of a line of DejaVu Sans
MOST_LINES = 3  # of the words at a panel
MARGIN = 1.03  # the PDF's letters are not on whole pixels and may be wider
ELLIPSIS = "…"
PARTS = re.compile(r"\s+|(?<=[-/,@_])(?=\S)")  # where a line may end


@cache
def width_inch(text: str, points: float) -> float:
    """Width of a line of text."""
    width, _, _ = _renderer().get_text_width_height_descent(text, FontProperties(size=points), ismath=False)
    return MARGIN * width / _DPI


def fitted(text: str, width: float, points: float, lines: int | None = None) -> str:
    """Text in lines that fit a width in inches, broken where words end, or else within a word.

    lines: maximum number of them; what does not fit in the last ends in an ellipsis.
    """
    done, line = [], ""
    for word, blank in _words(text):
        longer = f"{line}{blank if line else ''}{word}"
        if width_inch(longer, points) <= width:
            line = longer
            continue
        if line:
            done.append(line)
        *whole, line = _pieces(word, width, points)
        done += whole
    done += [line] if line else []
    if lines is not None and len(done) > lines:
        last = done[lines - 1]
        while last and width_inch(last + ELLIPSIS, points) > width:
            last = last[:-1]
        done = [*done[: lines - 1], last + ELLIPSIS]
    return "\n".join(done)


def largest_points(texts: Iterable[str], width: float) -> float:
    """Largest size of POINTS in which each text takes few lines and no word is broken; else the smallest."""
    texts = list(texts)
    for points in POINTS:
        whole = all(width_inch(word, points) <= width for text in texts for word, _ in _words(text))
        if whole and all(fitted(text, width, points).count("\n") < MOST_LINES for text in texts):
            return points
    return POINTS[-1]


def _words(text: str) -> list[tuple[str, str]]:
    """Parts between which a line may end, each with what stands before it where it does not: a blank or nothing."""
    found, blank, start = [], "", 0
    for gap in PARTS.finditer(text):
        if gap.start() > start:
            found.append((text[start : gap.start()], blank))
        blank, start = (" " if gap.group() else ""), gap.end()
    return [*found, (text[start:], blank)] if start < len(text) else found


def _pieces(word: str, width: float, points: float) -> list[str]:
    """A word in pieces that fit; the last may be joined by further words."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and width_inch(pieces[-1] + letter, points) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


_DPI = 288  # of the measurement


@cache
def _renderer():
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(1, 1, _DPI)
