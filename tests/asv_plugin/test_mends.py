"""Our mends of asv are still needed: each test shows asv without one of them."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest
from asv import results
from asv.commands import preview

from tests.tiny import MODES, Tiny
from vggbench.asv_plugin import mends

asv_is_started = pytest.mark.asv


def without_mends(tiny: Tiny) -> Tiny:
    """From now on, asv loads the plugin's Repo and Environment there, but no mends."""
    (tiny.folder / "unmended.py").write_text("from vggbench.asv_plugin import environment, repo\n")
    conf = tiny.folder / "asv.conf.json"
    conf.write_text(json.dumps({**json.loads(conf.read_text()), "plugins": [".unmended"]}))
    return tiny


@asv_is_started
def test_asv_alone_puts_failures_over_the_results_of_what_it_cannot_install(measured: Tiny):
    before = measured.result_path("tinyframe-1.1").read_bytes()
    shutil.rmtree(measured.environments)
    (measured.releases / "tinyframe" / "1.1-cpu.txt").write_text("tampered==1\n")

    done = measured.asv("run", "tinyframe-1.1")
    assert done.status == 2
    assert measured.result_path("tinyframe-1.1").read_bytes() == before
    assert not list(measured.environments.glob("*frame-*")), "nothing else was installed for it"

    done = without_mends(measured).asv("run", "tinyframe-1.1")
    assert done.status == 2
    assert list(measured.values("tinyframe-1.1").values()) == [None] * len(MODES)
    installed = {path.name for path in measured.environments.glob("*frame-*")}
    assert installed == {"tinyframe-2.0-b1-cpu"}, "asv discovers benchmarks in a branch's tip"


@asv_is_started
def test_asv_alone_lists_ids_and_removes_by_them(measured: Tiny):
    assert "tinyframe-1.1" not in without_mends(measured).asv("show")
    assert "Removing 0 files" in measured.asv("rm", "-y", "commit_hash=tinyframe-1.1")


@asv_is_started
def test_asv_preview_alone_ends_in_a_traceback_where_there_are_no_pages(measured: Tiny):
    asv = without_mends(measured).popen("preview")
    output, _ = asv.communicate()
    assert "Traceback" in output
    assert "FileNotFoundError" in output


def test_asv_preview_alone_listens_on_all_interfaces(monkeypatch):
    asked = []

    class Server:
        def __init__(self, address, handler):
            asked.append(address)

    monkeypatch.setattr(preview, "socketserver", SimpleNamespace(ThreadingTCPServer=Server))
    preview.create_httpd(None, port=8123)
    assert asked == [("", 8123)]


class Unwritable:
    """What JSON cannot hold: writing it stops half-way, as a kill or a full disk does."""


def test_asv_alone_leaves_half_a_result_where_writing_stops(tmp_path):
    assert not hasattr(results.Results.save, "mended")
    whole = results.Results({"machine": "box"}, {}, "a" * 40, 0, "locked", "env", {})
    whole.save(str(tmp_path))
    (path,) = (tmp_path / "box").iterdir()
    text = path.read_text()

    broken = results.Results(
        {"machine": "box", "z": Unwritable()}, {}, "a" * 40, 0, "locked", "env", {}
    )
    with pytest.raises(TypeError):
        mends._mended_save(results.Results.save)(broken, str(tmp_path))
    assert path.read_text() == text

    with pytest.raises(TypeError):
        broken.save(str(tmp_path))
    assert path.read_text() != text
