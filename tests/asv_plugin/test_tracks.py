"""A benchmark of another track: no process, no result, no page; several frameworks in one suite."""

from __future__ import annotations

import pytest

from ..tiny import Tiny

pytestmark = pytest.mark.asv

BENCHMARKS = """
from . import train_step


class Tinyframe(train_step.Tiny):
    pass


class Otherframe(train_step.Tiny):
    pass
"""

TINY, OTHER = (f"frameworks.{name}.time_train_step" for name in ("Tinyframe", "Otherframe"))


@pytest.fixture
def two_tracks(tiny: Tiny) -> Tiny:
    """A tiny checkout with a benchmark for each of its tracks, and none that serves both."""
    (tiny.folder / "benchmarks" / "frameworks.py").write_text(BENCHMARKS)
    step = tiny.folder / "benchmarks" / "train_step.py"
    step.write_text(step.read_text().replace("def time_train_step", "def step_of_subclasses"))
    extended = BENCHMARKS.replace(
        "    pass", "    time_train_step = train_step.Tiny.step_of_subclasses"
    )
    (tiny.folder / "benchmarks" / "frameworks.py").write_text(extended)
    return tiny


def run_by(tiny: Tiny) -> set[tuple[str, str]]:
    """(release, benchmark) of every process that was started."""
    return {(record["release"], record["benchmark"]) for record in tiny.records()}


def stored(tiny: Tiny, release: str) -> set[str]:
    result = tiny.result(release)
    return set() if result is None else set(result.get_all_result_keys())


def test_a_release_runs_the_benchmarks_of_its_own_track_alone(two_tracks: Tiny) -> None:
    done = two_tracks.asv("run", "tinyframe-2.0 otherframe")
    assert done.status == 0, done.output
    assert run_by(two_tracks) == {("tinyframe-2.0", TINY), ("otherframe-7.0", OTHER)}
    assert stored(two_tracks, "tinyframe-2.0") == {TINY}
    assert stored(two_tracks, "otherframe-7.0") == {OTHER}
    assert "100.00%" in done


def test_a_track_has_no_graph_of_another_tracks_benchmark(two_tracks: Tiny) -> None:
    assert two_tracks.asv("run", "tinyframe-2.0 otherframe").status == 0
    assert two_tracks.asv("publish").status == 0
    graphs = two_tracks.folder / ".asv" / "html" / "graphs"
    drawn = {
        (part, path.stem)
        for path in graphs.rglob("*.time_train_step.json")
        for part in path.parts
        if part.startswith("branch-")
    }
    assert drawn == {("branch-tinyframe", TINY), ("branch-otherframe", OTHER)}


def test_new_asks_a_release_for_its_own_benchmarks_alone(two_tracks: Tiny) -> None:
    briefly = ("-a", "rounds=1")
    assert two_tracks.asv("run", "NEW", *briefly).status == 0
    done = two_tracks.asv("run", "NEW", *briefly)
    assert "there is nothing new to measure" in done


def test_releases_that_the_selected_benchmark_is_not_for_are_not_run(two_tracks: Tiny) -> None:
    done = two_tracks.asv("run", "ALL", "--bench", "Otherframe", "-a", "rounds=1")
    assert done.status == 0, done.output
    assert run_by(two_tracks) == {("otherframe-7.0", OTHER)}
    assert "Otherframe selects no benchmark of tinyframe: 5 of 6 releases are not run" in done


@pytest.mark.parametrize(
    "arguments",
    [
        ("continuous", "--bench", "Otherframe", "tinyframe-2.0", "tinyframe-1.0"),
        ("find", "tinyframe-1.0..tinyframe-2.0", OTHER),
    ],
)
def test_asking_a_track_for_the_benchmark_of_another_is_refused_in_one_line(
    two_tracks: Tiny, arguments: tuple[str, ...]
) -> None:
    done = two_tracks.asv(*arguments)
    assert done.status == 1
    assert len(done.lines_with("for another track; choose releases of that")) == 1
    assert run_by(two_tracks) == set()
