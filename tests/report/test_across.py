"""What machines say of the same changes: verdicts from literal records, a machine each."""

from __future__ import annotations

from dataclasses import replace

from vggbench import records
from vggbench.judging import verdicts
from vggbench.judging.verdicts import Verdict
from vggbench.records import Record
from vggbench.report.across import across
from vggbench.report.side_by_side import table

from ..judging.literal import CATALOGUE, LINE, NCHW, evidence, line, measured

SLOWER = line(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.13)
SAME = line(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
FASTER = line(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.08)
UNDECIDED = line(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1018)


def steps(machine: str, taken: list[Record]) -> list[Verdict]:
    """What the machine says of the newest release's step time."""
    found = verdicts.of_release(evidence(taken), CATALOGUE.by_name[LINE[-1]])
    return [replace(verdict, machine=machine) for verdict in found if verdict.measure == "step"]


def rows(*found: list[Verdict]) -> list[str]:
    """The rows of the table, where the first machine is called a, the second b, and so on."""
    both = across(one for own in found for one in own)
    return table(both, ["a", "b", "c"][: len(found)])[2:]


def test_a_change_that_all_machines_saw_is_agreed() -> None:
    (one,) = across([*steps("a", SLOWER), *steps("b", SLOWER)])
    assert one.agreed
    assert (one.release, one.against) == (LINE[-1], LINE[-2])
    assert list(one.verdicts) == ["a", "b"]


def test_one_that_another_machine_excludes_or_saw_the_other_way_is_not_agreed() -> None:
    for other in (SAME, FASTER, UNDECIDED):
        (one,) = across([*steps("a", SLOWER), *steps("b", other)])
        assert not one.agreed


def test_what_no_machine_saw_and_what_one_alone_could_see_is_left_out() -> None:
    assert across([*steps("a", SAME), *steps("b", UNDECIDED)]) == []
    assert across(steps("a", SLOWER)) == []
    of_another = line(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.13, words=NCHW)
    assert across([*steps("a", SLOWER), *steps("b", of_another)]) == []
    assert table([], ["a", "b"]) == ["None."]


def test_each_machine_has_a_column_of_what_it_says() -> None:
    (row,) = rows(steps("a", SLOWER), steps("b", SAME), steps("c", SLOWER[:-4]))
    release, against, configuration, measure, *said = row.strip("| ").split(" | ")
    assert (release, against) == (LINE[-1], LINE[-2])
    assert (configuration, measure) == ("NHWC none off", "step time")
    assert [cell.split()[0] for cell in said] == ["+29.9", "unchanged", "-"]


def test_confirmed_is_what_one_session_saw_of_both_releases() -> None:
    in_one_session = [
        record
        for release, seconds in ((LINE[-2], 0.1), (LINE[-1], 0.13))
        for record in measured(release, seconds, session=9, purpose=records.CONFIRM)
    ]
    (row,) = rows(steps("a", SLOWER), steps("b", [*SLOWER, *in_one_session]))
    seen, confirmed = row.strip("| ").split(" | ")[-2:]
    assert "confirmed" not in seen
    assert confirmed.endswith(" %, confirmed")


def test_only_a_machine_that_is_sure_has_an_answer_and_counts() -> None:
    unsure, sure = steps("b", UNDECIDED), steps("c", SAME)
    assert [one.outcome for one in (*unsure, *sure)] == ["not sure", "unchanged"]
    (one,) = across([*steps("a", SLOWER), *unsure, *sure, *steps("d", SLOWER)])
    assert list(one.verdicts) == ["a", "b", "c", "d"]
    assert list(one.answers) == ["a", "c", "d"]
    assert (one.same("regressed"), one.same("unchanged"), one.same("improved")) == (2, 1, 0)


def test_a_change_in_the_other_direction_is_an_answer_and_not_the_same() -> None:
    (one,) = across([*steps("a", SLOWER), *steps("b", FASTER)])
    assert (one.same("regressed"), one.same("improved"), len(one.answers)) == (1, 1, 2)


def test_machines_are_laid_side_by_side_within_a_profile() -> None:
    (other,) = steps("b", SLOWER)
    assert across([*steps("a", SLOWER), replace(other, profile="cpu-paper")]) == []


def test_what_is_held_against_another_release_is_another_comparison() -> None:
    (other,) = steps("b", SLOWER)
    assert across([*steps("a", SLOWER), replace(other, against=LINE[-3])]) == []
