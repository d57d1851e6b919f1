"""Which generators there are, as their files say it: none is imported, since torch takes seconds."""

import json

from counterweight.core.registry import names_in, read_documentation


def overview(as_json: bool) -> str:
    """Return a line per generator: its name and the first sentence of its file."""
    lines = {name: read_title(name) for name in names_in("generators")}
    if as_json:
        return json.dumps(lines, indent=1)
    width = max(map(len, lines))
    return "\n".join(f"{name:{width}}  {line}" for name, line in lines.items())


def read_title(name: str) -> str:
    """Return the first sentence of a generator's file."""
    return read_documentation("generators", name).split("\n\n")[0].replace("\n", " ").rstrip(".")
