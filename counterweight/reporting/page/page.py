"""One self-contained HTML page of all results: no network, no server, to be opened, printed or sent by mail."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from counterweight.reporting.markdown import Grid
from counterweight.reporting.page.charts import Spec
from counterweight.reporting.page.notes import REFERENCES
from counterweight.reporting.page.parts import Section

CODE = re.compile(r"`([^`]+)`")


@cache
def load_page_templates() -> Environment:
    """Return the templates of the page, in which every text is escaped; a name that is not there is an error."""
    environment = Environment(
        loader=PackageLoader("counterweight.reporting", "templates/page"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    environment.filters |= {"code": mark_code, "data": write_data, "breakable": make_breakable}
    return environment


def mark_code(text: str) -> Markup:
    """Return a sentence as HTML, its names between backticks as code."""
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(text))))


def make_breakable(text: str) -> Markup:
    """Return a name that may break after a dot or an underscore, as long keys must on a phone."""
    return Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(text))))


def write_data(spec: Spec) -> Markup:
    """Return a chart as JSON inside a script element, which nothing in it can end."""
    text = json.dumps(spec, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def render_page(
    sections: Sequence[Section], glossary: Mapping[str, str], provenance: Mapping[str, Grid], left_out: Sequence[Path]
) -> str:
    """Return the page.

    Args:
        glossary: a line for each number that tables show.
        provenance: tables by title.
        left_out: paths of pictures that there was no room for.
    """
    values = {
        "sections": sections,
        "glossary": glossary,
        "provenance": provenance,
        "left_out": left_out,
        "library": bundle_library(),
        "references": [*REFERENCES, "real"],
    }
    return load_page_templates().get_template("page.html.jinja").render(values)


@cache
def bundle_library() -> Markup:
    """Return Vega, Vega-Lite and Vega-Embed as one script, from the package that brings them along."""
    import vl_convert  # 80 MB, which nothing but the page needs

    text: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return Markup(text.replace("</script", "<\\/script"))
