"""The history in short, from literal records."""

from __future__ import annotations

from vggbench.records import Record
from vggbench.report.lines import lines
from vggbench.report.milestones import milestones, table

from .pages.literal import CATALOGUE, LACKING, SHIPPED, processes, record


def shown(*taken: Record) -> list[tuple[str, str]]:
    found = lines("box", taken, CATALOGUE)[0]
    return [
        (milestone.release.name, milestone.configuration)
        for milestone in milestones(found, CATALOGUE)
    ]


def test_of_configurations_measured_alike_the_plainest_is_shown() -> None:
    taken = [
        record
        for release in SHIPPED[:3]
        for words in ("NHWC fused off", "NHWC none on", "NHWC none off", "NCHW none off")
        for record in processes(release, words, 0.2)
    ]
    assert shown(*taken) == [
        (SHIPPED[0], "NHWC, no BN, no XLA"),
        (SHIPPED[2], "NHWC, no BN, no XLA"),
    ]


def test_a_param_that_a_record_lacks_is_at_its_default() -> None:
    taken = (LACKING, record(SHIPPED[1], "NHWC none on"))
    assert shown(*taken) == [(SHIPPED[0], "-, no BN, -")]


def test_a_plainer_one_that_a_single_release_has_does_not_stand_for_the_line() -> None:
    taken = [
        record for release in SHIPPED[:3] for record in processes(release, "NHWC none on", 0.2)
    ]
    taken += processes(SHIPPED[1], "NCHW none off", 0.3)
    assert shown(*taken) == [(SHIPPED[0], "NHWC, no BN, XLA"), (SHIPPED[2], "NHWC, no BN, XLA")]


def test_releases_that_were_measured_in_different_states_are_told_apart() -> None:
    taken = [
        record(SHIPPED[0], "NHWC none off"),
        record(SHIPPED[2], "NHWC none off", variables={"OMP_NUM_THREADS": "1"}),
    ]
    found = lines("box", taken, CATALOGUE)[0]
    shown = table(milestones(found, CATALOGUE))
    assert "measured with 2 CPUs, OMP_NUM_THREADS=1, the others with 2 CPUs: " in shown[-1]
    assert shown[-1].endswith("not to be compared with them")
    assert len([line for line in shown if line.startswith("\n")]) == 1
