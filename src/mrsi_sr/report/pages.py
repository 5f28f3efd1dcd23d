"""Elements of HTML pages that work offline and load nothing."""

from collections.abc import Iterable, Sequence
from importlib.resources import files

from mrsi_sr.report.markup import html

RESEARCH_USE = "Research use only"
# The browser is told to load nothing from anywhere: what a page shows is in it.
LOADS_NOTHING = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
NONE = "–"


def document(title: str, subtitle: str, sections: Iterable[str]) -> str:
    """A page of sections, which are HTML; the title and subtitle are text."""
    style = files("mrsi_sr.report").joinpath("web", "style.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{LOADS_NOTHING}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{html(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f'<header><h1>{html(title)}</h1><span class="research">{RESEARCH_USE}</span><p>{html(subtitle)}</p></header>\n'
        + "\n".join(filter(None, sections))
        + "\n</body>\n</html>\n"
    )


def section(title: str, *content: str) -> str:
    """A section; its content is HTML."""
    return f"<section>\n<h2>{html(title)}</h2>\n" + "\n".join(content) + "\n</section>"


def note(text: str) -> str:
    """A paragraph of explanation."""
    return f'<p class="note">{html(text)}</p>'


def table(
    header: Sequence[str], rows: Iterable[Sequence], *, words: Sequence[int] = (), warns: Sequence[int] = ()
) -> str:
    """A table of text and numbers. words: columns of sentences. warns: rows to mark."""
    head = "".join(f"<th{' class=words' * (column in words)}>{html(cell)}</th>" for column, cell in enumerate(header))
    body = []
    for number, row in enumerate(rows):
        cells = "".join(
            f"<td{' class=words' * (column in words)}>{html(shown(cell))}</td>" for column, cell in enumerate(row)
        )
        body.append(f"<tr{' class=warns' * (number in warns)}>{cells}</tr>")
    content = "\n".join([f"<thead><tr>{head}</tr></thead><tbody>", *body, "</tbody>"])
    return f'<div class="scroll"><table>{content}</table></div>'


def shown(value) -> str:
    """A cell's value in words: numbers with three digits, none as a dash."""
    if value is None:
        return NONE
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def list_of_warnings(warnings: Sequence[str]) -> str:
    """Warnings as a list; a sentence where there are none."""
    if not warnings:
        return '<div class="warnings none">No warnings.</div>'
    items = "".join(f"<li>{html(text)}</li>" for text in warnings)
    count = f"{len(warnings)} warning{'s' * (len(warnings) > 1)}"
    return f'<div class="warnings" role="alert"><strong>{count}</strong><ul>{items}</ul></div>'
