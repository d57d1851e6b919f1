"""A headless Chromium for tests; they are skipped, saying why, where none is installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


class Page:
    """One page of a browser, what went wrong in it, and what it asked for."""

    def __init__(self, browser: Any) -> None:  # noqa: ANN401  playwright may not be installed
        self.browser = browser
        self.page: Any = None
        self.errors: list[str] = []
        self.addresses: list[str] = []

    def show(self, address: str, width: int, scheme: str, touch: bool = False) -> None:
        """Open an address in a new window, or on a phone's screen that is touched."""
        if self.page is not None:
            self.page.context.close()
        self.errors, self.addresses = [], []
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, has_touch=touch
        )
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("request", lambda request: self.addresses.append(request.url))
        self.page.on("websocket", lambda socket: self.addresses.append(socket.url))
        self.page.goto(address)
        self.page.wait_for_load_state("networkidle")

    def run(self, script: str) -> Any:  # noqa: ANN401  whatever the script says
        """Return what a script says."""
        return self.page.evaluate(script)

    def click(self, selector: str) -> None:
        """Click on something."""
        self.page.click(selector)

    def wait(self, script: str) -> None:
        """Wait until a script says yes."""
        self.page.wait_for_function(script)


@contextmanager
def open_browser() -> Iterator[Page]:
    """Yield a page of a browser."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium on the path")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield Page(browser)
        finally:
            browser.close()
