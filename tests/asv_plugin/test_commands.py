"""The commands of asv besides run, with releases wherever asv says commit."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from ..tiny import BENCHMARK, MACHINE, PATIENCE_S, Ended, Tiny

pytestmark = pytest.mark.asv

PLAIN = ("--bench", r"\('plain'\)")


def last_line(done: Ended) -> str:
    return done.output.strip().splitlines()[-1]


# -- reading results


def test_compare_shows_which_release_is_slower(measured: Tiny):
    done = measured.asv("compare", "tinyframe-1.1", "tinyframe-1.2")
    assert done.status == 0
    (plain,) = done.lines_with("('plain')")
    assert [cell.strip() for cell in plain.split("|")[1:5]] == [
        "+",
        "10.0±0.1ms",
        "30.0±0.3ms",
        "3.00",
    ]
    (impossible,) = done.lines_with("('impossible')")
    assert "n/a" in impossible
    assert "<tinyframe-1.1>" in done


def test_compare_names_the_release_that_was_not_measured(measured: Tiny):
    for both in (("otherframe-7.0", "tinyframe-1.2"), ("tinyframe-1.2", "otherframe-7.0")):
        done = measured.asv("compare", *both)
        assert done.status == 1
        assert last_line(done).endswith(
            f"otherframe-7.0 has no results on {MACHINE} of what was asked for; "
            "measure it there with: asv run otherframe-7.0"
        )


def test_compare_of_equals_marks_nothing(measured: Tiny):
    done = measured.asv("compare", "tinyframe==1.0", "tinyframe-1.2^")
    assert done.status == 0
    for mode in ("plain", "fused"):
        (line,) = done.lines_with(f"('{mode}')")
        assert [cell.strip() for cell in line.split("|")][1] == ""
        assert "1.00" in line


def test_show_lists_releases_by_name(measured: Tiny):
    done = measured.asv("show")
    assert done.status == 0
    shown = [line.split()[-1] for line in done.lines_with("<tinyframe-")]
    by_date = ["1.0", "1.1", "1.2", "2.0", "1.10"]
    assert shown == [f"<tinyframe-{version}>" for version in by_date]
    durations = measured.asv("show", "--durations")
    assert durations.status == 0
    assert len(durations.lines_with("<tinyframe-")) == 5


def test_show_a_release_by_its_name(measured: Tiny):
    commit = measured.release("tinyframe-1.2").commit
    for word in ("tinyframe-1.2", "tinyframe==1.2", commit[:8]):
        done = measured.asv("show", word)
        assert done.status == 0
        assert f"Commit: {commit[:8]} <tinyframe-1.2>" in done
        assert "30.0±0.3ms" in done


@pytest.mark.parametrize(
    "command",
    [
        ("show", "tinyframe-1.5"),
        ("compare", "tinyframe-1.5", "tinyframe-1.2"),
        ("continuous", "tinyframe-1.0", "tinyframe-1.5"),
        ("rm", "-y", "commit_hash=tinyframe-1.5"),
        ("publish", "tinyframe-1.5"),
        ("find", "tinyframe-1.0..tinyframe-1.5", "time_train_step"),
    ],
    ids=lambda command: command[0],
)
def test_an_unknown_release_gets_one_line_with_the_nearest(measured: Tiny, command: tuple[str]):
    done = measured.asv(*command)
    assert done.status == 1
    assert "the nearest are tinyframe-1.2 and tinyframe-1.10" in last_line(done)


def test_rm_removes_the_results_of_a_release(measured: Tiny):
    before = measured.measured()
    done = measured.asv("rm", "-y", "commit_hash=tinyframe-1.1")
    assert done.status == 0
    assert "Removing 1 files" in done
    assert before - measured.measured() == {"tinyframe-1.1"}
    assert measured.records("tinyframe-1.1"), "records are never removed"


def test_rm_says_that_records_stay_and_what_has_them_not_count(measured: Tiny):
    done = measured.asv("rm", "-y", "commit_hash=tinyframe-1.2")
    (line,) = done.lines_with("the records stay, and verdicts, rates and pages count them")
    assert "excluded.toml" in line
    assert "tinyframe-1.2" in measured.vggbench("rates")
    (measured.folder / "excluded.toml").write_text(
        '[[excluded]]\nreason = "a fan had failed"\nrelease = "tinyframe-1.2"\n'
    )
    rates = measured.vggbench("rates")
    assert not rates.lines_with("tinyframe-1.2 ")
    (line,) = rates.lines_with("excluded (a fan had failed)")
    assert line.endswith("tinyframe-1.2")
    (line,) = measured.vggbench("verdict", "--all").lines_with("excluded (a fan had failed)")
    done = measured.asv("publish")
    assert done.status == 0, done.output
    assert done.lines_with("tinyframe-1.2 are on no page: excluded (a fan had failed)")
    # What is kept of a machine's pages is made again when the file changes.
    (measured.folder / "excluded.toml").unlink()
    assert "are on no page" not in measured.asv("publish")


@pytest.mark.parametrize(
    "command",
    [
        ("show", "--bench", "(", "tinyframe-1.2"),
        ("continuous", "--bench", "(", "tinyframe-1.0", "tinyframe-1.1"),
        ("profile", "(", "tinyframe-1.1"),
        ("find", "tinyframe-1.0..tinyframe-1.1", "("),
        ("run", "--bench", "[", "tinyframe-1.1"),
    ],
    ids=lambda command: command[0],
)
def test_a_pattern_that_is_no_regular_expression_is_one_line(
    measured: Tiny, command: tuple[str, ...]
):
    done = measured.asv(*command)
    assert done.status == 1
    assert "selects no benchmark: it is no regular expression" in last_line(done)


@pytest.mark.parametrize("text", ["{", "[]", '{"testbox": {}}', '{"version": 99}', "\xff"])
def test_what_asv_knows_of_machines_is_named_where_it_is_damaged(bare_tiny: Tiny, text: str):
    file = bare_tiny.home / ".asv-machine.json"
    file.write_text(text)
    for done in (
        bare_tiny.asv("run", "tinyframe-1.0", *PLAIN),
        bare_tiny.asv("publish"),
        bare_tiny.vggbench("rates"),
    ):
        assert done.status in (1, 2)
        assert "what asv knows of machines, is damaged" in done, done.output
        (line,) = done.lines_with("what asv knows of machines, is damaged")
        assert str(file) in line
        assert "move it aside, then: asv machine --yes" in line


def test_results_that_cannot_be_written_are_one_line(bare_tiny: Tiny):
    bare_tiny.results.write_text("no folder")
    done = bare_tiny.asv("run", "tinyframe-1.0", *PLAIN)
    assert done.status != 0
    assert str(bare_tiny.results) in last_line(done)


def test_results_of_a_release_that_was_taken_off_stay_readable(measured: Tiny):
    commit = measured.release("tinyframe-1.1").commit
    (measured.releases / "tinyframe" / "1.1.json").unlink()
    done = measured.asv("show")
    assert done.status == 0
    assert commit[:8] in done
    assert "10.0±0.1ms" in measured.asv("show", commit[:8])
    assert "3.00" in measured.asv("compare", commit[:8], "tinyframe-1.2")
    done = measured.asv("publish")
    assert done.status == 0
    assert f"results of tinyframe-1.1 ({commit[:8]}) are on no page" in done
    assert "Removing 1 files" in measured.asv("rm", "-y", f"commit_hash={commit[:8]}")


# -- pages


def graphs(tiny: Tiny, branch: str) -> list[Path]:
    """The data of the graphs of the tiny benchmark on ``branch``, one file a line."""
    found = (tiny.folder / ".asv" / "html" / "graphs").rglob(f"{BENCHMARK}.json")
    return [path for path in found if f"branch-{branch}" in path.parts]


def test_publish_draws_all_releases_as_one_line(measured: Tiny):
    done = measured.asv("publish")
    assert done.status == 0, done.output
    assert [line for line in done.output.splitlines() if line and not line.startswith("[")] == []
    (line,) = graphs(measured, "tinyframe")
    points = json.loads(line.read_text())
    plain = [values[0] for _, values in points]
    assert plain == pytest.approx([0.010, 0.010, 0.030, 0.030, 0.030])
    assert not graphs(measured, "otherframe")
    pythons = {record["python"] for record in measured.records() if record["outcome"] == "ok"}
    assert len(pythons) == len({r.split(".")[1] for r in pythons}) == 2

    index = json.loads((measured.folder / ".asv" / "html" / "index.json").read_text())
    names = {revision: name for name, revision in index["tags"].items()}
    assert [names[revision] for revision, _ in points] == [
        f"tinyframe-{version}" for version in ("1.0", "1.1", "1.2", "1.10", "2.0")
    ]
    regressions = json.loads((measured.folder / ".asv" / "html" / "regressions.json").read_text())
    found = {entry[0]: entry[4] for entry in regressions["regressions"]}
    assert f"{BENCHMARK}('plain')" in found


def test_profiles_and_tracks_are_lines_of_their_own(measured: Tiny):
    for asked, profile in (("tinyframe", "cpu-paper"), ("otherframe", "cpu-quick")):
        done = measured.asv("run", asked, *PLAIN, "-q", env={"VGGBENCH_PROFILE": profile})
        assert done.status == 0, done.output
    assert measured.asv("publish").status == 0
    lines = graphs(measured, "tinyframe")
    assert len(lines) == 2
    assert [len(json.loads(line.read_text())) for line in lines] == [5, 5]
    assert len(graphs(measured, "otherframe")) == 1


def test_publish_can_be_told_the_releases(measured: Tiny):
    done = measured.asv("publish", "tinyframe>=1.2")
    assert done.status == 0
    (line,) = graphs(measured, "tinyframe")
    assert len(json.loads(line.read_text())) == 3


def test_preview_listens_on_the_loopback_alone(measured: Tiny):
    done = measured.asv("preview")
    assert done.status == 1
    assert "make them: asv publish" in last_line(done)

    assert measured.asv("publish").status == 0
    server = measured.popen("preview")
    try:
        listening = wait_for_listener(psutil.Process(server.pid))
        assert {address.ip for address in listening} == {"127.0.0.1"}
        page = f"http://127.0.0.1:{listening[0].port}/index.json"
        with urllib.request.urlopen(page, timeout=PATIENCE_S) as answer:
            assert json.load(answer)["project"] == "vggbench"
    finally:
        server.kill()
        server.communicate()


def wait_for_listener(process: psutil.Process) -> list:
    """The addresses that ``process`` listens on, as soon as there are any."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        found = [c.laddr for c in process.net_connections("inet") if c.status == "LISTEN"]
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("asv preview listens nowhere")


# -- measuring


def test_continuous_tells_a_regression_by_its_exit_status(tiny: Tiny):
    done = tiny.asv("continuous", "tinyframe-1.1", "tinyframe-1.2", *PLAIN)
    assert done.status == 1
    assert "PERFORMANCE DECREASED" in done
    assert tiny.measured() == {"tinyframe-1.1", "tinyframe-1.2"}

    done = tiny.asv("continuous", "tinyframe-1.1", *PLAIN)
    assert done.status == 0
    assert "BENCHMARKS NOT SIGNIFICANTLY CHANGED" in done
    assert "tinyframe-1.0" in tiny.measured(), "the release before it is what it is compared with"

    done = tiny.asv("continuous", "tinyframe-1.2", "tinyframe-1.1", *PLAIN)
    assert done.status == 0
    assert "PERFORMANCE INCREASED" in done

    done = tiny.asv("continuous", "tinyframe-1.0")
    assert done.status == 1
    assert "is before the first release of the track" in last_line(done)


def test_continuous_with_a_release_that_fails_is_no_success(tiny: Tiny):
    done = tiny.asv("continuous", "tinyframe-1.0", "tinyframe-1.1", *PLAIN, faults="1.1:segv")
    assert done.status == 2
    assert tiny.values("tinyframe-1.1")["plain"] is None


def test_continuous_of_what_is_na_in_one_release_compares_nothing(tiny: Tiny):
    faults = "1.1/plain:n/a"
    done = tiny.asv("continuous", "tinyframe-1.0", "tinyframe-1.1", *PLAIN, faults=faults)
    assert done.status == 2
    assert "nothing was compared: no configuration was measured in both" in last_line(done)
    assert "NOT SIGNIFICANTLY CHANGED" not in done


def test_find_names_the_release_that_made_it_slower(tiny: Tiny):
    done = tiny.asv("find", "tinyframe-1.0..tinyframe-2.0", r"time_train_step\('plain'\)")
    assert done.status == 0, done.output
    assert "Greatest regression found" in last_line(done)
    assert "<tinyframe-1.2>" in last_line(done)


def test_find_leaves_out_a_release_without_interpreter_and_warns_of_na(tiny: Tiny):
    tiny.add_release("1.1.5", python="3.99")
    done = tiny.asv("find", "tinyframe-1.0..tinyframe-2.0", "time_train_step")
    assert done.status == 0, done.output
    (left_out,) = done.lines_with("left out, unmeasured: tinyframe-1.1.5")
    assert "CPython 3.99 is not on this machine; get it with: uv python install 3.99" in left_out
    assert len(done.lines_with("asv find takes n/a for 'not slower'")) == 1
    assert "<tinyframe-1.2>" in last_line(done)


def test_find_stops_with_one_line_at_a_release_that_cannot_be_installed(bare_tiny: Tiny):
    for path in (bare_tiny.folder / "wheels").glob("*-1.2-*.whl"):
        path.unlink()
    done = bare_tiny.asv("find", "tinyframe-1.0..tinyframe-1.10", "time_train_step")
    assert done.status == 1
    assert "tinyframe-1.2 (cpu) cannot be installed" in last_line(done)
    assert "asv find needs it: choose a range without it" in last_line(done)


def test_check_setup_and_profile_end_in_no_traceback(tiny: Tiny):
    done = tiny.asv("check")
    assert done.status == 0, done.output
    assert "No problems found" in done
    # asv's own: it returns what it made as its exit status (commands/setup.py:54).
    assert tiny.asv("setup").status == 1
    # asv's own: it does not find a benchmark that has params.
    done = tiny.asv("profile", BENCHMARK, "tinyframe-1.1")
    assert done.status == 1
    assert "benchmark not found" in last_line(done)
    assert not tiny.records()
