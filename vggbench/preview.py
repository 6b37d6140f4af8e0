"""``vggbench preview``: the published pages on 127.0.0.1, to this machine's users alone."""

from __future__ import annotations

import errno
import functools
import http
import http.server
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import VggbenchError

LOOPBACK = "127.0.0.1"

#: What this machine may be asked as; the port may be that of a tunnel.
NAMES = (LOOPBACK, "localhost", "[::1]")

#: Tried in this order where none is asked for, as asv preview does; then whatever is free.
PORTS = (8080, 8081, 8082, 8083, 8084, 0)


class PreviewError(VggbenchError):
    """The pages cannot be served."""


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def send_head(self) -> Any:
        """Nothing that a link leads out of the folder to, and nothing for a page of another name:
        its owner could have it point here (DNS rebinding)."""
        asked = self.headers.get("Host", LOOPBACK)
        inside = Path(self.directory).resolve()
        path = Path(self.translate_path(self.path)).resolve()
        if _name_of(asked) not in NAMES or not path.is_relative_to(inside):
            self.send_error(http.HTTPStatus.FORBIDDEN)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        # What was published again under the same name must be asked for again.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing: a page asks for dozens of files."""


def _name_of(host: str) -> str:
    name, colon, port = host.strip().lower().rpartition(":")
    return name if colon and port.isdecimal() else host.strip().lower()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a browser that leaves in the middle of an answer is no fault of ours."""


def server(html_dir: Path, port: int | None = None) -> http.server.ThreadingHTTPServer:
    """A server of ``html_dir``, bound and not yet serving; ``port`` 0 is any that is free.

    The folder is looked up anew by each request, so publishing again needs no new server. Raises
    PreviewError.
    """
    if not (html_dir / "index.html").is_file():
        raise PreviewError(f"there are no pages in {html_dir} yet; make them: asv publish")
    handler = functools.partial(_Handler, directory=str(html_dir))
    for candidate in PORTS if port is None else (port,):
        try:
            return _Server((LOOPBACK, candidate), handler)
        except OverflowError:
            raise PreviewError(f"{candidate} is no port; choose one up to 65535") from None
        except OSError as err:
            if port is None and err.errno == errno.EADDRINUSE:
                continue
            raise PreviewError(
                f"port {candidate} cannot be listened on: {err.strerror}; choose another: --port"
            ) from None
    raise PreviewError("no port is free")


def url(server: http.server.ThreadingHTTPServer) -> str:
    return f"http://{LOOPBACK}:{server.server_address[1]}/"


def run(html_dir: Path, port: int | None, say: Callable[[str], None]) -> int:
    """Serve until Ctrl-C; the exit status."""
    with server(html_dir, port) as serving:
        say(f"The pages are at {url(serving)} for this machine alone; Ctrl-C ends it.")
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            say("")
    return 0
