"""Tables as LaTeX with booktabs, for papers."""

from counterweight.reporting.markdown import Grid

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
    r"""Return a table that needs `\usepackage{booktabs}`, its first column to the left and the others to the right."""
    lines = [" & ".join(map(escape_latex, line)) + r" \\" for line in (grid.header, *grid.rows)]
    columns = "l" + "r" * (len(grid.header) - 1)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(caption)}}}",
            rf"\label{{{label}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )
