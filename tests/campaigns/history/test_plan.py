"""What history.toml lists, and what of its comparisons a machine makes: of shipped releases."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from vggbench.campaigns.history import plan
from vggbench.campaigns.history.plan import Plan, PlanError
from vggbench.releases import interpreters, spec

from ...records.factory import CATALOGUE
from ..here import ROOT, local

STAGE = """
[[stage]]
name = "plain"
releases = "tensorflow"
bench = ["'none', 'off'"]
"""

DUETS = """
[[duets]]
name = "neighbours"
releases = "tensorflow>=2.16 keras>=3.13"
bench = ["'NHWC', 'none', 'off'"]
budget = "10m"
chain = true
"""


def read(tmp_path: Path, text: str) -> Plan:
    file = tmp_path / "history.toml"
    file.write_text(text)
    return plan.read(file, CATALOGUE)


def test_duets_are_read_with_what_they_may_take(tmp_path: Path) -> None:
    (duet,) = read(tmp_path, STAGE + DUETS).duets
    assert (duet.name, duet.budget_s, duet.chain) == ("neighbours", 600.0, True)
    assert duet.bench == ("'NHWC', 'none', 'off'",)
    tracks = [release.track for release in duet.releases]
    assert tracks == sorted(tracks, reverse=True), "track by track"
    (duet,) = read(tmp_path, STAGE + DUETS.replace("chain = true", "")).duets
    assert duet.chain is False


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + STAGE).duets == ()


def test_a_plan_needs_no_duets(tmp_path: Path) -> None:
    assert read(tmp_path, STAGE).duets == ()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (DUETS.replace('budget = "10m"', ""), "duets 1 (neighbours) has no budget such as 10m"),
        (DUETS.replace('"10m"', '"soon"'), "duets 1 (neighbours) has no budget such as 10m"),
        (DUETS.replace('"10m"', "10"), "duets 1 (neighbours) has no budget such as 10m"),
        (DUETS.replace("true", '"yes"'), "duets 1 (neighbours): chain is neither true nor false"),
        (DUETS.replace('name = "neighbours"', ""), "duets 1 has no name, or no releases"),
        (DUETS.replace("[\"'NHWC', 'none', 'off'\"]", "[]"), "duets 1 (neighbours) has no bench"),
        (DUETS + DUETS, "two [[duets]] have one name"),
    ],
)
def test_duets_that_are_none_are_refused_in_one_line(tmp_path: Path, wrong: str, told: str) -> None:
    with pytest.raises(PlanError, match=r"docs/history\.md says what it holds") as raised:
        read(tmp_path, STAGE + wrong)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_duets_that_are_no_list_of_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="duets is no list of"):
        read(tmp_path, f"duets = 3\n{STAGE}")
    with pytest.raises(PlanError, match="duets 1 has no name, or no releases"):
        read(tmp_path, f"duets = [3]\n{STAGE}")


def test_a_stage_is_chosen_by_its_name_whatever_it_is_of(tmp_path: Path) -> None:
    the_plan = read(tmp_path, STAGE + DUETS)
    for names, stages, duets in (
        ([], ["plain"], ["neighbours"]),
        (["plain"], ["plain"], []),
        (["neighbours"], [], ["neighbours"]),
    ):
        assert [stage.name for stage in plan.stages(the_plan, names)] == stages
        assert [duet.name for duet in plan.duets(the_plan, names)] == duets
    with pytest.raises(PlanError, match="it has: plain; neighbours"):
        plan.stages(the_plan, ["none such"])


@pytest.fixture
def every_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has every CPython."""
    monkeypatch.setattr(interpreters, "find", lambda version: Path("/usr/bin/python3"))


def compared(tmp_path: Path, text: str, device: str = "cpu") -> list[tuple[str, str]]:
    (duet,) = read(tmp_path, STAGE + text).duets
    suite = local(tmp_path).suite
    found = plan.comparisons(duet, CATALOGUE, suite, device)
    assert {planned.configured.words for planned in found} <= {
        "NHWC none off",
        "tensorflow NHWC none off",
    }
    return [(planned.before.version, planned.after.version) for planned in found]


@pytest.mark.usefixtures("every_python")
def test_each_release_is_compared_with_the_one_before_on_its_track(tmp_path: Path) -> None:
    text = DUETS.replace("chain = true", "").replace("'NHWC'", "'tensorflow', 'NHWC'")
    line = [release.version for release in spec.select(CATALOGUE, "keras>=3.13")]
    assert sorted(compared(tmp_path, text)) == list(itertools.pairwise(sorted(line)))


@pytest.mark.usefixtures("every_python")
def test_the_first_release_of_a_track_is_compared_with_no_other_track(tmp_path: Path) -> None:
    text = DUETS.replace("tensorflow>=2.16 keras>=3.13", "tensorflow-2.16.2 keras-3.15.1")
    assert compared(tmp_path, text) == []


@pytest.mark.usefixtures("every_python")
def test_a_chain_has_links_that_close_loops_behind_its_neighbours(tmp_path: Path) -> None:
    text = DUETS.replace("tensorflow>=2.16 keras>=3.13", "tensorflow>=2.10")
    line = [release.version for release in CATALOGUE.tracks["tensorflow"].releases]
    line = line[line.index("2.10.1") :]
    found = compared(tmp_path, text)
    neighbours = list(itertools.pairwise(line))
    assert found[: len(neighbours)] == neighbours
    closing = found[len(neighbours) :]
    assert (line[0], line[5]) in closing
    assert (line[0], line[-1]) in closing, "the first of 2 with the last"
    assert not set(closing) & set(neighbours)


def test_what_this_machine_cannot_run_is_skipped_and_its_neighbours_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = ["2.16.2", "2.17.1", "2.18.1"]
    text = DUETS.replace(
        "tensorflow>=2.16 keras>=3.13", " ".join(f"tensorflow-{one}" for one in releases)
    ).replace("chain = true", "")
    missing = CATALOGUE.by_name["tensorflow-2.17.1"]
    monkeypatch.setattr(
        plan, "why_not_here", lambda one, devices: "no lock" if one == missing else None
    )
    assert compared(tmp_path, text) == [("2.16.2", "2.18.1")]


def test_the_plan_that_is_shipped_is_one() -> None:
    shipped = plan.read(ROOT / plan.FILE, CATALOGUE)
    assert shipped.stages
