"""In which order things are changed back to learn the cause of a change, from literals."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from vggbench.campaigns import causes, separate
from vggbench.campaigns.budget import Budget
from vggbench.campaigns.causes import Causes
from vggbench.campaigns.separate import Question
from vggbench.campaigns.variants import ChangeBack
from vggbench.judging.differences import Difference
from vggbench.releases.catalogue import Release
from vggbench.runs.local import Local
from vggbench.runs.suite import Configured
from vggbench.stats.blocks import BlockJudgement
from vggbench.stats.judge import Judgement
from vggbench.stats.policy import LEAST_BLOCKS, MOST_BLOCKS, NOT_SURE, REGRESSED, UNCHANGED

from ..judging.literal import separation, verdict
from .here import local

RELEASE = Release("keras", "2.9.0", "2022-05-13", "3.10")

#: What came of changing something back: it makes all of the change, half of nothing, or does not
#: run; or it was left half done. By processes in turns, as it once was; or by blocks.
ALL, NONE, UNSURE, FAILED, HALF_DONE = "all", "none", "unsure", "failed", "half done"
BLOCKS_ALL, BLOCKS_UNSURE, BLOCKS_BEGUN = "all by blocks", "unsure by blocks", "begun by blocks"


def sure_or_not(
    outcome: str, ratio: float, low: float, high: float, needed: int | None
) -> Judgement:
    return Judgement(outcome, ratio, low, high, suspected=False, processes_needed=needed)


def by_blocks(
    outcome: str, ratio: float, low: float, high: float, needed: int | None
) -> BlockJudgement:
    return BlockJudgement(outcome, ratio, low, high, suspected=False, blocks_needed=needed)


#: Of a change that takes twice as long: what is said of it, the processes of either, the blocks.
ANSWERS = {
    ALL: (sure_or_not(REGRESSED, 2.0, 1.9, 2.1, None), 4, 0),
    NONE: (sure_or_not(UNCHANGED, 1.0, 0.99, 1.01, None), 4, 0),
    UNSURE: (sure_or_not(NOT_SURE, 1.0, 0.9, 1.1, 40), 4, 0),
    HALF_DONE: (sure_or_not(NOT_SURE, 1.0, 0.5, 2.1, 40), 3, 0),
    FAILED: (None, 0, 0),
    BLOCKS_ALL: (by_blocks(REGRESSED, 2.0, 1.9, 2.1, None), 6, LEAST_BLOCKS),
    BLOCKS_UNSURE: (by_blocks(NOT_SURE, 1.0, 0.9, 1.1, 3), 40, MOST_BLOCKS),
    BLOCKS_BEGUN: (by_blocks(NOT_SURE, 1.0, 0.9, 1.1, 3), 38, MOST_BLOCKS - 1),
}

FAILED_TWICE = {"theano": FAILED, "python_theano": FAILED}


def next_of(moved: str, cannot: str = "", **on_record: str) -> str | None:
    """What is changed back next where the things in ``moved`` changed. Those in ``cannot`` cannot
    be changed back. ``on_record``: what came of those that were; names are joined by underscores.
    """
    differences = tuple(Difference(name, "1", "2") for name in moved.split())
    one = verdict(2.0, 1.9, 2.1, differences=differences)

    def tried(*things: str) -> causes.Tried:
        name = "_".join(things)
        if set(things) & set(cannot.split()):
            return None
        answer = on_record.get(name)
        if answer is None:
            return ChangeBack(name, RELEASE, "cpu", ""), None
        judgement, processes, blocks = ANSWERS[answer]
        found = separation(one, name, judgement, processes=processes, blocks=blocks)
        return ChangeBack(name, RELEASE, "cpu", ""), found

    change = causes.what_next(one, tried)
    return change and change.name


@pytest.mark.parametrize(
    ("moved", "on_record", "next_one"),
    [
        ("TensorFlow NumPy oneDNN", {}, "onednn"),
        ("TensorFlow NumPy oneDNN", {"onednn": ALL}, None),
        ("TensorFlow NumPy oneDNN", {"onednn": NONE}, "tensorflow"),
        ("TensorFlow NumPy oneDNN", {"onednn": HALF_DONE}, "onednn"),
        ("TensorFlow NumPy oneDNN", {"onednn": UNSURE}, "tensorflow"),
        ("TensorFlow NumPy oneDNN", {"onednn": BLOCKS_ALL}, None),
        ("TensorFlow NumPy oneDNN", {"onednn": BLOCKS_BEGUN}, "onednn"),
        ("TensorFlow NumPy oneDNN", {"onednn": BLOCKS_UNSURE}, "tensorflow"),
        ("TensorFlow NumPy", {"tensorflow": NONE}, "numpy"),
        ("TensorFlow NumPy", {"tensorflow": FAILED}, "numpy_tensorflow"),
        ("TensorFlow NumPy", {"tensorflow": FAILED, "numpy_tensorflow": FAILED}, "numpy"),
        ("TensorFlow NumPy", {"tensorflow": NONE, "numpy": NONE}, None),
        # It has no wheel for the newer Python.
        ("Theano NumPy Python", {"theano": FAILED}, "python_theano"),
        ("Theano NumPy Python", {"theano": FAILED, "python_theano": ALL}, None),
        # ... or does not run with the newer NumPy either: all that moved comes together.
        ("Theano NumPy Python", FAILED_TWICE, "numpy_python_theano"),
        ("Theano NumPy Python", {**FAILED_TWICE, "numpy_python_theano": NONE}, None),
        ("Theano NumPy Python", {**FAILED_TWICE, "numpy_python_theano": ALL}, None),
        ("Theano NumPy Python", {**FAILED_TWICE, "numpy_python_theano": FAILED}, "numpy_python"),
        ("Theano", {"theano": FAILED}, None),
        ("Theano Python", {"theano": FAILED, "python_theano": FAILED}, "python"),
        # The rest comes together ...
        ("Keras NumPy Python", {}, "keras_numpy_python"),
        ("Keras NumPy Python", {"keras_numpy_python": NONE}, None),
        ("Keras NumPy Python", {"keras_numpy_python": UNSURE}, None),
        # ... and by itself only where it makes the change, or does not run together.
        ("Keras NumPy Python", {"keras_numpy_python": ALL}, "keras"),
        ("Keras NumPy Python", {"keras_numpy_python": FAILED}, "keras"),
        ("Keras NumPy Python", {"keras_numpy_python": ALL, "keras": NONE}, "numpy"),
        ("Keras NumPy Python", {"keras_numpy_python": ALL, "keras": ALL}, None),
        ("Keras NumPy", {"keras": NONE, "numpy": NONE}, None),
        ("Keras NumPy", {"keras": ALL}, None),
        # What is a release's own is not changed back.
        ("XLA_mode", {}, None),
    ],
)
def test_what_is_changed_back_next_follows_from_what_is_on_record(
    moved: str, on_record: dict[str, str], next_one: str | None
) -> None:
    assert next_of(moved, **on_record) == next_one


def test_what_the_locks_of_both_do_not_hold_is_passed_over() -> None:
    assert next_of("TensorFlow NumPy SciPy", "tensorflow scipy") == "numpy"
    assert next_of("SciPy", "scipy") is None


@pytest.mark.parametrize(("needed", "next_one"), [(10, "onednn"), (50, "tensorflow")])
def test_a_by_product_out_of_reach_of_the_blocks_that_are_left_is_not_asked_for_any_more(
    needed: int, next_one: str
) -> None:
    moved = tuple(Difference(name, "1", "2") for name in ("TensorFlow", "NumPy", "oneDNN"))
    one = verdict(2.0, 1.9, 2.1, differences=moved, measure="peak_memory")
    judgement = by_blocks(NOT_SURE, 1.0, 0.5, 1.5, needed)
    found = separation(one, "onednn", judgement, processes=10, blocks=5)

    def tried(*things: str) -> causes.Tried:
        name = "_".join(things)
        return ChangeBack(name, RELEASE, "cpu", ""), found if name == "onednn" else None

    change = causes.what_next(one, tried)
    assert change is not None
    assert change.name == next_one


@pytest.mark.parametrize("over", [True, False])
def test_what_the_budget_ended_is_left_to_do_and_did_not_go_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: bool
) -> None:
    configured = Configured(
        benchmark="a.b.time_c", version="1", index=0, params=(), configuration=()
    )
    question = Question(configured=configured)
    change = ChangeBack("numpy 1.0", RELEASE, "cpu", "")
    wanted = causes.Wanted(RELEASE, change, (), (question,), (1.0,))
    monkeypatch.setattr(Causes, "wanted", lambda self: [wanted])
    monkeypatch.setattr(separate, "measure", lambda *told: over)
    monkeypatch.setattr(Local, "runner", lambda self, purpose: contextlib.nullcontext())
    found = Causes(local(tmp_path), "cpu-quick", 0.02, set())
    left = found.separate_all(Budget(3600, lambda: 0.0), lambda name: None)
    assert left == causes.Left(("keras-2.9.0 with numpy 1.0",), out_of_budget=over)


def test_one_cause_is_measured_by_itself_and_only_while_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = Configured(
        benchmark="a.b.time_c", version="1", index=0, params=(), configuration=()
    )
    question = Question(configured=configured)
    left = [
        causes.Wanted(RELEASE, ChangeBack(name, RELEASE, "cpu", ""), (), (question,), (1.0,))
        for name in ("numpy 1.0", "scipy 1.0")
    ]
    first = left[0]
    measured: list[str] = []

    def measure(here: object, runner: object, work: separate.Work, budget: Budget) -> bool:
        measured.append(work.change.name)
        left.remove(first)
        return False

    monkeypatch.setattr(Causes, "wanted", lambda self: list(left))
    monkeypatch.setattr(separate, "measure", measure)
    monkeypatch.setattr(Local, "runner", lambda self, purpose: contextlib.nullcontext())
    found = Causes(local(tmp_path), "cpu-quick", 0.02, set())
    for _ in range(2):
        came = found.separate_one(first.place, Budget(3600, lambda: 0.0), lambda name: None)
        assert came == causes.Left()
        assert measured == ["numpy 1.0"]


@pytest.mark.parametrize("over", [True, False])
def test_one_cause_that_is_not_separated_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: bool
) -> None:
    wanted = causes.Wanted(RELEASE, ChangeBack("numpy 1.0", RELEASE, "cpu", ""), (), (), ())
    monkeypatch.setattr(Causes, "wanted", lambda self: [wanted])
    monkeypatch.setattr(separate, "measure", lambda *told: over)
    monkeypatch.setattr(Local, "runner", lambda self, purpose: contextlib.nullcontext())
    found = Causes(local(tmp_path), "cpu-quick", 0.02, set())
    came = found.separate_one(wanted.place, Budget(3600, lambda: 0.0), lambda name: None)
    assert came == causes.Left(("keras-2.9.0 with numpy 1.0",), out_of_budget=over)
