"""Changes over whole lines, from literal records: what is found, and what is put on no release."""

from __future__ import annotations

import pytest

from vggbench.judging import line_changes

from .literal import LINE, evidence, line, measured
from .test_verdicts import one_after_the_other


def test_a_slow_down_that_was_taken_back_is_listed_over_the_whole_line() -> None:
    found = line_changes.of_track(evidence(line(0.1, 0.1, 0.1, 0.13, 0.1, 0.1, 0.1)), "tensorflow")
    (recovered,) = [
        change for change in found if change.kind == "recovered" and change.measure == "step"
    ]
    assert (recovered.before, recovered.first, recovered.last) == (LINE[2], LINE[3], LINE[3])
    assert recovered.ratio == pytest.approx(1.3, rel=0.02)


def test_over_a_line_what_drifted_between_sessions_is_not_put_on_a_release() -> None:
    first = one_after_the_other(1, dict.fromkeys(LINE[:4], 0.1))
    # The second session begins with the last release of the first.
    second = one_after_the_other(2, {**dict.fromkeys(LINE[3:6], 0.12), LINE[6]: 0.1})
    (change,) = [
        change
        for change in line_changes.of_track(evidence([*first, *second]), "tensorflow")
        if change.measure == "step"
    ]
    assert (change.kind, change.before, change.first) == ("step", LINE[5], LINE[6])
    assert change.ratio == pytest.approx(0.1 / 0.12, rel=0.02)


def test_over_a_line_releases_measured_on_days_of_their_own_are_one_line() -> None:
    (change,) = [
        change
        for change in line_changes.of_track(
            evidence(line(0.1, 0.1, 0.1, 0.13, 0.1, 0.1, 0.1)), "tensorflow"
        )
        if change.measure == "step"
    ]
    assert (change.kind, change.first, change.last) == ("recovered", LINE[3], LINE[3])


def test_over_a_line_what_other_work_disturbed_is_no_change() -> None:
    """... of what takes time, and a line of nothing else has none."""
    busy = measured(LINE[3], 0.13, busy_cpus=9.0)
    rest = [record for name in LINE if name != LINE[3] for record in measured(name)]
    found = line_changes.of_track(evidence([*rest, *busy]), "tensorflow")
    assert [(change.measure, change.first) for change in found] == [("peak_memory", LINE[3])]
    assert line_changes.of_track(evidence(busy), "tensorflow") == []
