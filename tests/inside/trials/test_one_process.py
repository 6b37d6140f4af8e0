"""One warm-up step, n trials, one clock around them all: with a step and a clock that are fakes."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from vggbench.inside import builders, params
from vggbench.inside.measure import TrainStepFailed
from vggbench.inside.trials import one_process

JOB = {
    "framework": "TensorFlow",
    "configuration": {"data_format": "NCHW"},
    "device": "cpu",
    "batch_size": 4,
    "image_size": 64,
    "n_trials": 3,
}


class Fake:
    """A train step, and the clock by which it takes the ``seconds`` given, one after the other."""

    def __init__(self, seconds: list[float], losses: tuple[float, float] = (2.0, 1.5)):
        self.now = 100.0
        self.seconds = list(seconds)
        self.losses = list(losses)
        self.built: list[Any] = []
        self.told: list[dict[str, Any]] = []

    def build(self, *args: Any) -> Fake:
        self.built.append(args)
        self.now += 8.0
        return self

    def __call__(self) -> None:
        self.now += self.seconds.pop(0)

    def loss(self) -> float:
        self.now += 1000.0  # whatever is not a trial must not be in the time of one
        return self.losses.pop(0)

    def describe(self) -> dict[str, str]:
        return {"tensorflow": "9.9"}

    def run(self, monkeypatch: pytest.MonkeyPatch, **more: Any) -> dict[str, Any]:
        monkeypatch.setattr(builders, "build", self.build)
        job = {**JOB, **more}
        return one_process.run(job, lambda **facts: self.told.append(facts), lambda: self.now)


def test_the_mean_is_of_the_one_clock_and_the_spread_of_the_trials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = Fake([60.0, 0.25, 0.5, 0.75])
    found = fake.run(monkeypatch)
    assert found["build_s"] == 8.0
    assert found["warm_up_s"] == 60.0
    assert found["total_s"] == 1.5
    assert found["mean_s"] == 0.5
    assert found["trials_s"] == [0.25, 0.5, 0.75]
    assert (found["min_s"], found["median_s"], found["max_s"]) == (0.25, 0.5, 0.75)
    assert found["stdev_s"] == statistics.stdev([0.25, 0.5, 0.75])
    assert (found["warm_up_loss"], found["last_loss"]) == (2.0, 1.5)
    assert found["versions"] == {"tensorflow": "9.9"}
    assert fake.seconds == []


def test_the_builder_gets_what_the_job_says(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake([1.0] * 4)
    fake.run(monkeypatch)
    ((workload, configuration, device),) = fake.built
    assert str(workload) == "4 x 64 x 64"
    assert configuration == params.Configuration("TensorFlow", data_format="NCHW")
    assert device == "cpu"


def test_one_trial_has_no_deviation(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Fake([1.0, 0.5]).run(monkeypatch, n_trials=1)
    assert (found["mean_s"], found["stdev_s"]) == (0.5, None)


def test_progress_is_told_at_most_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake([1.0] + [0.5] * 8)
    fake.run(monkeypatch, n_trials=8)
    stages = [told["stage"] for told in fake.told if "stage" in told]
    assert stages == ["importing and building", "warm-up step", "trials"]
    assert [told["trial"] for told in fake.told if "trial" in told] == [2, 4, 6]


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ((float("nan"), 1.0), "the loss of the warm-up step is nan"),
        ((1.0, float("inf")), "the loss after the last trial is inf"),
    ],
)
def test_a_loss_that_is_no_number_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, losses: tuple[float, float], said: str
) -> None:
    with pytest.raises(TrainStepFailed, match=said):
        Fake([1.0] * 4, losses).run(monkeypatch)
