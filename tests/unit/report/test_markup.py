"""Words of the user are shown as they stand, whatever they mean to Markdown, LaTeX, matplotlib and HTML."""

import re

import pytest

from mrsi_sr.report import markup


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("DDPM (T=1000), tau=0.9", "DDPM (T=1000), tau=0.9"),
        ("demo_all [0, 1] & co", "demo_all [0, 1] & co"),
        ("a | b", r"a \| b"),
        ("*new* `code` <b>", r"\*new\* \`code\` \<b>"),
        ("$x$ ~~y~~", r"\$x\$ \~\~y\~\~"),
        (r"\| x", r"\\\| x"),
        ("_x_ a_b", r"\_x\_ a_b"),
        ("[x](y)", r"[x\](y)"),
        ("&lt;", r"\&lt;"),
        ("# title", r"\# title"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("1.5 T", r"1\.5 T"),
    ],
)
def test_markdown_shows_a_text_as_it_stands(text, written):
    assert markup.markdown(text) == written
    assert re.sub(r"\\([^A-Za-z0-9\s])", r"\1", written) == text  # as Markdown reads it


def test_latex_takes_no_character_for_a_command():
    text = markup.latex(r"a\b{c} $d$ 5 % & #1 x_y ^ ~ <z> |")
    assert text == (
        r"a\textbackslash{}b\{c\} \$d\$ 5 \% \& \#1 x\_y \textasciicircum{} \textasciitilde{} $<$z$>$ \textbar{}"
    )


@pytest.mark.parametrize("label", ["[ours]", "*", "[", "]"])
def test_a_row_of_latex_begins_with_no_argument_of_the_line_break_before_it(label):
    assert markup.latex(label).startswith("{")
