"""The explorer in a browser: what a person moves changes what is shown, and nothing is asked of another machine."""

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.browser import Page, open_browser
from tests.explorer.made import CVAE, lay_out
from tests.explorer.test_sources import DDPM

pytest.importorskip("panel", reason="panel is not installed: it is the extra `explore`")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MODELS: dict[str, dict[str, object]] = {
    "cvae": CVAE,
    "bagan": {"latent_dim": 12, "autoencoder_epochs": 1, "epochs": 1, "batch_size": 64},
    "smote": {},
    "ddpm": DDPM,
}
PICTURE = ".picture img"


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of models, a foreign one among them."""
    torch.set_num_threads(1)
    folder = lay_out(tmp_path_factory.mktemp("page"), MODELS)
    foreign = folder / "models/digits/drop/foreign/0"
    foreign.mkdir(parents=True)
    (foreign / "generator.json").write_text(json.dumps({"generator": "<b>os</b>"}))
    (folder / "installed.py").write_text("from pathlib import Path\nPath(__file__).with_name('imported').touch()\n")
    return folder


@pytest.fixture(scope="module")
def address(root: Path) -> Iterator[str]:
    with serving(root) as url:
        yield url


@contextmanager
def serving(root: Path, *options: str) -> Iterator[str]:
    """Yield where the page is served meanwhile."""
    port = find_port()
    words = [sys.executable, "-m", "counterweight", "explore", "--no-open", "--port", str(port), *options]
    words += ["--params", str(root / "params.yaml")]
    own = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    with (root / "log").open("w") as log, subprocess.Popen(words, cwd=ROOT, env=own, stdout=log, stderr=log) as server:
        try:
            wait_for(port, server)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.send_signal(signal.SIGINT)
    text = (root / "log").read_text()
    assert "Traceback" not in text, text
    assert f":{port}/ shows the explorer" in text


def wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    """Wait until a server answers."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert server.poll() is None, "the server has ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the server does not answer")


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with open_browser() as opened:
        yield opened


def show(browser: Page, address: str, generator: str, width: int = 1440, scheme: str = "light") -> Any:  # noqa: ANN401
    """Open the page with a generator, and return Playwright's page."""
    browser.show(address, width, scheme)
    page = browser.page
    page.wait_for_selector(".item h2, .problem")
    page.get_by_label("Generator", exact=True).select_option(label=generator)
    title = f".item h2:has-text('digits / drop / {generator}, draw 1')"
    page.wait_for_selector(".problem" if generator == "foreign" else title)
    return page


def choose(page: Any, name: str, value: str) -> None:  # noqa: ANN401
    """Choose in a list, and wait until the page says so."""
    field = page.get_by_label(name, exact=True).first
    field.select_option(label=value)
    page.wait_for_timeout(700)


def pixels(page: Any, selector: str = PICTURE) -> np.ndarray:  # noqa: ANN401
    """Return the pixels of the first image that a selector finds."""
    source = page.locator(selector).first.get_attribute("src")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))


def wait_until_same(page: Any, wanted: np.ndarray, selector: str = PICTURE) -> None:  # noqa: ANN401
    """Wait until an image's pixels are these, give or take one level of rounding."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if np.abs(pixels(page, selector).astype(int) - wanted).max() <= 1:
            return
        page.wait_for_timeout(20)
    pytest.fail("the image does not become this one")


def wait_for_change(page: Any, before: np.ndarray, selector: str = PICTURE) -> np.ndarray:  # noqa: ANN401
    """Return an image's pixels once they are others."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if (now := pixels(page, selector)).shape != before.shape or (now != before).any():
            return now
        page.wait_for_timeout(20)
    pytest.fail("the image does not change")


@pytest.mark.parametrize(
    ("host", "path", "refused"),
    [
        (None, "/", False),
        ("localhost", "/", False),
        ("evil.example.org", "/", True),  # DNS rebinding: a stranger's name that leads here
        ("evil.example.org", "/autoload.js?bokeh-autoload-element=1", True),
        (None, "/static/../../../../etc/passwd", True),
        (None, "/static/%2e%2e/%2e%2e/%2e%2e/params.yaml", True),
        (None, "/components/../../params.yaml", True),
        (None, "/params.yaml", True),
        (None, "/models/digits/drop/vae/0/generator.json", True),
        (None, "/metadata", True),
        (None, "/components/..%2f..", True),
        (None, "/static/js/bokeh-gl.min.js", False),
        (None, "/static/%00", True),
        (None, "/static/%ff", True),
        (None, "/static/%2500", True),
        (None, "/static/extensions/panel/%00", True),
        (None, f"/static/{'a' * 5000}", True),
    ],
)
def test_other_hosts_and_other_files_are_refused(address: str, host: str | None, path: str, refused: bool) -> None:
    status, content = ask(address, path, host)
    assert status in ((400, 403, 404) if refused else (200,))
    assert b"root:" not in content
    assert b"seed:" not in content


@pytest.mark.parametrize("path", ["/components/{}/x/_css/y", "/%63omponents/{}/x/_css/y", "//components/{}/x/_css/y"])
def test_no_module_is_imported_that_a_request_names(address: str, root: Path, path: str) -> None:
    """Panel imports it; any page in the browser could ask for it as its image."""
    status, content = ask(address, path.format("installed"))
    assert not (root / "imported").exists()
    assert (status, b"Component" in content) == (404, False)


def test_nor_is_one_where_other_machines_ask(tmp_path: Path) -> None:
    (tmp_path / "installed.py").write_text("from pathlib import Path\nPath(__file__).with_name('imported').touch()\n")
    with serving(tmp_path, "--address", "0.0.0.0") as url:
        assert ask(url, "/", "its-name")[0] == 200
        assert ask(url, "/components/installed/x/_css/y", "its-name")[0] == 404
    assert not (tmp_path / "imported").exists()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["", "static/", "static/extensions/panel/", "components/"]), st.binary(max_size=12))
def test_any_path_has_an_answer(address: str, place: str, name: bytes) -> None:
    """Without an error of the server, which the log would tell, too."""
    status, _ = ask(address, f"/{place}{quote(name, safe='/')}")
    assert status in (200, 301, 302, 400, 403, 404)


def ask(address: str, path: str, host: str | None = None) -> tuple[int, bytes]:
    """Return the status and the content that the server answers, to whoever calls it by this name."""
    port = int(address.rstrip("/").rpartition(":")[2])
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        connection.putrequest("GET", path, skip_host=host is not None)
        if host is not None:
            connection.putheader("Host", f"{host}:{port}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("generator", ["cvae", "smote"])
def test_it_fits_screens_and_asks_nobody_else(
    address: str, browser: Page, generator: str, width: int, scheme: str
) -> None:
    page = show(browser, address, generator, width, scheme)
    assert pixels(page).shape == (8, 8)
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    dark = browser.run("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    assert browser.errors == []
    assert len(browser.addresses) > 5
    mine = urlsplit(address).netloc
    assert {parts.netloc for url in browser.addresses if (parts := urlsplit(url)).scheme not in ("data", "blob")} == {
        mine
    }


@pytest.mark.parametrize("generator", ["cvae", "smote", "ddpm"])
def test_it_begins_with_the_minority(address: str, browser: Page, generator: str) -> None:
    page = show(browser, address, generator)
    chosen = page.get_by_label("Class", exact=True).first.evaluate("own => own.selectedOptions[0].label")
    assert chosen == "4"
    if generator != "ddpm":
        assert page.locator(PICTURE).get_attribute("alt") == "a made image of class 4"
    assert browser.errors == []


def test_a_slider_changes_the_picture(address: str, browser: Page) -> None:
    page = show(browser, address, "cvae")
    before = pixels(page)
    page.locator(".latent-slider .noUi-handle").first.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    after = wait_for_change(page, before)
    page.get_by_role("button", name="Reset").click()
    wait_for_change(page, after)
    wait_until_same(page, before)
    assert browser.errors == []


def test_a_dragged_slider_changes_the_picture_before_it_is_let_go(address: str, browser: Page) -> None:
    page = show(browser, address, "cvae")
    before = pixels(page)
    box = page.locator(".latent-slider .noUi-handle").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 5, steps=8)
    wait_for_change(page, before)
    page.mouse.up()


def test_a_class_changes_the_picture_and_the_plane(address: str, browser: Page) -> None:
    page = show(browser, address, "cvae")
    before, tiles = pixels(page), page.locator(".plane").screenshot()
    choose(page, "Class", "7")
    wait_for_change(page, before)
    until = time.monotonic() + 10
    while page.locator(".plane").screenshot() == tiles:  # It is drawn after the picture.
        assert time.monotonic() < until, "the plane does not change"
        page.wait_for_timeout(20)
    assert page.locator(PICTURE).get_attribute("alt") == "a made image of class 7"
    assert browser.errors == []


def test_random_latents_follow_the_seed(address: str, browser: Page) -> None:
    page = show(browser, address, "cvae")
    before = pixels(page)
    page.get_by_role("button", name="Random").click()
    first = wait_for_change(page, before)
    page.get_by_role("button", name="Random").click()
    wait_for_change(page, first)
    field = page.get_by_label("Seed")
    assert field.input_value() == "2"
    field.fill("1")
    field.press("Enter")
    wait_until_same(page, first)


@pytest.mark.parametrize("width", [390, 1440])
def test_the_plane_is_dragged(address: str, browser: Page, width: int) -> None:
    page = show(browser, address, "cvae", width)
    before = pixels(page)
    plane = page.locator(".plane")
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 50, steps=6)
    dragged = wait_for_change(page, before)
    page.mouse.up()
    page.mouse.click(x - 70, y - 60)
    wait_for_change(page, dragged)
    moved = page.locator(".latent-slider:visible .bk-slider-value").all_text_contents()
    assert len(moved) == 2
    assert max(abs(float(text)) for text in moved) > 0.2
    assert browser.errors == []


def test_a_way_leads_from_image_to_image(address: str, browser: Page) -> None:
    page = show(browser, address, "cvae")
    assert page.locator(".way img").count() == 10
    assert page.locator(".way-ends img").count() == 2
    before = pixels(page, ".way img >> nth=5")
    page.get_by_label("To: class").select_option(label="3")
    wait_for_change(page, before, ".way img >> nth=9")
    straight = pixels(page, ".way img >> nth=4")
    page.get_by_role("button", name="Spherical").click()
    page.wait_for_timeout(500)
    assert pixels(page, ".way img >> nth=4").shape == straight.shape
    first = pixels(page, ".way img >> nth=0")
    page.get_by_role("button", name="Sliders to the first").click()
    wait_until_same(page, first)
    assert browser.errors == []


def test_neighbours_are_shown(address: str, browser: Page) -> None:
    page = show(browser, address, "cvae")
    assert page.locator(".neighbours img").count() == 6
    assert page.locator(".neighbours figcaption").first.text_content().startswith("4, distance ")


def wait_until(page: Any, holds: Callable[[], bool]) -> None:  # noqa: ANN401  playwright may not be installed
    """Wait until something holds of a page, for as long as a busy machine may take."""
    for _ in range(60):
        if holds():
            return
        page.wait_for_timeout(500)
    assert holds()


def test_pages_of_sliders_and_single_latents(address: str, browser: Page) -> None:
    page = show(browser, address, "bagan")
    names = page.locator(".latent-slider .bk-slider-title")
    assert names.first.text_content().startswith("axis 1:")
    page.get_by_role("button", name="Next").click()
    sliders = page.locator(".latent-slider:visible")
    wait_until(page, lambda: names.first.text_content().startswith("axis 11:") and sliders.count() == 2)
    page.get_by_role("button", name="Latent dimensions").click()
    wait_until(page, lambda: names.first.text_content().startswith("latent ") and sliders.count() == 10)
    assert page.locator(".plane").count() == 0
    assert browser.errors == []


def test_picture_and_latent_are_downloaded(address: str, browser: Page) -> None:
    page = show(browser, address, "cvae")
    choose(page, "Class", "5")
    page.wait_for_selector(f"{PICTURE}[alt='a made image of class 5']")
    with page.expect_download() as download:
        page.get_by_text("Picture (PNG)").click()
    assert download.value.suggested_filename == "digits_drop_cvae_draw1_5.png"
    assert (np.asarray(Image.open(download.value.path())) == pixels(page)).all()
    with page.expect_download() as download:
        page.get_by_text("Latent vector (JSON)").click()
    facts = json.loads(Path(download.value.path()).read_text())
    assert facts["class"] == "5"
    assert len(facts["latent"]) == 2


def test_without_latents_it_says_of_what_an_image_is_made(address: str, browser: Page) -> None:
    page = show(browser, address, "smote")
    choose(page, "Class", "4")
    assert page.locator(".latent-slider").count() == 0
    assert page.locator(".parents img").count() == 2
    assert "Between two neighbours of its class" in page.locator(".parents p").text_content()
    before = pixels(page)
    page.get_by_role("button", name="Another").click()
    wait_for_change(page, before)
    assert browser.errors == []


def test_a_diffusion_shows_its_steps(address: str, browser: Page) -> None:
    page = show(browser, address, "ddpm")
    before = pixels(page)
    page.locator(".noUi-handle").first.focus()
    page.keyboard.press("ArrowLeft")
    wait_for_change(page, before)
    assert "Step 4 of 5" in page.locator(".picture h3").text_content()
    assert page.locator(".frames img").count() == 6
    assert browser.errors == []


def test_a_foreign_model_is_said_on_the_page(address: str, browser: Page) -> None:
    page = show(browser, address, "foreign")
    assert "generator.json: not a result of this version" in page.locator(".problem").text_content()
    page.get_by_label("Generator", exact=True).select_option(label="smote")  # and the others still are there
    page.wait_for_selector(PICTURE)
    assert pixels(page).shape == (8, 8)
    assert browser.errors == []


def test_where_nothing_was_trained_the_page_says_so(tmp_path: Path, browser: Page) -> None:
    port = find_port()
    words = [sys.executable, "-m", "counterweight", "explore", "--no-open", "--port", str(port)]
    words += ["--params", str(tmp_path / "params.yaml")]
    with subprocess.Popen(words, cwd=ROOT, env=None, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(port, server)
            browser.show(f"http://127.0.0.1:{port}/", 1440, "light")
            browser.page.wait_for_selector(".problem")
            assert (
                "models: no trained model; `dvc repro` makes those of the table"
                in browser.page.locator(".problem").text_content()
            )
            assert browser.errors == []
        finally:
            server.send_signal(signal.SIGINT)


def test_no_module_runs_that_lies_in_a_strangers_folder(tmp_path: Path) -> None:
    """Neither as the page is served nor as it is asked for, whatever process does it."""
    ran, port = tmp_path / "ran", find_port()
    for name in ("numpy", "PIL", "torch", "panel", "bokeh", "socket", "random", "sitecustomize", "usercustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write(__name__)")
    script = Path(sys.executable).parent / "counterweight"
    words = [script, "explore", "--no-open", "--port", str(port)]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(port, server)
            with closing(HTTPConnection("127.0.0.1", port)) as connection:
                connection.request("GET", "/")
                assert connection.getresponse().status == 200
        finally:
            server.send_signal(signal.SIGINT)
    assert not ran.exists()
