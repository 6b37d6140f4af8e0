"""What ends the trouble that a check's command was told of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from vggbench import records
from vggbench.campaigns.notification import TOLD, Trouble, _is_mended
from vggbench.judging.verdicts import OUTCOMES
from vggbench.releases.catalogue import Release, Track

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
