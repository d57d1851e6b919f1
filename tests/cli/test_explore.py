"""`counterweight explore` before it serves: what it refuses, warns of and hands on."""

import logging
import re
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from counterweight.cli import explore as tool
from counterweight.cli.main import cli
from counterweight.core.errors import UserError


class Served(list[Any]):
    """A stand-in for the server, which keeps what it is called with."""


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    pytest.importorskip("panel", reason="panel is not installed: it is the extra `explore`")
    from counterweight.explorer.page import serve

    calls = Served()
    monkeypatch.setattr(serve, "serve", lambda *words: calls.append(words))
    return calls


def run(*words: str) -> Result:
    result = CliRunner().invoke(cli, ["explore", *words], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_help_has_examples_and_needs_no_panel() -> None:
    text = run("--help").stdout
    assert "counterweight explore models/digits/drop75/cvae" in text
    for option in ("--params", "--port", "--address", "--no-open"):
        assert option in text


def test_without_panel_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^explore needs panel.*: pip install 'counterweight\[explore\]'$"):
        run()


def test_it_serves_this_machine_alone(served: Served, tmp_path: Path) -> None:
    port = free_port()
    model = tmp_path / "a"
    model.mkdir()
    (model / "generator.json").touch()
    result = run(str(model), "--port", port, "--no-open", "--params", "somewhere/params.yaml")
    ((root, shown, address, opens),) = served
    assert (root, shown, opens) == (Path("somewhere"), model, False)
    assert (address.host, address.port) == ("127.0.0.1", int(port))
    assert result.stdout == f"http://127.0.0.1:{port}/ shows the explorer; Ctrl-C ends it\n"
    assert result.stderr == "starting the explorer, which takes some seconds\n"


def test_another_address_is_warned_of(served: Served) -> None:
    result = run("--address", "0.0.0.0", "--port", free_port())
    assert "warning: 0.0.0.0 is reached from other machines, without a password" in result.stderr
    assert len(served) == 1


@pytest.mark.parametrize(("path", "said"), [("nosuch", "nosuch: no such folder"), (".", "no generator.json in it")])
def test_a_model_that_is_not_there_is_said_at_once(served: Served, tmp_path: Path, path: str, said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        run(str(tmp_path / path), "--port", free_port())
    assert served == []


@pytest.mark.usefixtures("served")
def test_bokeh_does_not_repeat_the_warning(caplog: pytest.LogCaptureFixture) -> None:
    from bokeh.server.util import create_hosts_allowlist

    from counterweight.explorer.page.serve import is_no_wildcard, silence_what_is_known

    create_hosts_allowlist(["*"], 80)
    assert "Host wildcard" in caplog.text
    caplog.clear()
    logger = logging.getLogger("bokeh.server.util")
    try:
        silence_what_is_known()
        create_hosts_allowlist(["*"], 80)
        logger.warning("another")
    finally:
        logger.removeFilter(is_no_wildcard)
    assert [record.getMessage() for record in caplog.records] == ["another"]


def test_a_port_in_use_is_said(served: Served) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"^--port: {port} is in use; choose another one$"):
            run("--port", str(port))
    assert served == []


@pytest.mark.parametrize("address", ["203.0.113.7", "no such name"])
def test_an_address_of_another_machine_is_said(served: Served, address: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"--address: '{address}' cannot be served")):
        run("--address", address, "--port", free_port())


@pytest.mark.parametrize("address", ["::1", "::"])
def test_an_address_that_bokeh_does_not_know_is_refused(served: Served, address: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"--address: '{address}' is not allowed: a name or an IPv4 address")):
        run("--address", address, "--port", free_port())
    assert served == []


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)],
)
@pytest.mark.usefixtures("served")
def test_loopback_is_told_from_others(host: str, own: bool) -> None:
    from counterweight.explorer.page.serve import is_loopback

    assert is_loopback(host) == own


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80/"), ("a.b", "http://a.b:80/"), ("0.0.0.0", "http://localhost:80/")],
)
@pytest.mark.usefixtures("served")
def test_an_address_is_written_as_browsers_take_it(host: str, url: str) -> None:
    from counterweight.explorer.page.serve import Address

    assert Address(host, 80).url == url


def test_the_command_line_brings_neither_panel_nor_torch() -> None:
    """So that --help is quick."""
    code = "import sys, counterweight.cli.main, counterweight.cli.explore; print({'panel', 'torch'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("seconds", [0.0, 0.7, 1.5])
def test_ctrl_c_before_it_serves_ends_it_at_once(seconds: float, tmp_path: Path) -> None:
    """While panel and torch are imported, whose code forgets the exception at times and makes it wait at others."""
    pytest.importorskip("panel", reason="panel is not installed: it is the extra `explore`")
    words = (sys.executable, "-m", "counterweight", "explore", "--no-open", "--port", free_port())
    # Ctrl-C is ignored in what runs in the background, as these tests may.
    start = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=start) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "starting the explorer, which takes some seconds\n"
        time.sleep(0.1 + seconds)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) in (-signal.SIGINT, 0)  # 0: of panel's own handler
        assert "Traceback" not in process.stderr.read()
