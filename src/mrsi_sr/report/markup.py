"""Plain text in Markdown, LaTeX and HTML: every character as it stands, none as markup."""

import re
from html import escape

# Markdown's markup; underscores, brackets and ampersands only where they can be it: names stay readable in the file.
_MARKDOWN = re.compile(r"[\\`*<|$~]|\](?=[(\[:])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
_MARKDOWN_START = re.compile(r"^([#>=+-]|\d+(?=[.)]))")  # of a heading, quotation or list
# A bracket or asterisk at the beginning of a row would be taken for an argument of the line break before it.
_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{character: f"{{{character}}}" for character in "[]*"},
    "±": r"$\pm$", "↓": r"$\downarrow$", "↑": r"$\uparrow$", "×": r"$\times$", "<": "$<$", ">": "$>$",
    "→": r"$\rightarrow$", "✓": r"$\checkmark$", "†": r"$\dagger$",
}  # fmt: skip


def markdown(text: str) -> str:
    """Text as it stands, in a paragraph or in a table's cell of Markdown."""
    start = _MARKDOWN_START.match(text)
    if start and start[1].isdigit():
        return start[1] + "\\" + markdown(text[len(start[1]) :])
    return ("\\" if start else "") + markdown_inside(text)


def markdown_inside(text: str) -> str:
    """Text as it stands, where it cannot begin a line of Markdown: in a table's cell of numbers."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def latex(text: str) -> str:
    """Text as it stands, in a paragraph or in a table's cell of LaTeX."""
    return "".join(_LATEX.get(character, character) for character in text)


def html(text: str) -> str:
    """Text as it stands, in an element or in a quoted attribute of HTML."""
    return escape(text, quote=True)
