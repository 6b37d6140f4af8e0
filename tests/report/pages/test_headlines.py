"""What the first page says of a line: the configuration in which it opens, and its sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vggbench.judging.measures import JUDGED
from vggbench.report.lines import PageGraph, lines
from vggbench.report.pages import headlines as of_pages
from vggbench.report.pages.headlines import Headlines, plain
from vggbench.report.pages.verdicts import PageVerdict
from vggbench.report.sentences import SENTENCES

from . import literal
from .literal import CATALOGUE, CHAINED, HISTORY, SHIPPED, record

OFF, ON, NCHW = "NHWC none off", "NHWC none on", "NCHW none off"


def line_of(*taken: Any) -> PageGraph:
    (line,) = (one for one in lines("box", taken, CATALOGUE)[0] if one.track == "tensorflow")
    return line


#: TensorFlow's line, whose configurations are OFF, ON, NCHW and two with batch normalisation.
LINE = line_of(*HISTORY)


def told(
    version: str,
    ratio: float,
    chosen: str = OFF,
    *,
    low: float = 0.0,
    high: float = 0.0,
    **more: Any,
) -> PageVerdict:
    """A sure change of the step of a release against 1.0.0; ``more``: other fields."""
    names = ("data_format", "batch_norm", "xla")
    fields: dict[str, Any] = {
        "profile": "cpu-quick",
        "track": "tensorflow",
        "family": "train_step.TensorFlow",
        "release": f"tensorflow-{version}",
        "configuration": dict(zip(names, chosen.split(), strict=True)),
        "measure": "step",
        "outcome": "regressed" if ratio > 1 else "improved",
        "against": "tensorflow-1.0.0",
        "ratio": ratio,
        "low": low or ratio * 0.98,
        "high": high or ratio * 1.02,
    }
    return PageVerdict(**{**fields, **more})


def headlines(*found: PageVerdict) -> Headlines:
    """Of the step, where the page opens in OFF."""
    (one,) = of_pages.headlines(LINE, found, tuple(OFF.split()))
    return one


def texts(*found: PageVerdict) -> list[str]:
    return [one.text for one in headlines(*found).largest]


def releases(*found: PageVerdict) -> list[str]:
    return [one.release.removeprefix("tensorflow-") for one in headlines(*found).largest]


def test_a_change_is_a_sentence_with_its_interval() -> None:
    faster = told("2.10.1", 0.72, low=0.69, high=0.76, against="tensorflow-2.9.3")
    assert texts(faster) == ["2.10.1: a step takes 28 % less than in 2.9.3 (24 to 31 %)"]
    slower = told("2.0.4", 1.08, low=1.066, high=1.094, against="tensorflow-1.15.5")
    assert texts(slower) == ["2.0.4: a step takes 8.0 % more than in 1.15.5 (6.6 to 9.4 %)"]


def test_a_sentence_names_its_configuration_unless_the_page_opens_in_it() -> None:
    (text,) = texts(told("2.18.1", 1.18, ON, low=1.11, high=1.26))
    assert text == ("2.18.1 (NHWC, no BN, XLA): a step takes 18 % more than in 1.0.0 (11 to 26 %)")


@pytest.mark.parametrize(
    ("measure", "sentence"),
    [
        ("first_step", "the first step takes 50 % more than in 1.0.0"),
        ("peak_memory", "a process needs 50 % more memory at its peak than in 1.0.0"),
    ],
)
def test_other_measures_have_sentences_of_their_own(measure: str, sentence: str) -> None:
    one = headlines(told("2.0.0", 1.5, low=1.4, high=1.6, measure=measure))
    assert one.measure == measure
    assert [each.text for each in one.largest] == [f"2.0.0: {sentence} (40 to 60 %)"]


def test_all_that_verdicts_are_said_of_has_a_sentence() -> None:
    assert SENTENCES.keys() == JUDGED.keys()


def test_the_largest_come_first_up_or_down_and_what_duets_decided_before_the_others() -> None:
    found = [
        told("2.1.0", 1.5),
        told("2.2.0", 0.5),
        told("2.3.0", 1.1, by_duets=True),
        told("2.4.0", 0.8, by_duets=True),
    ]
    assert releases(*found) == ["2.4.0", "2.3.0", "2.2.0", "2.1.0"]


def test_a_release_is_named_once_by_what_is_surest_then_plainest_then_largest() -> None:
    plainest = [told("2.1.0", 3.0, ON), told("2.1.0", 1.5), told("2.1.0", 2.0, NCHW)]
    assert [one.words for one in headlines(*plainest).largest] == [tuple(OFF.split())]
    surest = [*plainest, told("2.1.0", 1.2, NCHW, by_duets=True)]
    assert [one.words for one in headlines(*surest).largest] == [tuple(NCHW.split())]
    largest = [told("2.1.0", 2.0, NCHW), told("2.1.0", 3.0, ON)]
    assert [one.words for one in headlines(*largest).largest] == [tuple(ON.split())]


def test_a_few_are_named_and_all_are_counted() -> None:
    found = [told(f"2.{n}.0", 1.1 + n / 100) for n in range(8)]
    one = headlines(*found, told("2.7.0", 1.3, ON))
    assert len(one.largest) == of_pages.MOST
    assert one.changes == 9
    assert (one.largest[0].release, one.largest[0].outcome) == ("tensorflow-2.7.0", "regressed")


def test_what_is_not_sure_is_counted_and_not_named() -> None:
    unsure = [
        told("2.1.0", 1.5, words, outcome="not sure") for words in (OFF, OFF, ON, "NHWC fused off")
    ]
    others = [told("2.2.0", 1.0, outcome=word) for word in ("unchanged", "new", "lost", "failed")]
    one = headlines(*unsure, *others)
    assert (one.largest, one.changes) == ((), 0)
    assert one.not_sure == {
        ("NHWC", "none", "off"): 2,
        ("NHWC", "none", "on"): 1,
        ("NHWC", "fused", "off"): 1,
    }


def test_of_what_no_verdict_is_said_nothing_is() -> None:
    assert of_pages.headlines(LINE, [], tuple(OFF.split())) == []
    elsewhere = told("2.1.0", 1.5, configuration={"data_format": "other"})
    assert of_pages.headlines(LINE, [elsewhere], tuple(OFF.split())) == []


def test_the_plain_configuration_is_the_one_that_chooses_least() -> None:
    assert plain(LINE) == ("NHWC", "none", "off")
    assert plain(line_of(record(words=NCHW), record(words="NCHW fused on"))) == (
        "NCHW",
        "none",
        "off",
    )
    # Of several the first in asv's order.
    assert plain(line_of(record(words=NCHW), record(words=ON))) == ("NHWC", "none", "on")


def test_the_page_does_not_open_in_what_no_release_could_do() -> None:
    never = record(words=OFF, outcome="n/a", reason="no such wheel")
    assert plain(line_of(never, record(words="NCHW none on"))) == ("NCHW", "none", "on")
    assert plain(line_of(never)) == ("NHWC", "none", "off")


def test_a_chain_alone_is_enough_to_open_in() -> None:
    line = line_of(record(words=OFF, outcome="failed", error="SIGSEGV"), record(words=ON))
    assert plain(line) == ("NHWC", "none", "on")
    assert plain(line, [("NHWC", "none", "off")]) == ("NHWC", "none", "off")


def test_they_stand_in_the_data_of_a_line_by_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = literal.checkout(tmp_path / "checkout")
    literal.write_records(folder, [*HISTORY, *CHAINED])
    literal.write_pages(folder, tmp_path / "html")
    (told,) = (
        one
        for one in literal.read(tmp_path / "html", "index")["lines"]
        if one["track"] == "tensorflow"
    )
    line = literal.read(tmp_path / "html", told["id"])
    assert line["configurations"][line["plain"]] == ["NHWC", "none", "off"]
    said = line["headlines"]["step"]
    first = said["largest"][0]
    # What blocks of duets say; the processes of HISTORY say that it got slower.
    assert (first["release"], first["c"], first["outcome"]) == (SHIPPED[2], 0, "improved")
    assert first["text"].startswith("2.16.2: a step takes 4.9 % less than in 2.15.1 (")
    assert len(said["not_sure"]) == len(line["configurations"])
    sure = [
        one
        for one in literal.read(tmp_path / "html", f"{told['id']}-verdicts")["verdicts"]
        if one["measure"] == "step" and one["outcome"] in ("regressed", "improved")
    ]
    assert said["changes"] == len(sure)
