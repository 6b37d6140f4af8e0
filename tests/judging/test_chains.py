"""Chains of lines, from literal records of duets to levels and messages."""

from __future__ import annotations

import math

import pytest

from vggbench.judging import chains
from vggbench.judging.chains import LineChain
from vggbench.records import Record
from vggbench.stats.chain import LEAST_BLOCKS_A_LINK

from ..records.factory import CATALOGUE, changed
from .duets import LINK, block_by_log, blocks_by_log, link, neighbours
from .literal import LINE, MACHINE, NHWC, XLA, evidence, record

KERAS = ("keras-3.2.1", "keras-3.3.3")
FLAGS = {"OMP_NUM_THREADS": "1"}


def chained(*taken: Record, measure: str = "step") -> list[LineChain]:
    return chains.of_machine(evidence(taken), [measure])


def one(*taken: Record, measure: str = "step") -> LineChain:
    (found,) = chained(*taken, measure=measure)
    return found


def logs(found: LineChain) -> list[dict[str, float]]:
    """The logarithm of each release's level, by its name, for each component."""
    return [
        {release.name: level.log for release, level in component.levels}
        for component in found.components
    ]


def near(*components: dict[str, float]) -> list[object]:
    return [pytest.approx(component, abs=0.002) for component in components]


def test_blocks_of_neighbours_make_levels_against_the_first_release() -> None:
    found = one(*neighbours(0.02, -0.05))
    assert logs(found) == near({LINE[0]: 0.0, LINE[1]: 0.02, LINE[2]: -0.03})
    ((base, levels),) = found.components
    assert base.name == LINE[0]
    assert (levels[0][1].low, levels[0][1].high) == (1, 1)
    for release, level in levels[1:]:
        assert level.low < level.ratio < level.high, release.name
    assert (found.line.track, found.line.profile, found.words) == (
        "tensorflow",
        "cpu-quick",
        "NHWC none off",
    )
    assert found.chain.loops == ()


def test_blocks_count_from_the_older_release_to_the_newer_whichever_was_named_first() -> None:
    forward = link(LINE[0], LINE[1], 0.03)
    backward = blocks_by_log(LINE[1], LINE[0], *(-(0.03 + number) for number in LINK))
    assert logs(one(*backward)) == near(logs(one(*forward))[0])
    both = one(*forward, *backward)
    assert logs(both) == near({LINE[0]: 0.0, LINE[1]: 0.03})
    (half,), (whole,) = one(*forward).components, both.components
    assert whole.levels[1][1].high < half.levels[1][1].high


def test_a_named_base_is_the_one_that_levels_are_against() -> None:
    taken = evidence(neighbours(0.02, -0.05))
    (line,) = chains.lines(taken)
    found = chains.of_line(taken, line, base=CATALOGUE.by_name[LINE[2]])
    assert [component.base.name for component in found.components] == [LINE[2]]
    assert logs(found) == near({LINE[0]: 0.03, LINE[1]: 0.05, LINE[2]: 0.0})


def test_components_that_nothing_connects_have_a_base_each() -> None:
    taken = [*link(LINE[0], LINE[1], 0.1), *link(LINE[3], LINE[5], 0.2)]
    found = one(*taken)
    assert [component.base.name for component in found.components] == [LINE[0], LINE[3]]
    assert logs(found) == near({LINE[0]: 0.0, LINE[1]: 0.1}, {LINE[3]: 0.0, LINE[5]: 0.2})
    of = evidence(taken)
    named = chains.of_line(of, chains.lines(of)[0], base=CATALOGUE.by_name[LINE[5]])
    assert [component.base.name for component in named.components] == [LINE[0], LINE[5]]


def test_links_reach_over_any_distance_and_close_loops_with_names() -> None:
    found = one(*neighbours(0.02, 0.0, 0.0, 0.01, 0.0), *link(LINE[0], LINE[5], 0.03))
    (loop,) = found.chain.loops
    assert [found.name(place) for place in loop.through] == LINE[:6]
    assert not loop.misfits
    first, together = chains.loop_messages(found)
    assert f"loop {LINE[0]} to {LINE[5]}: +3.0 % directly, +3.0 % by {LINE[1]}, " in first
    assert "and 1 more" in first
    assert first.endswith("within chance")
    assert together.startswith("1 loop together")


def test_a_loop_that_does_not_close_is_said() -> None:
    found = one(*neighbours(0.02, 0.0, 0.0, 0.01, 0.0), *link(LINE[0], LINE[5], 0.13))
    first, _, between = chains.loop_messages(found)
    assert "misfit +10.5 % (" in first
    assert first.endswith("more than chance allows")
    assert "beyond what their blocks explain" in between


def test_a_link_of_few_blocks_is_left_out_and_said() -> None:
    few = link(LINE[1], LINE[2], 0.1, numbers=LINK[:-1])
    found = one(*link(LINE[0], LINE[1]), *few)
    assert [list(component) for component in logs(found)] == [[LINE[0], LINE[1]]]
    assert chains.left_out_messages(found) == [
        f"link {LINE[1]} to {LINE[2]} is left out: {LEAST_BLOCKS_A_LINK - 1} blocks, and it takes 6"
    ]


def test_the_base_is_the_first_release_that_has_a_link_and_not_one_that_was_left_out() -> None:
    few = link(LINE[0], LINE[1], numbers=LINK[:2])
    found = one(*few, *link(LINE[1], LINE[2]))
    assert [component.base.name for component in found.components] == [LINE[1]]


def test_with_few_blocks_alone_there_are_no_levels() -> None:
    found = one(*block_by_log(LINE[0], LINE[1]))
    assert not found.has_levels
    assert found.components == []
    told = chains.why_none("TensorFlow", MACHINE, [found])
    assert "no two releases have more than 1 block;" in told
    assert "vggbench history" in told
    assert "[duets]" in told
    assert "and there are none;" in chains.why_none("TensorFlow", MACHINE)


def test_lines_stay_apart_and_come_in_the_order_of_tracks_and_of_asvs_tables() -> None:
    found = chained(
        *link(*KERAS, 0.1, ("tensorflow", *NHWC)),
        *link(LINE[0], LINE[1], 0.2, XLA),
        *link(LINE[0], LINE[1], 0.3),
        *link(LINE[0], LINE[1], 0.4, profile="cpu-paper"),
    )
    told = {(one.line.profile, one.line.track, one.words): logs(one)[0] for one in found}
    assert {place: list(of.values())[1] for place, of in told.items()} == pytest.approx(
        {
            ("cpu-quick", "keras", "tensorflow NHWC none off"): 0.1,
            ("cpu-quick", "tensorflow", "NHWC none on"): 0.2,
            ("cpu-quick", "tensorflow", "NHWC none off"): 0.3,
            ("cpu-paper", "tensorflow", "NHWC none off"): 0.4,
        },
        abs=0.002,
    )
    of_tensorflow = [one.words for one in found if one.line.track == "tensorflow"]
    assert of_tensorflow == ["NHWC none off", "NHWC none off", "NHWC none on"]


def test_each_measure_has_a_chain_of_its_own() -> None:
    taken = neighbours(0.02)
    for measure in ("step", "first_step", "peak_memory"):
        assert logs(one(*taken, measure=measure)) == near({LINE[0]: 0.0, LINE[1]: 0.02})
    no_peak = [changed(record, peak_memory_bytes=None) for record in taken]
    assert chained(*no_peak, measure="peak_memory") == []


def test_blocks_of_two_states_of_the_machine_are_not_multiplied() -> None:
    taken = [*neighbours(0.02, 0.03), *link(LINE[2], LINE[3], 0.5, variables=FLAGS)]
    found = one(*taken)
    assert logs(found) == near({LINE[0]: 0.0, LINE[1]: 0.02, LINE[2]: 0.05})
    assert found.elsewhere == len(LINK)
    (line,) = chains.left_out_messages(found)
    assert line.startswith("6 blocks are left out: measured in another state than most")
    # Of as many, the newest count.
    found = one(*link(LINE[0], LINE[1]), *link(LINE[2], LINE[3], 0.5, variables=FLAGS))
    assert [list(component) for component in logs(found)] == [[LINE[2], LINE[3]]]


def test_calibrating_blocks_tell_the_noise_and_are_no_link() -> None:
    taken = link(LINE[0], LINE[1], 0.1)
    calm = blocks_by_log(LINE[1], LINE[1], *(number / 3 for number in LINK * 6))
    (alone,), (told,) = one(*taken).components, one(*taken, *calm).components
    assert [release.name for release, _ in told.levels] == [LINE[0], LINE[1]]
    assert told.levels[1][1].degrees > alone.levels[1][1].degrees
    assert chained(*calm) == []


def test_what_is_of_no_two_releases_of_a_line_is_no_link() -> None:
    variants = [
        changed(one, variant="onednn") if one.release == LINE[1] else one
        for one in link(LINE[0], LINE[1])
    ]
    of_one_release = [
        changed(record, commit=CATALOGUE.by_name[LINE[0]].commit)
        for record in link(LINE[0], LINE[1])
    ]
    compiled = [
        changed(one, configuration=record(LINE[0], words=XLA).configuration)
        if one.release == LINE[1]
        else one
        for one in link(LINE[0], LINE[1])
    ]
    for taken in (variants, of_one_release, compiled):
        assert chained(*taken) == []
    assert chained(record(LINE[0]), record(LINE[1])) == []


def test_a_chain_is_the_same_whatever_order_its_records_come_in() -> None:
    taken = neighbours(0.02, -0.05)
    (there,), (back,) = one(*taken).components, one(*reversed(taken)).components
    for (_, level), (_, other) in zip(there.levels, back.levels, strict=True):
        assert math.isclose(level.log, other.log, abs_tol=1e-9)
