"""On how many machines a change was seen, as the pages' data tell it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vggbench.records import Record
from vggbench.report.lines import PageGraph
from vggbench.report.pages import data
from vggbench.report.pages.beside import BriefVerdict, briefs, by_line, of_changes
from vggbench.report.pages.verdicts import PageVerdict

from . import literal
from .literal import SHIPPED, processes, record

OFF = "NHWC none off"


def measured(newest: float) -> list[Record]:
    """Three releases, of which the newest takes so many seconds a step, and the others 0.2 s."""
    levels = zip(SHIPPED[:3], (0.2, 0.2, newest), strict=True)
    return [
        one
        for release, level in levels
        for one in processes(release, OFF, level, level * 1.01, level * 0.99)
    ]


#: Two machines on which the newest release is slower, one on which it is faster, one that cannot
#: be sure, and one that has not measured the release before.
MACHINES = {
    "a": measured(0.3),
    "b": measured(0.33),
    "faster": measured(0.14),
    "unsure": [record(release, OFF) for release in SHIPPED[:3]],
    "without": [one for one in measured(0.3) if one.release != SHIPPED[1]],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = literal.checkout(tmp_path / "checkout")
    for machine, taken in MACHINES.items():
        literal.write_records(folder, taken, machine)
    return folder


def told(html_dir: Path, machine: str) -> list[Any]:
    """What all machines say of the verdicts on the newest release's step."""
    (line,) = (one for one in literal.read(html_dir, "index")["lines"] if one["machine"] == machine)
    across = literal.read(html_dir, f"{line['id']}-across")["verdicts"]
    return [one for one in across if (one["release"], one["measure"]) == (SHIPPED[2], "step")]


def test_a_change_is_counted_on_the_machines_that_have_an_answer_to_the_same_comparison(
    folder: Path, tmp_path: Path
) -> None:
    literal.write_pages(folder, tmp_path / "html")
    for machine in ("a", "b"):
        (one,) = told(tmp_path / "html", machine)
        assert (one["same"], one["of"]) == (2, 3)
        said = {each["machine"]: each["outcome"] for each in one["machines"]}
        assert said == {
            "a": "regressed",
            "b": "regressed",
            "faster": "improved",
            "unsure": "not sure",
        }
        assert all(low < ratio < high for ratio, low, high in (e["ratio"] for e in one["machines"]))
    (one,) = told(tmp_path / "html", "faster")
    assert (one["same"], one["of"]) == (1, 3)


def test_a_machine_that_is_not_sure_or_compared_something_else_has_no_count_of_its_own(
    folder: Path, tmp_path: Path
) -> None:
    literal.write_pages(folder, tmp_path / "html")
    assert told(tmp_path / "html", "unsure") == []
    assert told(tmp_path / "html", "without") == []


def test_the_count_follows_from_all_machines_though_each_is_kept(
    folder: Path, tmp_path: Path
) -> None:
    literal.write_pages(folder, tmp_path / "html")
    literal.write_records(folder, measured(0.31), "c")
    literal.write_pages(folder, tmp_path / "html")
    (one,) = told(tmp_path / "html", "a")
    assert (one["same"], one["of"]) == (3, 4)


def test_a_machine_alone_has_nothing_to_count(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    folder = literal.checkout(tmp_path / "checkout")
    literal.write_records(folder, MACHINES["a"], "a")
    literal.write_pages(folder, tmp_path / "html")
    assert told(tmp_path / "html", "a") == []


def test_of_a_comparison_each_machine_is_asked_where_any_saw_a_change() -> None:
    def lines(machine: str, **outcomes: str) -> list[str]:
        """The briefs of the machine's only line, a verdict for each measure."""
        line = PageGraph(
            machine=machine,
            profile="cpu-quick",
            track="tensorflow",
            family="train_step.TensorFlow",
            params=("batch_norm",),
            configurations=(("none",), ("fused",)),
            cells=(),
        )
        told = [
            PageVerdict(
                profile=line.profile,
                track=line.track,
                family=line.family,
                release=SHIPPED[2],
                configuration={"batch_norm": "fused"},
                measure=measure,
                outcome=outcome,
                against=SHIPPED[1],
                ratio=1.23456789,
                low=1.2,
                high=1.3,
            )
            for measure, outcome in outcomes.items()
        ]
        return [briefs(line, told)]

    of_machines = {
        "a": lines("a", step="regressed", peak_memory="unchanged"),
        "b": lines("b", first_step="not sure", peak_memory="not sure", step="unchanged"),
    }
    found = list(of_changes(of_machines))
    assert [(one.machine, one.measure, one.outcome) for one in found] == [
        ("a", "step", "regressed"),
        ("b", "step", "unchanged"),
    ]
    assert (found[0].release, found[0].against, found[0].words) == (*SHIPPED[2:0:-1], "fused")
    assert (found[0].c, found[0].ratio, found[0].difference) == (1, [1.234568, 1.2, 1.3], None)
    assert found[0].line != found[1].line


def test_a_difference_is_laid_side_by_side_as_a_ratio_is() -> None:
    def brief(machine: str, outcome: str, difference: float) -> BriefVerdict:
        return BriefVerdict(
            machine=machine,
            line=f"line-of-{machine}",
            c=0,
            profile="cpu-quick",
            family="train_step.TensorFlow",
            release=SHIPPED[2],
            against=SHIPPED[1],
            words=OFF,
            measure="memory_growth",
            outcome=outcome,
            ratio=None,
            difference=[difference, difference - 1, difference + 1],
        )

    found = by_line([brief("a", "regressed", 1e9), brief("b", "unchanged", 0.0)])
    assert found.keys() == {"line-of-a", "line-of-b"}
    (one,) = data.of_across(found["line-of-a"])["verdicts"]
    assert (one["same"], one["of"]) == (1, 2)
    assert one["machines"] == [
        {"machine": "a", "outcome": "regressed", "difference": [1e9, 1e9 - 1, 1e9 + 1]},
        {"machine": "b", "outcome": "unchanged", "difference": [0.0, -1.0, 1.0]},
    ]
