"""The machine's noise, from calibrating processes, from a history, or from neither."""

from __future__ import annotations

import math
import random

import pytest

from vggbench.stats import noise
from vggbench.stats.judge import Process
from vggbench.stats.noise import between_sessions, estimate

BETWEEN_PROCESSES = 0.02
BETWEEN_SESSIONS = 0.03


def drawn(
    seed: int,
    levels: list[float],
    processes: int = 4,
    slow: float = 0.0,
    between: float = BETWEEN_PROCESSES,
) -> list[list[Process]]:
    """Releases at these levels (logarithms), each in a session of its own; ``slow``: the share of
    the processes that are slower by half."""
    draw = random.Random(seed)
    sessions = random.Random(1000 + seed // 100)
    line = []
    for place, level in enumerate(levels):
        drift = level + sessions.gauss(0, BETWEEN_SESSIONS)
        line.append(
            [
                Process(
                    f"s{place}",
                    (math.exp(drift + draw.gauss(0, between) + 0.4 * (draw.random() < slow)),),
                )
                for _ in range(processes)
            ]
        )
    return line


def flat(line: list[list[Process]]) -> list[Process]:
    return [process for release in line for process in release]


def test_without_anything_it_is_assumed_and_said_so() -> None:
    found = estimate([], [])
    assert found.processes == noise.ASSUMED_PROCESSES
    assert found.sessions == noise.ASSUMED_SESSIONS
    assert found.origin == (
        "3 % between processes is assumed until more is on record; "
        "2 % between sessions is assumed until more is on record"
    )


def test_one_process_of_each_release_says_nothing_of_processes() -> None:
    found = estimate([], drawn(1, [0.0] * 10, processes=1))
    assert found.processes == noise.ASSUMED_PROCESSES
    assert "is assumed" in found.origin


def test_a_history_tells_both() -> None:
    found = estimate([], drawn(1, [0.0] * 60))
    assert found.processes == pytest.approx(BETWEEN_PROCESSES, rel=0.15)
    assert found.sessions == pytest.approx(BETWEEN_SESSIONS, rel=0.25)
    assert found.origin == "240 processes of earlier releases; 59 pairs of neighbouring releases"


def test_real_changes_between_releases_are_not_noise() -> None:
    still = estimate([], drawn(1, [0.0] * 60))
    stepping = estimate([], drawn(1, [0.3 * (place // 12) for place in range(60)]))
    assert stepping.sessions == pytest.approx(still.sessions, rel=0.25)
    assert stepping.processes == pytest.approx(still.processes)


def test_a_few_disturbed_processes_are_not_noise() -> None:
    found = estimate([], drawn(1, [0.0] * 60, slow=0.05))
    assert found.processes == pytest.approx(BETWEEN_PROCESSES, rel=0.3)


def test_calibrating_processes_go_before_the_history() -> None:
    calibration = flat(drawn(1, [0.0] * 30))
    found = estimate(calibration, drawn(2, [0.0] * 60, between=0.2))
    assert found.processes == pytest.approx(BETWEEN_PROCESSES, rel=0.15)
    assert found.sessions == pytest.approx(BETWEEN_SESSIONS, rel=0.3)
    assert found.origin == "120 calibrating processes; 30 calibrating sessions"


def test_calibrated_in_one_session_the_sessions_come_from_the_history() -> None:
    found = estimate(flat(drawn(1, [0.0], processes=20)), drawn(2, [0.0] * 60, between=0.2))
    assert found.processes == pytest.approx(BETWEEN_PROCESSES, rel=0.3)
    assert found.origin == "20 calibrating processes; 59 pairs of neighbouring releases"


def test_where_neighbours_differ_by_real_changes_the_calibrating_sessions_tell() -> None:
    line = drawn(2, [0.2 * (place % 2) for place in range(30)])
    others = [flat(drawn(seed, [0.0] * 6)) for seed in range(3)]
    alone, told = between_sessions([], [line]), between_sessions([], [line], others)
    assert alone.deviation > 3 * BETWEEN_SESSIONS
    assert told.deviation == pytest.approx(BETWEEN_SESSIONS, rel=0.5)
    assert told.origin == "6 calibrating sessions"


def test_where_few_sessions_calibrated_many_neighbours_tell_more() -> None:
    line = drawn(2, [0.0] * 60)
    calibration = flat(drawn(1, [0.0] * 3))
    assert between_sessions([calibration], [line]).origin == "59 pairs of neighbouring releases"
    assert estimate(calibration, line).origin.startswith("12 calibrating processes; ")


def test_other_configurations_say_nothing_of_what_processes_scatter_by() -> None:
    lines = [drawn(seed, [0.0] * 20) for seed in range(6)]
    others = [flat(drawn(seed, [0.0] * 6, between=0.2)) for seed in range(3)]
    without, told = between_sessions([], lines), between_sessions([], lines, others)
    assert told.processes == without.processes
    assert told.processes_degrees == without.processes_degrees


def test_releases_of_one_session_say_nothing_of_sessions() -> None:
    line = [
        [Process("the only one", process.samples) for process in release]
        for release in drawn(1, [0.0] * 20)
    ]
    assert estimate([], line).sessions == noise.ASSUMED_SESSIONS


def test_configurations_of_the_same_sessions_tell_more_together() -> None:
    lines = [drawn(seed, [0.0] * 20) for seed in range(12)]
    alone = between_sessions([], lines[:1])
    together = between_sessions([], lines)
    assert together.degrees > alone.degrees
    assert together.deviation == pytest.approx(BETWEEN_SESSIONS, rel=0.4)


def test_alike_configurations_share_what_processes_scatter_by() -> None:
    lines = [drawn(seed, [0.0] * 20) for seed in range(12)]
    together = between_sessions([], lines)
    alone, shared = estimate([], lines[0]), estimate([], lines[0], together)
    assert shared.processes_degrees > alone.processes_degrees
    assert abs(shared.processes / BETWEEN_PROCESSES - 1) < 0.1


def test_configurations_that_differ_keep_their_own_noise() -> None:
    lines = [drawn(seed, [0.0] * 20, between=0.002 * 2**seed) for seed in range(6)]
    together = between_sessions([], lines)
    for line in lines:
        alone, shared = estimate([], line), estimate([], line, together)
        assert shared.processes == pytest.approx(alone.processes, rel=0.1)


def test_processes_that_never_differ_leave_the_least_noise() -> None:
    still = [[Process(f"s{place}", (1.0,))] * 4 for place in range(10)]
    assert estimate([], still).processes == noise.LEAST


def test_a_bad_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="not a positive number"):
        estimate([Process("a", (math.nan,))], [])
