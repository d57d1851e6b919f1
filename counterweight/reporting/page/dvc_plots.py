"""The page into which `dvc plots` puts its charts, with the library that draws them inside: DVC's own fetches it.

`python -m counterweight.reporting.page.dvc_plots` writes it anew, as a newer version of the library asks for.
"""

from pathlib import Path

from counterweight.reporting.page.page import bundle_library, load_page_templates

TEMPLATE = Path(".dvc/plots_page.html")
"""Where .dvc/config says it is."""


def render_template() -> str:
    """Return the page, `{plot_divs}` where DVC's charts come."""
    return load_page_templates().get_template("dvc_plots.html.jinja").render({"library": bundle_library()})


if __name__ == "__main__":
    TEMPLATE.write_text(render_template(), encoding="utf-8")
