"""What ends the trouble that a check's command was told of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from vggbench import records
from vggbench.campaigns.notification import TOLD, Trouble, _is_mended, news
from vggbench.judging import growth, phrases, verdicts
from vggbench.judging.verdicts import OUTCOMES
from vggbench.releases.catalogue import Release, Track

from ..judging import literal
from ..records.factory import changed

LINE = tuple(Release("demo", version, "2020-01-01", "3.11") for version in ("1.0", "2.0"))
CATALOGUE: Any = SimpleNamespace(
    by_name={release.name: release for release in LINE},
    tracks={
        "demo": Track(name="demo", framework="Demo", module="demo", requirements={}, releases=LINE)
    },
)


def told(outcome: str) -> Trouble:
    key = records.key_of("step", "plain")
    return Trouble("quick", "demo-1.0", key, "median", outcome, "plain")


def later(outcome: str) -> Any:
    return SimpleNamespace(
        release="demo-2.0",
        profile="quick",
        measure="median",
        benchmark="step",
        configuration="plain",
        outcome=outcome,
    )


@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        ("regressed", {"improved"}),
        ("lost", {"new"}),
        ("failed", {"regressed", "not sure", "improved", "new", "unchanged"}),
    ],
)
def test_a_later_release_ends_trouble(outcome: str, ends: set[str]) -> None:
    assert outcome in TOLD
    found = {each for each in OUTCOMES if _is_mended(told(outcome), [later(each)], CATALOGUE)}
    assert found == ends


def test_an_unknown_outcome_of_a_file_is_ended_by_nothing() -> None:
    assert not any(_is_mended(told("odd"), [later(each)], CATALOGUE) for each in OUTCOMES)


def report(grown: dict[str, float]) -> phrases.Report:
    """Of the newest release, whose processes and those of the one before grow by so many bytes a
    step, and are as fast."""
    taken = [
        changed(process, memory_growth_per_step_bytes=grown[name])
        for name in literal.LINE[-2:]
        for process in literal.measured(name)
    ]
    found, release = literal.evidence(taken), literal.CATALOGUE.by_name[literal.LINE[-1]]
    return phrases.Report(
        machine=literal.MACHINE,
        threshold=0.02,
        status=1,
        verdicts=verdicts.of_release(found, release),
        growths=growth.of_release(found, release),
    )


def test_a_leak_is_told_once_and_is_over_when_it_is() -> None:
    before, newest = literal.LINE[-2:]
    leaks = report({before: 0.0, newest: 2e8})
    told = news(leaks, (), literal.CATALOGUE)
    assert (told.status, told.releases) == (("regressed",), (newest,))
    assert told.message is not None
    assert "**memory growth per step**: 1 regressed" in told.message
    (trouble,) = told.now
    assert str(trouble) == f"{newest} NHWC none off, memory growth per step, cpu-quick: regressed"
    assert news(leaks, told.now, literal.CATALOGUE).message is None
    over = news(report({before: 0.0, newest: 0.0}), told.now, literal.CATALOGUE)
    assert (over.now, over.status) == (frozenset(), ("over",))
