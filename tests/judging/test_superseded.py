"""Superseded pre-releases: judged themselves, and never what another release is judged against.

Which releases are superseded is tested in tests/releases/test_spec.py; here one is said to be.
"""

from __future__ import annotations

import copy
from dataclasses import replace

from vggbench.judging import chains, line_changes, verdicts
from vggbench.judging.evidence import Evidence, gather
from vggbench.records import Record
from vggbench.releases.catalogue import Catalogue

from .duets import link
from .literal import CATALOGUE, LINE, MACHINE, line

SUPERSEDED, BEFORE, NEWEST = LINE[-2], LINE[-3], LINE[-1]


def catalogue(*superseded: str) -> Catalogue:
    """The shipped releases, of which these are superseded."""
    track = replace(CATALOGUE.tracks["tensorflow"])
    vars(track)["superseded"] = frozenset(superseded)
    made = copy.copy(CATALOGUE)
    made.tracks = {**CATALOGUE.tracks, "tensorflow": track}
    return made


def evidence(records: list[Record], *superseded: str) -> Evidence:
    return gather(MACHINE, sorted(records, key=lambda one: one.run), catalogue(*superseded))


#: The pre-release is much slower than all others.
SLOW_ONCE = line(0.1, 0.1, 0.1, 0.1, 0.1, 0.15, 0.1)


def judged(release: str, *superseded: str) -> list[tuple[str | None, str]]:
    """Against what each step of the release is judged, and the outcome."""
    found = verdicts.of_release(evidence(SLOW_ONCE, *superseded), CATALOGUE.by_name[release])
    return [(each.against, each.outcome) for each in found if each.measure == "step"]


def test_a_superseded_pre_release_is_not_the_one_before() -> None:
    assert judged(NEWEST) == [(SUPERSEDED, "improved")]
    assert judged(NEWEST, SUPERSEDED) == [(BEFORE, "unchanged")]


def test_it_is_judged_itself_against_the_current_release_before_it() -> None:
    assert judged(SUPERSEDED, SUPERSEDED) == [(BEFORE, "regressed")]
    assert judged(SUPERSEDED, SUPERSEDED, BEFORE) == [(LINE[-4], "regressed")]


def test_it_is_no_release_of_a_whole_track_unless_that_is_asked_for() -> None:
    of = evidence(SLOW_ONCE, SUPERSEDED)
    assert SUPERSEDED not in {each.release for each in verdicts.of_track(of, "tensorflow")}
    every = verdicts.of_track(of, "tensorflow", superseded=True)
    assert SUPERSEDED in {each.release for each in every}


def test_it_is_the_newest_of_no_track() -> None:
    assert evidence(SLOW_ONCE, NEWEST).newest("tensorflow") == CATALOGUE.by_name[SUPERSEDED]


def test_it_is_in_no_segment_and_no_change_of_a_whole_line() -> None:
    of = evidence(SLOW_ONCE, SUPERSEDED)
    (measured,) = of.lines
    state = of.state(measured, CATALOGUE.by_name[NEWEST])
    (segment,) = of.segments(measured, state, "step")
    assert [release.name for release, _ in segment] == [*LINE[:-2], NEWEST]
    assert line_changes.of_track(of, "tensorflow") == []


def test_it_has_no_level_in_a_chain() -> None:
    names = [LINE[0], LINE[1], LINE[2]]
    records = [*link(names[0], names[1], 0.3), *link(names[1], names[2], -0.3)]
    records += link(names[0], names[2], 0.0)
    (found,) = chains.of_machine(evidence(records, names[1]), ["step"])
    ((_, levels),) = found.components
    assert [release.name for release, _ in levels] == [names[0], names[2]]
