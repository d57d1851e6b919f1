"""The server of the page, on this machine alone unless told otherwise."""

import errno
import ipaddress
import logging
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import panel as pn
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import ErrorHandler
from tornado.websocket import WebSocketClosedError

from counterweight.core.errors import UserError
from counterweight.explorer.page.app import Shelf, make_page

ANYWHERE = "0.0.0.0"
PATHS = re.compile(r"/|/ws|/favicon\.ico|/static/[\w@^./-]+", re.ASCII)
"""All that the page asks for: itself, its web socket, and the scripts and styles of bokeh and panel."""


class Address(NamedTuple):
    """Where the page is served."""

    host: str
    port: int

    @property
    def origin(self) -> str:
        """Return host and port as a browser names them."""
        return f"{'localhost' if self.host == ANYWHERE else self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Return what a browser opens."""
        return f"http://{self.origin}/"


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(address: Address) -> None:
    """Refuse an address that cannot be served.

    Raises:
        UserError: it is no address of this machine, or one of IPv6, or the port is taken.
    """
    if ":" in address.host:  # bokeh refuses origins in brackets
        raise UserError(f"--address: '{address.host}' is not allowed: a name or an IPv4 address is needed")
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address.host, address.port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"--port: {address.port} is in use; choose another one") from None
        raise UserError(f"--address: '{address.host}' cannot be served: {error.strerror or error}") from None


def is_no_closed_page(record: logging.LogRecord) -> bool:
    """Say whether a message is of anything but a page that was closed before its last answer came."""
    return record.exc_info is None or not isinstance(record.exc_info[1], WebSocketClosedError)


def is_no_wildcard(record: logging.LogRecord) -> bool:
    """Say whether a message is of anything but pages for every address, which the command warns of itself."""
    return not record.getMessage().startswith("Host wildcard")


def silence_what_is_known() -> None:
    """Keep bokeh and tornado from telling what is no news."""
    logging.getLogger("asyncio").addFilter(is_no_closed_page)
    logging.getLogger("bokeh.server.util").addFilter(is_no_wildcard)
    logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)


def serve(root: Path, path: Path | None, address: Address, opens: bool) -> None:
    """Serve the page until interrupted.

    Args:
        root: the folder that has `models` and `data`.
        path: a model's folder; None: all below `root`.
        address: to serve; checked before.
        opens: whether to show it in a browser.
    """
    pn.extension()
    silence_what_is_known()
    shelf = Shelf(root, path)
    # Pages of other sites are kept out by their origin; under every address of the machine all its names are right.
    own = [address.origin, f"localhost:{address.port}"]
    server = pn.io.server.get_server(
        {"/": lambda: make_page(shelf)},
        port=address.port,
        address=address.host,
        websocket_origin=["*"] if address.host == ANYWHERE else own,
        show=opens,
        title="Counterweight explorer",
        verbose=False,
    )
    if address.host != ANYWHERE:
        answer(server, OtherHost(own), 403)
    answer(server, OtherPath(), 404)
    server.start()
    server.io_loop.start()  # until panel's own handler of SIGINT stops it


class OtherHost(Matcher):
    """Matches requests that name a host which is none of ours.

    A page of a stranger whose name leads here would read all, as browsers take it for one of the same origin (DNS
    rebinding), whatever is checked of web sockets.
    """

    def __init__(self, own: Sequence[str]) -> None:
        """Take hosts with ports, as browsers name them."""
        self.own = own

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return no arguments for a match, None for none."""
        return None if request.host in self.own else {}


class OtherPath(Matcher):
    """Matches requests for anything that the page does not need.

    Panel has more: it imports whatever installed module a path below `/components` names, and any page in the browser
    can have an image there.
    """

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return no arguments for a match, None for none."""
        return None if PATHS.fullmatch(unquote(request.path)) else {}


def answer(server: Any, matcher: Matcher, status: int) -> None:  # noqa: ANN401  bokeh's, behind panel's
    """Answer requests with a status of HTTP, before anything else looks at them."""
    router = server._tornado.default_router
    router.rules.insert(0, router.process_rule(Rule(matcher, ErrorHandler, {"status_code": status})))
