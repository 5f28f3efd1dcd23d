"""A printed table, as rows of cells, and its forms in Markdown and LaTeX."""

from dataclasses import dataclass
from itertools import groupby

from mrsi_sr.report import markup

STAR = "*"  # behind a value that differs significantly
NEEDS = "% needs \\usepackage{booktabs}, \\usepackage{amssymb} for check marks, and UTF-8"


@dataclass(frozen=True)
class Cell:
    """Text of a cell; whether it is the best of its column, and whether it differs significantly."""

    text: str
    best: bool = False
    star: bool = False


@dataclass(frozen=True)
class Column:
    """Heading of a column, and of the columns that it is grouped with: short in Markdown, long above them in LaTeX."""

    heading: str
    group: str = ""
    long_group: str = ""
    align: str = "c"


@dataclass(frozen=True)
class Sheet:
    """A table as it is printed. columns: all but the first; rows: the first cell's text, and the others' cells."""

    first: str
    columns: list[Column]
    rows: list[tuple[str, list[Cell]]]
    caption: str


def markdown(sheet: Sheet) -> str:
    """The table as Markdown, best values in bold, with the caption below."""
    heading = [" ".join(filter(None, (column.heading, column.group))) for column in sheet.columns]
    rules = ["---" if column.align == "l" else ":---:" if column.align == "c" else "---:" for column in sheet.columns]
    lines = [[sheet.first, *heading], ["---", *rules]]
    for first, cells in sheet.rows:
        lines.append([markup.markdown(first), *map(_markdown_cell, cells)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{markup.markdown(sheet.caption)}\n"


def latex(sheet: Sheet) -> str:
    """The table as LaTeX table* with booktabs rules, best values in bold."""
    columns, header, rows = _latex_parts(sheet)
    return "\n".join(
        [
            NEEDS,
            "\\begin{table*}",
            f"\\caption{{{markup.latex(sheet.caption)}}}",
            "\\centering\\scriptsize\\setlength{\\tabcolsep}{3pt}",
            f"\\begin{{tabular}}{{{columns}}}",
            "\\toprule",
            *_latex_groups(sheet.columns),
            header + " \\\\",
            "\\midrule",
            *(row + " \\\\" for row in rows),
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{table*}",
            "",
        ]
    )


def latex_long(sheet: Sheet) -> str:
    """The table as LaTeX longtable, which goes on over pages."""
    columns, header, rows = _latex_parts(sheet)
    return "\n".join(
        [
            f"{NEEDS}, and \\usepackage{{longtable}}",
            "{\\scriptsize\\setlength{\\tabcolsep}{3pt}",
            f"\\begin{{longtable}}{{{columns}}}",
            f"\\caption{{{markup.latex(sheet.caption)}}}\\\\",
            f"\\toprule {header} \\\\ \\midrule \\endfirsthead",
            f"\\toprule {header} \\\\ \\midrule \\endhead",
            "\\bottomrule \\endfoot",
            *(row + " \\\\" for row in rows),
            "\\end{longtable}}",
            "",
        ]
    )


def _latex_parts(sheet: Sheet) -> tuple[str, str, list[str]]:
    """Alignment of the columns, line of headings, and lines of the rows."""
    columns = "l" + "".join(column.align for column in sheet.columns)
    header = " & ".join([markup.latex(sheet.first), *(markup.latex(column.heading) for column in sheet.columns)])
    rows = [" & ".join([markup.latex(first), *map(_latex_cell, cells)]) for first, cells in sheet.rows]
    return columns, header, rows


def _markdown_cell(cell: Cell) -> str:
    text = markup.markdown_inside(cell.text)
    return (f"**{text}**" if cell.best else text) + ("\\*" if cell.star else "")


def _latex_cell(cell: Cell) -> str:
    text = markup.latex(cell.text)
    return (f"\\textbf{{{text}}}" if cell.best else text) + (f"$^{{{STAR}}}$" if cell.star else "")


def _latex_groups(columns: list[Column]) -> list[str]:
    """Line of headings above groups of columns, and the rules below them; nothing where no column has a group."""
    cells, rules, start = [""], [], 2
    for group, each in groupby(columns, key=lambda column: column.long_group):
        width = len(list(each))
        if group:
            cells.append(f"\\multicolumn{{{width}}}{{c}}{{{markup.latex(group)}}}")
            rules.append(f"\\cmidrule(lr){{{start}-{start + width - 1}}}")
        else:
            cells += [""] * width
        start += width
    return [" & ".join(cells) + " \\\\", " ".join(rules)] if rules else []
