"""What a process does before asv's clock starts, with a step that does nothing and a fake clock."""

import json
import math

import pytest

from vggbench.inside import counters, measure, turns
from vggbench.inside.params import NotApplicable


class Clock:
    """A clock that moves only when told to."""

    def __init__(self):
        self.now = 1000.0

    def perf_counter(self):
        return self.now

    monotonic = perf_counter

    def process_time(self):
        """As of one and a half threads that compute all the time."""
        return 1.5 * self.now


class Step:
    """A train step that takes ``seconds`` on the clock and has these ``losses``. The last is
    repeated."""

    def __init__(self, clock, losses=(2.5, 2.25, 2.0), seconds=0.5):
        self.clock = clock
        self.losses = list(losses)
        self.seconds = seconds
        self.calls = 0

    def __call__(self):
        self.calls += 1
        self.clock.now += self.seconds

    def loss(self):
        return self.losses[min(self.calls, len(self.losses)) - 1]

    def describe(self):
        return {"framework": "tiny 1.0"}


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(measure, "time", clock)
    monkeypatch.setattr(measure, "_notes", {})
    monkeypatch.setattr(measure, "_steps", {})
    monkeypatch.setattr(measure, "_usage", counters.Usage())
    # As on a machine whose processor counts nothing: no step follows the last sample.
    monkeypatch.setattr(counters, "HARDWARE", {})
    return clock


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """A function that returns what is in the notes now."""
    path = tmp_path / "notes"
    monkeypatch.setenv(measure.NOTES_VARIABLE, str(path))
    return lambda: json.loads(path.read_text()) if path.exists() else None


def raising(error):
    def build():
        raise error

    return build


def test_a_step_is_warm_when_it_is_handed_out(clock, notes):
    step = measure.prepared(lambda: Step(clock), {"mode": "fused"})
    assert step.calls == measure.WARM_UP_STEPS
    noted = notes()
    assert noted.pop("resident_bytes") > 1e6
    assert noted.pop("warm_at") == clock.now
    assert noted == {
        "configuration": {"mode": "fused"},
        "protocol": measure.PROTOCOL,
        "python": measure.sys.version.split()[0],
        "cpus": len(measure.os.sched_getaffinity(0)),
        "build_s": 0.0,
        "warm_up_s": [0.5, 0.5, 0.5],
        "warm_up_cpu_s": [0.75, 0.75, 0.75],
        "losses": [2.5, 2.25, 2.0],
        "versions": {"framework": "tiny 1.0"},
    }


def test_the_time_to_build_is_noted(clock, notes):
    def build():
        clock.now += 7.0
        return Step(clock)

    measure.prepared(build, {})
    assert notes()["build_s"] == 7.0


def test_notes_are_written_at_every_stage(clock, notes):
    """Whoever started the process learns how far it came, even when it dies."""
    seen = []

    class Watching(Step):
        def __call__(self):
            seen.append(sorted(notes()))
            super().__call__()

    def build():
        seen.append(sorted(notes()))
        return Watching(clock)

    measure.prepared(build, {})
    begun = ["configuration", "cpus", "protocol", "python"]
    assert seen == [begun] + [["build_s", *begun]] * measure.WARM_UP_STEPS
    assert "losses" in notes()


def test_nothing_is_written_where_nobody_asked_for_notes(clock, tmp_path, monkeypatch):
    monkeypatch.delenv(measure.NOTES_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    measure.prepared(lambda: Step(clock), {})
    measure.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_step_is_built_once_per_configuration(clock):
    built = []

    def build():
        built.append(Step(clock))
        return built[-1]

    first = measure.prepared(build, {"data_format": "NHWC", "xla": "off"})
    again = measure.prepared(build, {"xla": "off", "data_format": "NHWC"})
    other = measure.prepared(build, {"data_format": "NCHW", "xla": "off"})
    assert built == [first, other]
    assert again is first
    assert first.calls == measure.WARM_UP_STEPS


def test_not_applicable_becomes_what_asv_takes_for_na(clock, notes):
    with pytest.raises(NotImplementedError, match="NHWC only on the CPU"):
        measure.prepared(raising(NotApplicable("NHWC only on the CPU")), {})
    assert notes()["outcome"] == "n/a"
    assert notes()["reason"] == "NHWC only on the CPU"


def test_not_applicable_may_come_with_the_first_step(clock, notes):
    class Refusing(Step):
        def __call__(self):
            raise NotApplicable("no XLA in this wheel")

    with pytest.raises(NotImplementedError):
        measure.prepared(lambda: Refusing(clock), {})
    assert (notes()["outcome"], notes()["reason"]) == ("n/a", "no XLA in this wheel")
    assert "build_s" in notes()


@pytest.mark.parametrize(
    "error",
    [
        NotImplementedError("the framework's own"),
        ValueError("the framework's own"),
        ImportError("the framework's own"),
        MemoryError("the framework's own"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_other_exception_is_failed_and_never_na(clock, notes, error):
    """A framework may raise NotImplementedError itself: asv would take that for n/a."""
    with pytest.raises(measure.TrainStepFailed) as caught:
        measure.prepared(raising(error), {})
    assert not isinstance(caught.value, NotImplementedError)
    assert caught.value.__cause__ is error
    assert notes()["outcome"] == "failed"
    assert notes()["error"] == f"{type(error).__name__}: the framework's own"


def test_facts_that_json_cannot_hold_are_failed_and_said(clock, notes):
    class Odd(Step):
        def describe(self):
            return {"odd": {1, 2}}

    with pytest.raises(measure.TrainStepFailed):
        measure.prepared(lambda: Odd(clock), {})
    measure.finish()
    assert notes()["outcome"] == "failed"
    assert notes()["error"].startswith("TypeError: Object of type")
    assert notes()["peak_memory_bytes"] > 1e6
    assert "versions" not in notes()


def test_an_error_is_noted_by_its_first_line(clock, notes):
    with pytest.raises(measure.TrainStepFailed):
        measure.prepared(raising(RuntimeError("\n  OOM when allocating\n  at line 7")), {})
    assert notes()["error"] == "RuntimeError: OOM when allocating"


def test_an_error_without_a_text_is_noted_by_its_type(clock, notes):
    with pytest.raises(measure.TrainStepFailed):
        measure.prepared(raising(KeyError()), {})
    assert notes()["error"] == "KeyError"


@pytest.mark.parametrize("losses", [(math.nan,), (2.5, math.inf, 2.0), (2.5, 2.25, math.nan)])
def test_a_loss_that_is_no_number_is_failed(clock, notes, losses):
    with pytest.raises(measure.TrainStepFailed, match="the step computes nonsense"):
        measure.prepared(lambda: Step(clock, losses), {})
    assert notes()["outcome"] == "failed"
    assert "the losses of the first 3 steps are" in notes()["error"]
    assert [loss for loss in notes()["losses"] if isinstance(loss, str)] != []


def test_a_loss_that_is_lost_later_fails_the_process_at_its_end(clock, notes):
    step = measure.prepared(lambda: Step(clock, [2.5, 2.25, 2.0, math.nan]), {})
    step()
    measure.finish()
    assert notes()["outcome"] == "failed"
    assert notes()["error"] == "the loss after the last sample is nan"
    assert notes()["last_loss"] == "nan"


def test_the_end_of_a_process_notes_its_last_loss_and_peak_memory(clock, notes):
    measure.prepared(lambda: Step(clock), {})
    measure.finish()
    assert notes()["last_loss"] == 2.0
    assert notes()["peak_memory_bytes"] > 1_000_000
    assert "outcome" not in notes()


def test_steps_go_on_for_whoever_samples_the_device(clock, notes, monkeypatch):
    """What is noted of losses is of the steps before."""
    monkeypatch.setenv(measure.GO_ON_VARIABLE, "3.0")
    step = measure.prepared(lambda: Step(clock, [2.5, 2.25, 2.0, 1.5, 1.25, 9.0]), {})
    step()
    step()
    measure.finish()
    # Two steps of half a second each were samples.
    assert step.calls == measure.WARM_UP_STEPS + 6
    assert notes()["ended_at"] == notes()["warm_at"] + 3.0
    assert notes()["last_loss"] == 1.25


def test_without_a_sampler_no_step_follows_the_last_sample(clock, notes):
    step = measure.prepared(lambda: Step(clock), {})
    measure.finish()
    assert step.calls == measure.WARM_UP_STEPS
    assert notes()["ended_at"] == notes()["warm_at"]


def test_a_device_that_dies_while_it_is_sampled_fails_the_process(clock, notes, monkeypatch):
    class Dying(Step):
        def __call__(self):
            super().__call__()
            if self.calls > measure.WARM_UP_STEPS:
                raise RuntimeError("the device is gone")

    monkeypatch.setenv(measure.GO_ON_VARIABLE, "3.0")
    measure.prepared(lambda: Dying(clock), {})
    measure.finish()
    assert (notes()["outcome"], notes()["error"]) == ("failed", "RuntimeError: the device is gone")


def test_what_the_samples_used_is_noted_without_the_warm_up_and_the_waiting(
    clock, notes, monkeypatch
):
    def wait():
        clock.now += 100.0

    monkeypatch.setattr(counters, "_used", lambda: {"cpu_s": clock.now})
    monkeypatch.setattr(turns, "wait", wait)
    for _ in range(4):
        step = measure.prepared(lambda: Step(clock), {})
        step()
    measure.finish()
    assert notes()["used"] == {"cpu_s": 2.0, "times": 4}


def test_the_steps_that_the_processor_counts_come_after_all_that_is_noted(
    clock, notes, monkeypatch
):
    seen = []

    def count(step):
        seen.append(sorted(notes()))
        step()
        return {"instructions": 5e9}

    monkeypatch.setattr(counters, "count", count)
    step = measure.prepared(lambda: Step(clock, [2.5, 2.25, 2.0, 9.0]), {})
    measure.finish()
    assert step.calls == measure.WARM_UP_STEPS + 1
    assert notes()["counted"] == {"instructions": 5e9}
    assert notes()["last_loss"] == 2.0
    assert {"last_loss", "peak_memory_bytes", "resident_bytes_at_end"} <= set(*seen)


def test_a_step_that_fails_while_it_is_counted_takes_nothing_from_the_samples(
    clock, notes, monkeypatch
):
    def count(step):
        raise MemoryError("too many files")

    monkeypatch.setattr(counters, "HARDWARE", {"cycles": (0, 0)})
    monkeypatch.setattr(counters, "count", count)
    measure.prepared(lambda: Step(clock), {})
    measure.finish()
    assert "outcome" not in notes()
    assert notes()["counted"] == {
        "cycles": {"reason": "the step failed after the last sample: MemoryError: too many files"}
    }


def test_in_a_duet_the_processor_counts_nothing(clock, notes, monkeypatch):
    monkeypatch.setattr(counters, "HARDWARE", {"cycles": (0, 0)})
    monkeypatch.setattr(turns, "wait", lambda: None)
    monkeypatch.setenv(turns.VARIABLE, "3,4")
    step = measure.prepared(lambda: Step(clock), {})
    measure.finish()
    assert step.calls == measure.WARM_UP_STEPS
    assert "in a duet" in notes()["counted"]["cycles"]["reason"]


def test_a_process_that_failed_counts_nothing(clock, notes):
    with pytest.raises(measure.TrainStepFailed):
        measure.prepared(raising(ValueError("odd")), {})
    measure.finish()
    assert not {"used", "counted"} & notes().keys()


def test_a_process_that_prepared_nothing_notes_nothing(clock, notes):
    measure.finish()
    assert notes() is None


def test_a_loss_that_cannot_be_read_at_the_end_is_failed(clock, notes):
    class Dying(Step):
        def loss(self):
            if self.calls > measure.WARM_UP_STEPS:
                raise RuntimeError("the device is gone")
            return 1.0

    step = measure.prepared(lambda: Dying(clock), {})
    step()
    measure.finish()
    assert notes()["outcome"] == "failed"
    assert notes()["error"] == "RuntimeError: the device is gone"
    assert "peak_memory_bytes" in notes()


@pytest.mark.parametrize("entry", ["xla", "compile", "jit", "a later framework's"])
def test_the_first_step_is_without_the_proof_that_it_was_compiled(clock, notes, entry):
    step = Step(clock, seconds=4.0)
    step.describe = lambda: {entry: {"mode": "tf.function(jit_compile=True)", "proof_s": 0.25}}
    measure.prepared(lambda: step, {"xla": "on"})
    assert measure.by_product("track_first_step") == 3.75
    assert notes()["warm_up_s"][0] == 4.0


def test_an_error_is_described_by_its_first_line_and_what_a_colon_announces():
    told = RuntimeError("backend='inductor' raised:\n\nTypeError: no weight\nmore")
    assert measure.describe_error(told) == (
        "RuntimeError: backend='inductor' raised: TypeError: no weight"
    )
    assert measure.describe_error(ValueError("one\ntwo")) == "ValueError: one"
    assert measure.describe_error(ValueError("alone:")) == "ValueError: alone:"
