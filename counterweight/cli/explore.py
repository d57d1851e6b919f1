"""The explorer of trained models, in a browser."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import click

from counterweight.core.errors import UserError
from counterweight.explorer.folders import find_models


def explore(params: Path, model: Path | None, host: str, port: int, opens: bool) -> None:
    """Serve the explorer until interrupted.

    Raises:
        UserError: panel is not installed, there is no such model, or the address cannot be served. Without a model's
            folder the page itself says where none is: others may come while it is served.
    """
    if find_spec("panel") is None:
        raise UserError("explore needs panel, which is not installed: pip install 'counterweight[explore]'")
    if model is not None:
        find_models(params.parent, model)
    click.echo("starting the explorer, which takes some seconds", err=True)
    with ending_at_once():
        from counterweight.explorer.page.serve import Address, check_address, is_loopback, serve

        address = Address(host, port)
        check_address(address)
        if not is_loopback(host):
            click.echo(f"warning: {host} is reached from other machines, without a password", err=True)
        click.echo(f"{address.url} shows the explorer; Ctrl-C ends it")
        serve(params.parent, model, address, opens)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Let Ctrl-C end this process as it ends any program, until a server has a handler of its own.

    Nothing is written that could be left in part. The exception would wait for imports of many seconds, and is caught
    and forgotten by what starts servers now and then: the explorer went on.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as in a job in the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
