"""A real browser on published pages: the system's Chromium or Chrome, driven by Playwright.

    def test_a_page_says_hello(surf: Surf) -> None:
        with surf(html_dir) as visit:
            visit.goto("index.html")
            assert visit.page.inner_text("h1") == "Hello"

``surf`` (tests/conftest.py) serves the folder as ``vggbench preview`` does. The browser is cut off
from everything else: a request for another host is aborted and noted. At the end of the block the
visit must have been clean: no foreign request, no failed one, nothing on the console that is an
error, no exception of a script. Mark such tests ``browser``.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, Route

from vggbench import preview

PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)

#: Names the browser's program where it is none of these on PATH.
VARIABLE = "VGGBENCH_BROWSER"

NONE_FOUND = (
    f"no Chromium or Chrome on PATH (nor named by {VARIABLE}): the pages were not tested in a "
    f"browser; get one with: apt-get install chromium"
)

#: Milliseconds for anything that a page is waited for; a busy machine is slow.
PATIENCE_MS = 30_000

#: asv's pages were made for screens of this size and larger.
DESKTOP = {"width": 1280, "height": 900}

Surf = Callable[..., AbstractContextManager["Visit"]]


@functools.cache
def find() -> str | None:
    """The path of a Chromium or Chrome, None where there is none."""
    named = os.environ.get(VARIABLE)
    found = (shutil.which(name) for name in ((named,) if named else PROGRAMS))
    return next((path for path in found if path), None)


class Visit:
    """A page in a fresh browser context on one server, and all that went wrong in it."""

    def __init__(self, page: Page, address: str):
        self.page = page
        self.address = address
        self.faults: list[str] = []
        #: Addresses asked for, without the server's own, and the bytes that came back.
        self.requested: list[str] = []
        self.bytes_received = 0
        self._leaving = False
        page.set_default_timeout(PATIENCE_MS)
        page.route("**/*", self._only_our_server)
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))

    def goto(self, path: str = "") -> None:
        """Load ``path`` (with its query and hash) anew, and wait until it asks for nothing more."""
        self._leaving = True
        self.page.goto("about:blank")
        self._leaving = False
        self.page.goto(self.address + path, wait_until="networkidle")

    def settle(self) -> None:
        """Wait until the page asks for nothing more."""
        self.page.wait_for_load_state("networkidle")

    def _only_our_server(self, route: Route) -> None:
        if route.request.url.startswith((self.address, "data:", "blob:")):
            self.requested.append(route.request.url.removeprefix(self.address))
            route.continue_()
        else:
            self.faults.append(f"asked another host: {route.request.url}")
            route.abort()

    def _failed(self, request: Request) -> None:
        # Chromium asks for the icon again when the address changes, and drops that when we leave.
        if not (self._leaving and request.failure == "net::ERR_ABORTED"):
            self.faults.append(f"failed: {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")
        self.bytes_received += int(response.headers.get("content-length", 0))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text}")


@contextlib.contextmanager
def visiting(
    browser: Browser, html_dir: Path, clean: bool = True, **context: Any
) -> Iterator[Visit]:
    """Serve ``html_dir`` and open a page on it; at the end it must have been ``clean``.

    context: options of Playwright's new_context, such as color_scheme="dark" and viewport.
    """
    serving = preview.server(html_dir, 0)
    # It looks every 20 ms whether it is to end: by default every half a second, which many pay for.
    thread = threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    own = browser.new_context(**{"viewport": DESKTOP, **context})
    try:
        visit = Visit(own.new_page(), preview.url(serving))
        yield visit
        if clean:
            assert not visit.faults, "; ".join(visit.faults)
    finally:
        own.close()
        serving.shutdown()
        serving.server_close()
        thread.join()
