"""LaTeX without a screen, for tests that compile tables: Debian's texlive."""

import shutil
import subprocess
from pathlib import Path

from required import skip_or_fail

PROGRAM = "pdflatex"
PAGE = r"""\documentclass[a4paper,landscape]{article}
\usepackage[margin=1cm]{geometry}
\usepackage{booktabs,amssymb,longtable}
\begin{document}
%s
\end{document}
"""


def compiled(folder: Path, *names: str) -> str:
    r"""Compile files in a folder, each taken in by \input; returns LaTeX's log. Fails the test where LaTeX stops."""
    if shutil.which(PROGRAM) is None:
        skip_or_fail(f"{PROGRAM} not installed (Debian: apt-get install texlive-latex-recommended)")
    (folder / "page.tex").write_text(PAGE % "\n".join(rf"\input{{{name}}}" for name in names))
    done = subprocess.run(
        [PROGRAM, "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=folder, capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert (folder / "page.pdf").stat().st_size > 1000
    return (folder / "page.log").read_text(errors="replace")
