"""A package index on this machine, for the real uv: wheels in a folder, with days of upload.

    with serving(wheels, {"demo-1.0": "2020-03-01"}) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)

A package with a hyphen in its name has an underscore there in the names of its wheels.

It speaks the JSON of the simple repository API (PEP 691, PEP 700); without days it tells no upload
times, as plain mirrors do. ``write_index`` makes an index of files (PEP 503), without a server.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

#: A file in the folder of wheels: while it is there, each is answered with 503.
OUT_OF_ORDER = "out-of-order"

JSON = "application/vnd.pypi.simple.v1+json"


@contextlib.contextmanager
def serving(
    wheels: Path,
    days: Mapping[str, str] | None = None,
    yanked: Mapping[str, str] | None = None,
    login: str | None = None,
) -> Iterator[str]:
    """Serve the ``wheels`` of a folder; yields the address of the index. ``days``: when a version
    was uploaded, by "name-version"; a wheel without one tells no time. ``yanked``: why one was
    withdrawn, by the same. ``login``: "user:password", without which nothing is answered. While the
    folder has a file OUT_OF_ORDER, no wheel is served."""
    wanted = f"Basic {base64.b64encode(login.encode()).decode()}" if login else None

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:  # uv asks whether it can have a part of a wheel
            self.do_GET()

        def do_GET(self) -> None:
            if wanted not in (None, self.headers.get("Authorization")):
                self._answer(401, b"", "text/plain")
                return
            if (wheels / OUT_OF_ORDER).exists() and self.path.startswith("/files/"):
                self._answer(503, b"", "text/plain")
                return
            parts = self.path.strip("/").split("/")
            if parts[0] == "simple" and len(parts) == 2:
                name = parts[1].replace("-", "_")
                found = sorted(wheels.glob(f"{name}-*"))
                files = [_told(path, days or {}, yanked or {}) for path in found]
                page = {"meta": {"api-version": "1.1"}, "name": parts[1], "files": files}
                self._answer(200 if files else 404, json.dumps(page).encode(), JSON)
            elif parts[0] == "files" and (wheels / parts[-1]).is_file():
                self._answer(200, (wheels / parts[-1]).read_bytes(), "application/zip")
            else:
                self._answer(404, b"", "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "max-age=0")  # uv keeps it, and asks again
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # It looks every 20 ms whether it is to end: by default every half a second, which many pay for.
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()


def write_index(folder: Path, wheels: Path, days: Mapping[str, str] | None = None) -> str:
    """Write an index of the ``wheels`` of a folder; returns its address. ``days``: as above."""
    for wheel in sorted(wheels.glob("*.whl")):
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        day = (days or {}).get("-".join(wheel.name.split("-")[:2]))
        when = f' data-upload-time="{day}T12:00:00Z"' if day else ""
        page = folder / wheel.name.partition("-")[0] / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        with page.open("a") as file:
            file.write(f'<a href="{wheel.as_uri()}#sha256={digest}"{when}>{wheel.name}</a><br/>\n')
    return folder.as_uri()


def _told(wheel: Path, days: Mapping[str, str], yanked: Mapping[str, str]) -> dict[str, object]:
    body = wheel.read_bytes()
    told: dict[str, object] = {
        "filename": wheel.name,
        "url": f"/files/{wheel.name}",
        "hashes": {"sha256": hashlib.sha256(body).hexdigest()},
        "size": len(body),
    }
    version = "-".join(wheel.name.split("-")[:2])
    if version in days:
        told["upload-time"] = f"{days[version]}T12:00:00Z"
    if version in yanked:
        told["yanked"] = yanked[version] or True
    return told
