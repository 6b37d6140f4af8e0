"""From records of duets to blocks: which four records are a block, and what it says."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggbench.judging import duets
from vggbench.judging.duets import Block, SubjectKey
from vggbench.records import Record
from vggbench.records.record import KEYS, REQUIRED

from ..records.factory import CATALOGUE, NONSENSE, changed
from .duets import SECOND, block, blocks
from .literal import FUSED, LINE, MACHINE, NHWC, evidence, measured

FIRST, SECOND_OF_TWO = LINE[-2], LINE[-1]


def gathered(records: list[Record]) -> tuple[list[Block], dict[str, list[str]]]:
    return duets.gather(MACHINE, records, CATALOGUE)


def one_block(records: list[Record]) -> Block:
    (found,), left_out = gathered(records)
    assert not left_out
    return found


def refused(records: list[Record]) -> str:
    """The one message about records of which none makes a block."""
    found, left_out = gathered(records)
    assert found == []
    assert left_out
    (line, *others) = evidence(records).left_out
    assert not others
    return line


def subject(release: str) -> SubjectKey:
    return duets.subject_key(block(release, LINE[0])[0])


def with_duet(record: Record, **more: Any) -> Record:
    return changed(record, duet={**record.duet, **more})


# -- what a block is


def test_four_records_are_a_block_of_the_two_releases() -> None:
    found = one_block(block(FIRST, SECOND_OF_TWO, 1.1))
    assert (found.first, found.second) == (subject(FIRST), subject(SECOND_OF_TWO))
    assert found.profile == "cpu-quick"
    assert not found.is_of_one
    assert found.seconds == 60.0
    assert [record.release for record in found.of(found.second)] == [SECOND_OF_TWO] * 2


def test_its_number_is_the_second_by_the_first_whoever_was_started_first() -> None:
    found = one_block(block(FIRST, SECOND_OF_TWO, 1.1))
    assert found.numbers["step"] == pytest.approx(math.log(1.1))
    # The start order alone is worth 3 % in each of the duets.
    one, other = (
        duets.blocks.duet(duet.first.samples, duet.second.samples) for duet in found.duets
    )
    assert one - other == pytest.approx(2 * math.log(SECOND))


def test_each_measure_that_all_four_processes_have_has_a_number() -> None:
    found = one_block(block(FIRST, SECOND_OF_TWO, 1.1))
    assert set(found.numbers) == {"step", "first_step", "peak_memory"}
    assert found.numbers["peak_memory"] == pytest.approx(math.log(1.1))


@pytest.mark.parametrize("place", range(4))
def test_a_by_product_that_one_process_lacks_leaves_the_rest(place: int) -> None:
    records = block(FIRST, SECOND_OF_TWO, 1.1)
    records[place] = changed(records[place], peak_memory_bytes=None)
    assert set(one_block(records).numbers) == {"step", "first_step"}


def test_the_order_of_the_records_does_not_matter() -> None:
    records = block(FIRST, SECOND_OF_TWO, 1.1)
    known = one_block(records)
    for order in itertools.permutations(records):
        found = one_block(list(order))
        assert (found.first, found.numbers, found.duets) == (
            known.first,
            known.numbers,
            known.duets,
        )


def test_blocks_come_in_the_order_in_which_they_were_measured() -> None:
    found, _ = gathered(blocks(FIRST, SECOND_OF_TWO, count=12))
    assert [int(one.id.rpartition("/")[2]) for one in found] == list(range(1, 13))


def test_a_block_reads_both_ways() -> None:
    one = one_block(block(FIRST, SECOND_OF_TWO, 1.1))
    before, after, other = subject(FIRST), subject(SECOND_OF_TWO), subject(LINE[0])
    assert (one.reads(before, after), one.reads(after, before)) == (1, -1)
    assert one.reads(before, other) == one.reads(before, before) == 0
    assert duets.numbers([one], before, after) == [pytest.approx(math.log(1.1))]
    assert duets.numbers([one], after, before) == [pytest.approx(-math.log(1.1))]
    assert duets.numbers([one], before, after, "loss") == []


def test_a_release_with_itself_is_a_block_of_one_that_reads_forward() -> None:
    one = one_block(block(FIRST, FIRST, 1.004))
    assert one.is_of_one
    assert one.reads(one.first, one.second) == 1
    # Who was started first tells its subjects apart: the start order cancels here too.
    assert one.numbers["step"] == pytest.approx(math.log(1.004))


def test_two_configurations_or_a_variant_make_a_block_of_their_own() -> None:
    variant = {"release": FIRST, "variant": "NumPy 1.26.4", "lock": None}
    one = one_block(block(FIRST, variant, 0.9))
    assert not one.is_of_one
    assert one.second == (*one.first[:2], "NumPy 1.26.4")
    fused = {"release": FIRST, "configuration": block(FIRST, FIRST, words=FUSED)[0].configuration}
    other = one_block(block(FIRST, fused, 0.9))
    assert not other.is_of_one
    assert other.first[0] == other.second[0]


def test_a_variant_may_be_made_by_a_flag() -> None:
    flag = {"variables": {"TF_ENABLE_ONEDNN_OPTS": "0"}}
    variant = {"release": FIRST, "variant": "oneDNN off", **flag}
    one = one_block(block(FIRST, variant, 0.9))
    assert one.states[0] != one.states[1]
    assert duets.in_one_state([one]) == [one]
    elsewhere = {**variant, "cpus": 4}
    assert "more than one state" in refused(block(FIRST, elsewhere, 0.9))


def test_an_interpreter_of_the_users_for_one_of_two_makes_a_block_that_no_verdict_takes() -> None:
    own = {"release": SECOND_OF_TWO, "interpreter": "/opt/python", "lock": None}
    records = block(FIRST, own, 1.1)
    one = one_block(records)
    assert one.numbers["step"] == pytest.approx(math.log(1.1))
    assert not one.is_of_one_state
    assert not one.compares_releases
    assert one_block(block(FIRST, SECOND_OF_TWO)).compares_releases
    assert evidence(records).lines == {}, "nor does a chain, which is of lines"
    itself = one_block(block(FIRST, {**own, "release": FIRST}))
    assert not itself.is_of_one, "what the two differ by is not the machine's doing"
    assert "more than one state" in refused(block(FIRST, {**own, "cpus": 4}))


# -- what is none


@pytest.mark.parametrize("place", range(4))
def test_a_block_that_lacks_a_record_is_left_out_with_a_line(place: int) -> None:
    records = block(FIRST, SECOND_OF_TWO)
    del records[place]
    line = refused(records)
    assert line.startswith("3 records of a block of duets that is not whole are left out: ")


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("outcome", ["failed", "interrupted", "n/a"])
def test_a_block_one_process_of_which_did_not_end_well_is_left_out(
    place: int, outcome: str
) -> None:
    records = block(FIRST, SECOND_OF_TWO)
    records[place] = changed(records[place], outcome=outcome, samples=None, reason="it said so")
    assert "3 records of a block of duets that is not whole" in refused(records)


def test_a_duet_that_failed_altogether_needs_no_line() -> None:
    records = [
        changed(record, outcome="failed", error="x") for record in block(FIRST, SECOND_OF_TWO)
    ]
    assert gathered(records) == ([], {})
    assert evidence(records).left_out == []


@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("other", ["none", "interrupted"])
def test_half_a_block_is_what_an_end_leaves_and_nothing_to_be_said(first: int, other: str) -> None:
    records = block(FIRST, SECOND_OF_TWO)
    rest = [record for record in records if record not in records[first : first + 2]]
    ended = [changed(record, outcome="interrupted", samples=None) for record in rest]
    left = [*records[first : first + 2], *(ended if other == "interrupted" else [])]
    assert gathered(left) == ([], {})


def test_the_same_records_twice_are_no_block() -> None:
    records = block(FIRST, SECOND_OF_TWO)
    assert "8 records" in refused([*records, *records])


def test_two_duets_with_one_start_order_are_no_block() -> None:
    records = block(FIRST, SECOND_OF_TWO)
    same = [
        *records[:2],
        *(with_duet(record, started=3 - record.duet["started"]) for record in records[2:]),
    ]
    assert "not whole" in refused(same)


def test_two_processes_that_were_both_started_first_are_no_duet() -> None:
    records = block(FIRST, SECOND_OF_TWO)
    assert "not whole" in refused([with_duet(records[0], started=2), *records[1:]])


@pytest.mark.parametrize("place", range(4))
def test_other_subjects_in_the_second_duet_are_no_block(place: int) -> None:
    records = block(FIRST, SECOND_OF_TWO)
    other = block(LINE[0], LINE[0])[place]
    records[place] = changed(other, duet=records[place].duet, run=records[place].run)
    assert "not whole" in refused(records)


def test_a_third_duet_in_a_block_is_too_much() -> None:
    records = block(FIRST, SECOND_OF_TWO)
    third = [with_duet(record, id="third") for record in records[:2]]
    assert "6 records" in refused([*records, *third])


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize(
    "state",
    [
        {"cpus": 4},
        {"cpus": None},
        {"variables": {"OMP_NUM_THREADS": "1"}},
        {"interpreter": "/opt/python", "lock": None},
        {"set_by_vggbench": {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}},
    ],
)
def test_one_of_the_four_in_another_state_makes_no_block(place: int, state: dict[str, Any]) -> None:
    records = block(FIRST, SECOND_OF_TWO)
    records[place] = changed(records[place], **state)
    line = refused(records)
    assert line.startswith("4 records of a block of duets that was measured in more than one state")


def test_two_releases_in_two_states_make_no_block() -> None:
    elsewhere = {"release": SECOND_OF_TWO, "cpus": 4}
    assert "more than one state" in refused(block(FIRST, elsewhere))


def test_two_profiles_make_no_block() -> None:
    records = block(FIRST, SECOND_OF_TWO)
    records[2:] = [changed(record, profile="cpu-paper") for record in records[2:]]
    assert "not whole" in refused(records)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"machine": "other"}, "of another machine (other)"),
        ({"lock": "0" * 64}, "of another lock"),
        ({"benchmark_version": "0"}, "of another measuring protocol"),
        ({"samples": [0.1, 0.1]}, "with fewer than 3 samples"),
        ({"samples": [0.1, math.nan, 0.1]}, "samples that are no times"),
        ({"process_s": 0.1, "samples": [9.0] * 3}, "during which a clock jumped"),
    ],
)
def test_a_record_that_is_no_evidence_takes_its_block_with_it(
    change: dict[str, Any], said: str
) -> None:
    records = block(FIRST, SECOND_OF_TWO)
    records[1] = changed(records[1], **change)
    found, left_out = gathered(records)
    assert found == []
    (why,) = [why for why in left_out if said in why]
    assert len(left_out[why]) == 1
    assert len(left_out["of a block of duets that is not whole"]) == 3


def test_a_by_product_that_was_asked_for_alone_is_no_process_of_a_block() -> None:
    records = block(FIRST, SECOND_OF_TWO, benchmark="train_step.TensorFlow.track_loss")
    assert gathered(records) == ([], {})
    assert evidence(records).lines == {}


GARBAGE = [
    *NONSENSE,
    {"id": ["1"], "block": "b", "started": 1},
    {"id": {}, "block": "b", "started": 1},
    {"id": "1", "block": 7, "started": 1},
    {"id": "1", "block": None, "started": 1},
    {"id": "1", "block": "b"},
    {"id": "1", "block": "b", "started": 3},
    {"id": "1", "block": "b", "started": "1"},
    {"id": "1", "block": "b", "started": True},
    {"id": "1", "block": "b", "started": [1]},
    {"id": "1", "block": "b", "started": {"1": [None]}},
    {"id": "1", "block": "b", "started": math.nan},
    {"id": "1", "block": "b", "started": 10**400},
    {"block": {"block": {"block": [[[]]]}}},
]


@pytest.mark.parametrize("told", GARBAGE, ids=lambda one: repr(one)[:40])
def test_a_duet_key_of_any_kind_is_left_out_with_a_line(told: Any) -> None:
    records = [changed(record, duet=told) for record in block(FIRST, SECOND_OF_TWO)]
    assert refused(records).startswith("4 records of an unknown duet are left out: ")


@pytest.mark.parametrize("key", sorted(KEYS - set(REQUIRED) - {"duet", "purpose"}))
def test_nonsense_in_any_other_key_ends_in_no_traceback(key: str) -> None:
    for value, place in itertools.product(NONSENSE, (0, 3)):
        records = block(FIRST, SECOND_OF_TWO)
        records[place] = changed(records[place], **{key: value})
        found, left_out = gathered(records)
        assert len(found) == (not left_out)
        for one in found:
            assert 0 <= one.others < math.inf
            assert all(0 <= duets.waiting_share(duet) < math.inf for duet in one.duets)
            assert all(map(math.isfinite, one.numbers.values()))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "block", "started", "x"]), inner, max_size=4)
        ),
        max_leaves=6,
    )
)
def test_no_duet_key_ends_in_a_traceback(told: Any) -> None:
    records = block(FIRST, SECOND_OF_TWO)
    records[0] = changed(records[0], duet=told)
    found, left_out = gathered(records)
    assert found == []
    assert sum(map(len, left_out.values())) == 4


# -- busy machines


def busy(share: float, **more: Any) -> list[Record]:
    """The records of a block during which others used this share of two processors."""
    return block(FIRST, SECOND_OF_TWO, others_cpu_s=[0.1 * 2 * share] * 5, **more)


def test_a_block_beside_other_work_is_left_out_with_the_figure() -> None:
    line = refused(busy(0.25))
    assert "busy" in line
    assert line.startswith("4 records of duets beside other work (busy: others used 25 % of the ")
    assert one_block(busy(0.05)).others == pytest.approx(0.05, rel=0.05)


def test_a_block_beside_another_measurement_is_left_out_however_quiet_it_was() -> None:
    line = refused(block(FIRST, SECOND_OF_TWO, beside="process 7, asv run, since now"))
    assert line.startswith("4 records of duets beside another measurement")


def test_what_a_hypervisor_kept_counts_with_what_others_took() -> None:
    quiet = busy(0.02)
    stolen = [changed(record, steal_s=[0.1 * 2 * 0.5] * 5) for record in quiet]
    assert "others used 53 % of the processors" in refused(stolen)
    assert one_block(
        [changed(record, steal_s=[0.01] * 5) for record in quiet]
    ).others == pytest.approx(0.07, rel=0.05)
    for unknown in (None, [], [None] * 5, "x", [10**400] * 5):
        assert one_block(
            [changed(record, steal_s=unknown) for record in quiet]
        ).others == pytest.approx(0.02, rel=0.05)


def test_many_busy_blocks_make_one_line() -> None:
    line = refused([*busy(0.2, number=1), *busy(0.4, number=2), *busy(0.3, number=3)])
    assert line.startswith("12 records")
    assert "others used 20 to 41 % of the processors" in line


def test_a_burst_in_one_of_the_duets_makes_the_block_busy() -> None:
    records = block(FIRST, SECOND_OF_TWO)
    records[2] = changed(records[2], others_cpu_s=[0.2] * 5)
    assert "busy" in refused(records)


def test_a_step_of_which_nothing_is_known_does_not_make_the_machine_quieter() -> None:
    known = one_block(busy(0.08)).others
    half = [changed(record, others_cpu_s=[0.016, None, 0.016, None, None]) for record in busy(0.08)]
    assert one_block(half).others == pytest.approx(known, rel=0.02)
    unknown = one_block([changed(record, others_cpu_s=None) for record in busy(0.5)])
    assert unknown.others == 0


def test_ticks_below_zero_balance_those_above() -> None:
    ticks = [0.01, -0.01, 0.01, -0.01, 0.0]
    assert one_block(block(FIRST, SECOND_OF_TWO, others_cpu_s=ticks)).others == pytest.approx(0)


def test_a_waiting_process_that_computes_is_seen() -> None:
    still, spinning = (
        one_block(block(FIRST, {"release": SECOND_OF_TWO, "waiting_cpu_s": [seconds] * 5}))
        for seconds in (0.0, 0.05)
    )
    assert duets.waiting_share(still.duets[0]) == 0
    assert duets.waiting_share(spinning.duets[0]) == pytest.approx(0.5, rel=0.05)
    rarely: dict[str, Any] = {"release": SECOND_OF_TWO, "waiting_cpu_s": [0.05, 0.0, 0.0, 0.0, 0.0]}
    one = one_block(block(FIRST, rarely))
    assert duets.waiting_share(one.duets[0]) == pytest.approx(0.1, rel=0.05)


# -- state, noise


def test_blocks_in_another_state_than_the_newest_do_not_count() -> None:
    older = blocks(FIRST, SECOND_OF_TWO, count=2, session=20, cpus=4)
    newer = blocks(SECOND_OF_TWO, FIRST, count=2, session=21)
    found, _ = gathered([*older, *newer])
    assert duets.in_one_state(found) == found[2:]
    assert duets.in_one_state(found[:3]) == found[2:3]
    assert duets.in_one_state([]) == []


def test_the_noise_of_a_state_is_told_by_blocks_that_were_partly_measured_in_it() -> None:
    flag = {"variables": {"TF_ENABLE_ONEDNN_OPTS": "0"}}
    records = [
        *block(FIRST, FIRST, session=20),
        *block(FIRST, FIRST, session=21, cpus=4),
        *block(FIRST, {"release": FIRST, "variant": "oneDNN off", **flag}, session=22),
    ]
    found, _ = gathered(records)
    plain, larger, partly = found
    assert duets.of_states(found, plain.states) == [plain, partly]
    assert duets.of_states(found, larger.states) == [larger]
    assert duets.of_states(found, partly.states) == [plain, partly]
    assert duets.of_states(found, []) == []


def on_gpu(name: str, session: int = 20) -> list[Record]:
    """The records of a block that was measured on a GPU of this name."""
    both = [
        {"release": release, "lock": CATALOGUE.by_name[release].locks["gpu"].digest}
        for release in (FIRST, SECOND_OF_TWO)
    ]
    return block(*both, session=session, profile="gpu-quick", gpu={"name": name})


def test_blocks_on_two_kinds_of_gpu_are_not_put_together() -> None:
    found, _ = gathered([*on_gpu("NVIDIA T4"), *on_gpu("NVIDIA H200", session=21)])
    assert len(found) == 2
    assert duets.in_one_state(found) == found[1:]
    mixed = [*on_gpu("NVIDIA T4")[:3], on_gpu("NVIDIA H200")[3]]
    assert "more than one state" in refused(mixed)


def test_noise_is_of_calibrating_blocks_and_of_earlier_comparisons() -> None:
    records = [
        *blocks(FIRST, FIRST, session=20),
        *blocks(LINE[0], LINE[1], 1.3, session=21),
        # The same comparison the other way round.
        *blocks(LINE[1], LINE[0], 1 / 1.3, session=22),
        *blocks(FIRST, SECOND_OF_TWO, 0.5, session=23),
    ]
    found, _ = gathered(records)
    earlier = {CATALOGUE.by_name[name].commit for name in LINE[:2]}
    known = duets.noise(found, earlier=earlier)
    assert known.origin == "6 calibrating blocks; 12 blocks of other comparisons"
    assert 0.002 < known.deviation < 0.006
    assert duets.noise([], found, earlier=earlier) == known
    assert duets.noise(found[:2], earlier=earlier).is_assumed
    with pytest.raises(ValueError, match="no blocks"):
        duets.noise()


def test_what_blocks_say_in_another_state_is_no_scatter_of_theirs() -> None:
    here = blocks(LINE[0], LINE[1], 1.0, session=20)
    there = blocks(LINE[0], LINE[1], 1.5, session=21, cpus=4)
    earlier = {CATALOGUE.by_name[name].commit for name in LINE[:2]}
    assert duets.noise(gathered([*here, *there])[0], earlier=earlier).deviation < 0.01


def test_processes_that_were_measured_by_themselves_make_no_block() -> None:
    records = [*measured(FIRST), *measured(SECOND_OF_TWO, purpose="confirm", words=NHWC)]
    assert gathered(records) == ([], {})
