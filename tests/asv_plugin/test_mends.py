"""Our mends of asv are still needed: each test shows asv without one of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from asv import graph, results
from asv.commands import preview

from vggbench.asv_plugin import mends

from ..tiny import MODES, Tiny

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


@asv_is_started
def test_asv_alone_removes_whatever_is_in_the_folder_that_it_publishes_to(
    measured: Tiny, tmp_path: Path
):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    assert without_mends(measured).asv("publish", "-o", str(mine)).status == 0
    assert not (mine / "thesis.tex").exists()


@asv_is_started
def test_asv_alone_lists_no_regression_where_one_track_of_several_was_measured(measured: Tiny):
    """Its page looks for the branch in the params of each, which asv leaves out."""
    regressions = measured.folder / ".asv" / "html" / "regressions.json"
    assert without_mends(measured).asv("publish").status == 0
    found = json.loads(regressions.read_text())["regressions"]
    assert found
    assert all("branch" not in params for _, _, params, *_ in found)


@asv_is_started
def test_asv_alone_ends_in_a_traceback_where_it_cannot_publish(measured: Tiny, tmp_path: Path):
    (tmp_path / "file").write_text("")
    asv = without_mends(measured).popen("publish", "-o", str(tmp_path / "file"))
    output, _ = asv.communicate()
    assert "Traceback" in output


def test_asv_alone_computes_a_graphs_data_anew_for_each_use_and_gives_each_line_away_by_itself():
    alone = graph.Graph("benchmark", {})
    alone.add_data_point(1, [1.0, 2.0], [None, None])
    assert alone.get_data() is not alone.get_data()
    given: list[object] = []
    alone.detect_steps(SimpleNamespace(apply_async=lambda *args: given.append(args)))
    assert len(given) == 2


@asv_is_started
def test_asv_alone_has_a_line_for_each_profile_and_none_for_what_a_pattern_selects(measured: Tiny):
    done = without_mends(measured).asv(
        "run", "tinyframe-1.1", "--bench", "nonsense", env={"VGGBENCH_PROFILE": "cpu-quick"}
    )
    assert done.status == 1
    assert "gpu-paper is not measured: not asked for" in done
    assert "No benchmarks selected" in done
