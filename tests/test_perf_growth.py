"""What perf/growth.py makes of memory growth that is on record."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from vggbench.records import Record

from .judging.duets import block
from .judging.literal import LINE, NHWC, evidence, measured
from .records.factory import changed

BEFORE, NEWEST = LINE[-2:]
MB = 1e6


@pytest.fixture
def growth(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "perf"))
    return importlib.import_module("growth")


def alone(release: str, level: float, processes: int = 4, steps: int = 10) -> list[Record]:
    """Processes that grow by ``level`` bytes a step, with a peak of 1 GB."""
    return [
        changed(
            process,
            samples=[0.1] * steps,
            memory_growth_per_step_bytes=level,
            peak_memory_bytes=1_000_000_000,
        )
        for process in measured(release, processes=processes)
    ]


def in_duets(level: float, steps: int = 16) -> list[Record]:
    """The same of a block of duets, which compares BEFORE and NEWEST."""
    of_steps = ("sample_started_s", "sample_cpu_s", "waiting_cpu_s", "others_cpu_s", "steal_s")
    return [
        changed(
            process,
            samples=[0.1] * steps,
            memory_growth_per_step_bytes=level,
            peak_memory_bytes=1_000_000_000,
            **{key: [0.01 * place for place in range(steps)] for key in of_steps[:1]},
            **{key: [0.0] * steps for key in of_steps[1:]},
        )
        for process in block(BEFORE, NEWEST)
    ]


def test_growth_is_told_by_the_peak_memory_over_all_steps(growth: ModuleType) -> None:
    (found,) = growth.alone(evidence(alone(NEWEST, 5 * MB))).values()
    assert found.name == f"{NEWEST} {' '.join(NHWC)}"
    assert found.mean.value == 5 * MB
    assert found.share == pytest.approx(0.05)


def test_one_process_and_processes_of_other_lengths_tell_nothing(growth: ModuleType) -> None:
    taken = [*alone(BEFORE, 5 * MB, processes=1), *alone(NEWEST, 5 * MB, steps=100)]
    assert growth.alone(evidence(taken)) == {}
    assert growth.in_duets(evidence(in_duets(5 * MB, steps=10))) == {}


def test_a_block_tells_of_both_its_releases(growth: ModuleType) -> None:
    taken = [*alone(BEFORE, 5 * MB), *alone(NEWEST, 5 * MB), *in_duets(4 * MB)]
    of_both = growth.in_duets(evidence(taken))
    assert of_both.keys() == growth.alone(evidence(taken)).keys()
    assert [each.share for each in of_both.values()] == pytest.approx([0.064, 0.064])


def test_a_leak_misses_every_figure_and_what_settles_none(
    growth: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    settles = evidence([*alone(BEFORE, 5 * MB), *alone(NEWEST, 6 * MB), *in_duets(4 * MB)])
    leaks = evidence([*alone(BEFORE, 0.0), *alone(NEWEST, 60 * MB), *in_duets(60 * MB)])
    figures = (growth.leaks, growth.settling, growth.more_steps)
    assert [figure(settles) for figure in figures] == [0, 0, 0]
    assert [figure(leaks) for figure in figures] == [1, 1, 1]
    assert "1 and 1 (0 unchanged, 0 not sure)" in capsys.readouterr().out
