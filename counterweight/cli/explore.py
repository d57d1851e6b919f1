"""The explorer of trained models, in a browser."""

from importlib.util import find_spec
from pathlib import Path

import click

from counterweight.core.errors import UserError


def explore(params: Path, model: Path | None, host: str, port: int, opens: bool) -> None:
    """Serve the explorer until interrupted.

    Raises:
        UserError: panel is not installed, or the address cannot be served.
    """
    if find_spec("panel") is None:
        raise UserError("explore needs panel, which is not installed: pip install 'counterweight[explore]'")
    from counterweight.explorer.page.serve import Address, check_address, is_loopback, serve

    address = Address(host, port)
    check_address(address)
    if not is_loopback(host):
        click.echo(f"warning: {host} is reached from other machines, without a password", err=True)
    click.echo(f"{address.url} shows the explorer; Ctrl-C ends it")
    serve(params.parent, model, address, opens)
