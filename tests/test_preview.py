"""vggbench preview serves the pages to this machine alone."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vggbench import preview

from .browser import Surf


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "html"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>a</title><h1>Hello</h1>")
    return folder


def test_it_listens_on_the_loopback_alone(pages: Path) -> None:
    with preview.server(pages, 0) as serving:
        assert serving.server_address[0] == "127.0.0.1"


def test_pages_that_are_published_again_are_served_by_the_same_server(
    pages: Path, tmp_path: Path
) -> None:
    with preview.server(pages, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,))
        thread.start()
        try:
            pages.rename(tmp_path / "old")
            pages.mkdir()
            (pages / "index.html").write_text("new")
            connection = http.client.HTTPConnection("127.0.0.1", serving.server_address[1])
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert answer.read() == b"new"
            assert answer.headers["Cache-Control"] == "no-cache"
            connection.request("GET", "/../old/index.html")
            assert connection.getresponse().status == 404
            connection.close()
        finally:
            serving.shutdown()
            thread.join()


@contextlib.contextmanager
def asking(pages: Path) -> Iterator[Callable[..., tuple[int, bytes]]]:
    """A function that asks a server of the pages, and returns its status and answer."""
    with preview.server(pages, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,))
        thread.start()
        port = serving.server_address[1]

        def ask(path: str, **headers: str) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            try:
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                return answer.status, answer.read()
            finally:
                connection.close()

        try:
            yield ask
        finally:
            serving.shutdown()
            thread.join()


def test_links_that_lead_out_of_the_folder_are_refused(pages: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("key")
    (pages / "key").symlink_to(tmp_path / "secret" / "key")
    (pages / "folder").symlink_to(tmp_path / "secret")
    (pages / "again.html").symlink_to(pages / "index.html")
    elsewhere = tmp_path / "link"
    elsewhere.symlink_to(pages)
    with asking(elsewhere) as ask:
        for path in ("/key", "/folder/key", "/folder/"):
            status, answer = ask(path)
            assert (status, b"key" in answer) == (403, False)
        assert ask("/again.html")[0] == 200, "a link within the folder is one of its pages"


@pytest.mark.parametrize("host", ["attacker.example", "127.0.0.1.attacker.example:8080", ""])
def test_a_page_of_another_name_gets_nothing(pages: Path, host: str) -> None:
    with asking(pages) as ask:
        assert ask("/", Host=host)[0] == 403
        for own in ("127.0.0.1:9000", "localhost", "LOCALHOST:8080", "[::1]:8080"):
            assert ask("/", Host=own)[0] == 200


def test_without_pages_it_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(preview.PreviewError, match="asv publish"):
        preview.server(tmp_path / "html", 0)


def test_a_port_that_is_taken_is_one_line(pages: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(preview.PreviewError, match=f"port {port} .*--port"):
            preview.server(pages, port)


def test_a_number_that_is_no_port_is_one_line(pages: Path) -> None:
    with pytest.raises(preview.PreviewError, match="70000 is no port"):
        preview.server(pages, 70000)


@pytest.mark.browser
def test_a_visit_notes_every_request_for_another_host_and_every_error(
    pages: Path, surf: Surf
) -> None:
    (pages / "index.html").write_text(
        "<!doctype html><link rel=icon href=data:,>"
        "<img src=http://elsewhere.example/a.png><img src=none.png>"
        "<script>console.error('broken'); throw new Error('thrown')</script>"
    )
    with surf(pages, clean=False) as visit:
        visit.goto("index.html")
        found = "\n".join(visit.faults)
    assert "asked another host: http://elsewhere.example/a.png" in found
    assert "404: " in found
    assert "none.png" in found
    assert "console: broken" in found
    assert "exception: thrown" in found


@pytest.mark.browser
def test_a_page_that_asks_for_nothing_else_is_clean(pages: Path, surf: Surf) -> None:
    (pages / "swallow.css").write_text("h1 { color: red }")
    (pages / "index.html").write_text(
        "<!doctype html><link rel=icon href=data:,><link rel=stylesheet href=swallow.css><h1>Hello"
    )
    with surf(pages) as visit:
        visit.goto("index.html")
        assert visit.page.inner_text("h1") == "Hello"
        assert visit.requested == ["index.html", "swallow.css"]
        assert visit.bytes_received > 30
