"""Tables as LaTeX with booktabs, for papers."""

from counterweight.reporting.markdown import Grid, part_grid

WIDTH = 75
"""Characters of 9 points, at 4.6 points each, in the 345 points of LaTeX's own page."""
BELOW = "\n\n\\medskip\n"
"""Between parts of one table."""

SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
}


def escape_latex(text: str) -> str:
    """Return a text in which nothing is a command; a number's sign is a minus."""
    escaped = "".join(SPECIAL.get(character, character) for character in text)
    parts = escaped.split(" ")
    return " ".join(f"${part}$" if part[:1] in ("-", "+") and part[1:2].isdigit() else part for part in parts)


def render_latex(grid: Grid, caption: str, label: str) -> str:
    r"""Return a table that needs `\usepackage{booktabs}`; columns that a page has no room for stand below."""
    lines = [r"\begin{table}", r"\centering", r"\small", rf"\caption{{{escape_latex(caption)}}}", rf"\label{{{label}}}"]
    tabulars = ["\n".join(render_tabular(part)) for part in part_grid(grid, WIDTH)]
    return "\n".join([*lines, BELOW.join(tabulars), r"\end{table}", ""])


def render_tabular(grid: Grid) -> list[str]:
    """Return the lines of a table, its first column to the left and the others to the right."""
    header, *rows = (" & ".join(map(escape_latex, line)) + r" \\" for line in (grid.header, *grid.rows))
    begin = rf"\begin{{tabular}}{{l{'r' * (len(grid.header) - 1)}}}"
    return [begin, r"\toprule", header, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]
