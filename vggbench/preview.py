"""``vggbench preview``: serve the published pages on 127.0.0.1, to this machine's users alone."""

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

#: The host names that a request may give. Its port is not looked at: it may be a tunnel's.
NAMES = (LOOPBACK, "localhost", "[::1]")

#: The ports that are tried in this order where the user names none: those of asv preview, then any
#: port that is free.
PORTS = (8080, 8081, 8082, 8083, 8084, 0)


class PreviewError(VggbenchError):
    """The pages cannot be served."""


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def send_head(self) -> Any:
        """Refuse a request for a file outside the folder, such as one that a symbolic link leads
        to, and a request under another host name than NAMES: the owner of such a name could have it
        point to this machine (DNS rebinding)."""
        host = self.headers.get("Host", LOOPBACK)
        folder = Path(self.directory).resolve()
        path = Path(self.translate_path(self.path)).resolve()
        if _name_of(host) not in NAMES or not path.is_relative_to(folder):
            self.send_error(http.HTTPStatus.FORBIDDEN)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        # A browser must not show its old copy of a page that was published again.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *args: object) -> None:
        """Print nothing, because a page asks for dozens of files."""


def _name_of(host: str) -> str:
    """The name in a Host header, in lower case and without the port."""
    name, colon, port = host.strip().lower().rpartition(":")
    return name if colon and port.isdecimal() else host.strip().lower()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing, because a browser may leave in the middle of an answer."""


def server(html_dir: Path, port: int | None = None) -> http.server.ThreadingHTTPServer:
    """A server of ``html_dir``, which is bound to its port and does not serve yet. ``port`` 0 is
    any port that is free.

    Each request looks the folder up anew, and the same server therefore serves pages that are
    published again. Raises PreviewError where there are no pages or the port cannot be used.
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


def url(serving: http.server.ThreadingHTTPServer) -> str:
    return f"http://{LOOPBACK}:{serving.server_address[1]}/"


def run(html_dir: Path, port: int | None, say: Callable[[str], None]) -> int:
    """Serve the pages until Ctrl-C. Returns the exit status, 0. Raises PreviewError."""
    with server(html_dir, port) as serving:
        try:
            # Whoever reads this line may be as quick as to end it at once.
            say(f"The pages are at {url(serving)} for this machine alone; Ctrl-C ends it.")
            serving.serve_forever()
        except KeyboardInterrupt:
            say("")
    return 0
