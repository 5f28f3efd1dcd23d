"""Page of one figure, table or sheet for the HTML report, whose viewer cuts tall pictures and shows no tables."""

import base64
from collections.abc import Sequence
from pathlib import Path

from mrsi_sr.report.markup import html
from mrsi_sr.report.pages import document
from mrsi_sr.results.outputs import check_whole
from mrsi_sr.results.reading import reading

SUBTITLE = "Super-resolution of metabolic maps"
PNG = b"\x89PNG\r\n\x1a\n"  # beginning of every such file


def result_page(title: str, *, pictures: Sequence[Path] = (), texts: Sequence[Path] = ()) -> str:
    """HTML page that loads nothing: pictures (PNG) as wide as the window, and texts (Markdown), one below the other.

    Raises UserError for a file that is no picture or no text, or was changed after it was written.
    """
    shown = [
        f'<img class="whole" alt="{html(title)}" src="data:image/png;base64,{_encoded(path)}">' for path in pictures
    ]
    return document(title, SUBTITLE, [*shown, *(f'<div class="scroll">{_as_html(path)}</div>' for path in texts)])


def _encoded(path: Path) -> str:
    check_whole(path)
    with reading(path, "a picture", "expected a PNG file: draw it again"):
        content = path.read_bytes()
        if not content.startswith(PNG):
            raise ValueError("it does not begin as a PNG file does")
    return base64.b64encode(content).decode()


def _as_html(path: Path) -> str:
    """Markdown as HTML; what looks like HTML in it stays text."""
    from markdown_it import MarkdownIt

    check_whole(path)
    with reading(path, "a text", "expected a Markdown file: write it again"):
        return MarkdownIt("commonmark", {"html": False}).enable("table").render(path.read_text(encoding="utf-8"))
