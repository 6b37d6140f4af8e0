"""How long a release is likely to take, by what is on record of its neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vggbench.campaigns.history import plan
from vggbench.campaigns.history.forecast import AROUND_S, GUESS_COMPILED_S, Forecast
from vggbench.records import Record
from vggbench.runs.suite import Suite

from ...records import factory
from ...records.factory import CATALOGUE, changed

ROOT = Path(__file__).parent.parent.parent.parent
SUITE = Suite(ROOT / "benchmarks")
XLA = plan.Stage("XLA", CATALOGUE.tracks["tensorflow"].releases, (r"TensorFlow\.\w+\(.*'on'\)",))


def of_records(taken: list[Record], *others: list[Record]) -> Forecast:
    on_record = {"box": taken, **{f"box {i}": other for i, other in enumerate(others)}}
    return Forecast(CATALOGUE, SUITE, machine="box", profile="cpu-quick", on_record=on_record)


def forecast(version: str, taken: list[Record], *others: list[Record]) -> tuple[int, float]:
    """(processes, seconds) of TensorFlow under XLA; ``others``: records of other machines."""
    told = of_records(taken, *others)
    unit = plan.Unit(XLA, CATALOGUE.by_name[f"tensorflow-{version}"], None)
    return told.processes(unit), told.seconds(unit) - AROUND_S


def seconds(version: str, taken: list[Record]) -> float:
    """The forecast seconds of one process, on the average of the configurations."""
    processes, total = forecast(version, taken)
    return total / processes


def record(version: str, outcome: str, process_s: float, **chosen: str) -> Record:
    """A process of TensorFlow under XLA; one that ran has three samples."""
    samples = {"samples": [0.1, 0.1, 0.1]} if outcome == "ok" else {}
    came = {"outcome": outcome, "process_s": process_s, **samples}
    return factory.record(f"tensorflow-{version}", xla="on", **chosen, **came)


def of_all(version: str, outcome: str, process_s: float) -> list[Record]:
    """A process of each configuration under XLA."""
    return [
        record(version, outcome, process_s, data_format=data_format, batch_norm=batch_norm)
        for data_format in ("NHWC", "NCHW")
        for batch_norm in ("none", "unfused", "fused")
    ]


def test_nothing_on_record_is_guessed() -> None:
    assert seconds("2.9.3", []) == pytest.approx(GUESS_COMPILED_S)


def test_the_nearest_release_tells() -> None:
    taken = of_all("1.12.3", "ok", 40.0) + of_all("2.21.0", "ok", 10.0)
    assert seconds("1.15.5", taken) == pytest.approx(40.0)
    assert seconds("2.20.0", taken) == pytest.approx(10.0)


@pytest.mark.parametrize(
    "change",
    [
        {"benchmark_version": "0"},
        {"lock": "0" * 64},
        {"machine": "other"},
        {"variant": "numpy 1.26.4", "purpose": "separate"},
        # It waited for its partner.
        {"purpose": "duet"},
        {"samples": [40.0, 40.0, 40.0]},
    ],
)
def test_what_no_verdict_would_count_tells_nothing(change: dict[str, Any]) -> None:
    good = of_all("2.9.3", "ok", 20.0)
    bad = [changed(record, **{"process_s": 100.0, **change}) for record in good]
    assert seconds("2.9.3", [*good, *bad]) == pytest.approx(20.0)


def test_what_older_releases_could_not_do_is_guessed_of_a_newer_one() -> None:
    assert seconds("1.12.3", of_all("1.11.0", "n/a", 2.0)) == pytest.approx(GUESS_COMPILED_S)


def test_what_a_release_cannot_do_is_asked_once() -> None:
    assert forecast("1.10.1", of_all("1.11.0", "n/a", 2.0)) == (6, pytest.approx(6 * 2.0))
    assert forecast("1.10.1", of_all("1.11.0", "ok", 2.0)) == (18, pytest.approx(18 * 2.0))


def test_what_only_another_machine_has_on_record_tells_of_this_one() -> None:
    there = of_all("1.12.3", "n/a", 2.0) + of_all("2.9.3", "ok", 20.0)
    assert forecast("1.12.3", [], there) == (6, pytest.approx(6 * 2.0))
    assert forecast("2.9.3", [], there) == (18, pytest.approx(18 * 20.0))


def test_another_machine_counts_as_much_faster_or_slower_as_it_is() -> None:
    there = of_all("2.9.3", "ok", 20.0) + of_all("2.21.0", "ok", 10.0)
    slower = of_all("2.9.3", "ok", 80.0) + of_all("2.21.0", "ok", 40.0)
    here = [record("2.21.0", "ok", 15.0)]
    assert forecast("2.9.3", here, there) == (18, pytest.approx(18 * 30.0))
    assert forecast("2.9.3", here, slower, there) == (18, pytest.approx(18 * 30.0))


def test_what_this_machine_has_on_record_comes_before_what_another_has() -> None:
    there = of_all("2.9.3", "ok", 20.0)
    assert forecast("2.9.3", of_all("2.9.3", "ok", 5.0), there) == (18, pytest.approx(18 * 5.0))


def test_a_configuration_that_is_not_on_record_takes_what_one_alike_does() -> None:
    assert seconds("2.9.3", [record("2.21.0", "ok", 12.0)]) == pytest.approx(12.0)


def test_a_backend_that_a_release_does_not_have_is_asked_once() -> None:
    def on_theano(version: str, outcome: str, process_s: float, data_format: str) -> Record:
        words = ("theano", data_format, "none", "off")
        return factory.record(f"keras-{version}", words, outcome=outcome, process_s=process_s)

    other = (r"Keras\.\w+\('theano', 'NHWC', 'none', 'off'\)",)
    stage = plan.Stage("the other order", CATALOGUE.tracks["keras"].releases, other)
    taken = [
        on_theano("2.3.1", "ok", 40.0, "NHWC"),
        on_theano("2.4.3", "n/a", 2.0, "NCHW"),
    ]
    told = of_records(taken)
    unit = plan.Unit(stage, CATALOGUE.by_name["keras-2.4.3"], None)
    assert (told.processes(unit), told.seconds(unit)) == (1, AROUND_S + 2.0)
    unit = plan.Unit(stage, CATALOGUE.by_name["keras-2.2.5"], None)
    assert told.seconds(unit) > AROUND_S + 40.0
