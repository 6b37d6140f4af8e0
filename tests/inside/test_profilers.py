"""From the events of a profiler to seconds of operations, on literal events."""

import pytest

from vggbench.inside import profilers
from vggbench.inside.params import NotApplicable
from vggbench.inside.profilers import TracedStep, shared_out, summary


def event(begin, end, kind, lane="thread 1", name=None, shapes=""):
    return (lane, begin, end, name or kind.lower(), kind, shapes)


def seconds_by_kind(events):
    seconds, busy_s = shared_out(events)
    assert busy_s == pytest.approx(sum(seconds.values()))
    return {kinds: pytest.approx(own) for (_, kinds, _), own in seconds.items()}, busy_s


def test_operations_one_after_the_other_have_their_own_seconds():
    found, busy_s = seconds_by_kind([event(0, 2, "Conv2D"), event(3, 4, "MatMul")])
    assert found == {"Conv2D": 2, "MatMul": 1}
    assert busy_s == 3


def test_what_lies_inside_another_is_taken_from_it():
    found, busy_s = seconds_by_kind(
        [event(0, 10, "Call"), event(2, 5, "Conv2D"), event(5, 6, "Copy"), event(3, 4, "Empty")]
    )
    assert found == {
        "Call": 6,
        "Call > Conv2D": 2,
        "Call > Conv2D > Empty": 1,
        "Call > Copy": 1,
    }
    assert busy_s == 10


def test_two_that_run_at_once_share_the_time():
    found, busy_s = seconds_by_kind([event(0, 4, "Conv2D"), event(2, 6, "MatMul", lane="thread 2")])
    assert found == {"Conv2D": 3, "MatMul": 3}
    assert busy_s == 6


def test_an_end_that_is_a_moment_late_belongs_to_what_contains_it():
    found, busy_s = seconds_by_kind([event(0, 4, "Call"), event(1, 4.001, "Conv2D")])
    assert found == {"Call": 1, "Call > Conv2D": 3}
    assert busy_s == 4


def test_an_event_without_a_duration_is_none():
    found, busy_s = seconds_by_kind(
        [event(0, 2, "Conv2D"), event(1, 1, "NoOp"), event(0, 2, "MatMul", lane="thread 2")]
    )
    assert found == {"Conv2D": 1, "MatMul": 1}
    assert busy_s == 2


def test_equal_operations_of_one_name_add_up():
    found, _ = seconds_by_kind([event(0, 1, "Add"), event(2, 4, "Add")])
    assert found == {"Add": 3}


def test_the_parts_of_a_step_and_what_is_idle_add_up_to_it():
    told = summary(
        [
            (10.0, [event(0, 6, "Conv2D", shapes="8x64"), event(6, 8, "MatMul")]),
            (11.0, [event(0, 7, "Conv2D", shapes="8x64")]),
        ]
    )
    assert told["steps_s"] == [10.0, 11.0]
    assert told["idle_s"] == [2.0, 4.0]
    assert told["operations"] == [
        {"name": "conv2d", "kinds": "Conv2D", "shapes": "8x64", "seconds": [6.0, 7.0]},
        {"name": "matmul", "kinds": "MatMul", "shapes": "", "seconds": [2.0, 0.0]},
    ]


class Recorder:
    """A profiler that tells what is asked of it."""

    NAME = "recorder"

    def __init__(self):
        self.asked = []

    def start(self):
        self.asked.append("start")

    def tracing(self):
        import contextlib

        self.asked.append("tracing")
        return contextlib.nullcontext()

    def stop(self):
        traced = self.asked.count("tracing")
        return [(1.0, [event(0, 1, "Conv2D")])] * traced


def test_the_first_steps_are_plain_and_the_profiler_starts_between_two_steps(tmp_path):
    profiler, steps = Recorder(), []
    traced = TracedStep(lambda: steps.append(len(profiler.asked)), profiler, str(tmp_path))
    for _ in range(profilers.PLAIN_STEPS + 2):
        traced.prepare()
        traced()
    assert steps[: profilers.PLAIN_STEPS] == [0] * profilers.PLAIN_STEPS
    assert profiler.asked == ["start", "tracing", "tracing"]
    told = traced.finish()
    assert (told["profiler"], told["plain_steps"]) == ("recorder", profilers.PLAIN_STEPS)
    assert told["steps_s"] == [1.0, 1.0]
    assert "onednn" not in told


def test_a_profiler_that_lost_a_step_tells_nothing(tmp_path):
    class Loses(Recorder):
        def stop(self):
            return Recorder.stop(self)[1:]

    traced = TracedStep(lambda: None, Loses(), str(tmp_path))
    for _ in range(profilers.PLAIN_STEPS + 2):
        traced.prepare()
        traced()
    with pytest.raises(RuntimeError, match="the profiler tells 1 steps of 2"):
        traced.finish()


def test_operations_that_take_next_to_nothing_are_added_up_by_their_kinds():
    small = [event(1 + n / 1e4, 1 + (n + 0.1) / 1e4, "Add", name=f"add {n}") for n in range(50)]
    told = summary([(1.1, [event(0, 1, "Conv2D"), *small])])
    assert [(each["name"], each["kinds"]) for each in told["operations"]] == [
        ("conv2d", "Conv2D"),
        ("", "Add"),
    ]
    assert told["operations"][1]["seconds"] == [pytest.approx(50 * 1e-5)]


def test_a_profiler_that_tells_no_operations_is_na(tmp_path):
    class Silent(Recorder):
        def stop(self):
            return [(1.0, []), (1.0, [])]

    traced = TracedStep(lambda: None, Silent(), str(tmp_path))
    for _ in range(profilers.PLAIN_STEPS + 1):
        traced.prepare()
        traced()
    with pytest.raises(NotApplicable, match="recorder of this release tells no operations"):
        traced.finish()


def test_a_process_that_ends_before_the_profiler_started_has_no_trace(tmp_path):
    traced = TracedStep(lambda: None, Recorder(), str(tmp_path))
    traced.prepare()
    traced()
    assert traced.finish() is None


def test_an_event_belongs_to_the_step_in_which_it_begins():
    outside, first, second = event(0, 1, "A"), event(2, 2.5, "B"), event(5, 9, "C")
    steps = profilers.in_steps([(4, 6), (1.5, 3)], [second, outside, first])
    assert steps == [(1.5, [first]), (2, [second])]
