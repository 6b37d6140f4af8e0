"""In which order things are changed back to learn the cause of a change, from literals."""

from __future__ import annotations

import pytest

from vggbench.campaigns import causes
from vggbench.campaigns.variants import Change
from vggbench.judging.differences import Difference
from vggbench.releases.catalogue import Release
from vggbench.stats.judge import Judgement
from vggbench.stats.policy import NOT_SURE, REGRESSED, SEPARATED, UNCHANGED

from ..judging.literal import separation, verdict

RELEASE = Release("keras", "2.9.0", "2022-05-13", "3.10")

#: What came of changing something back: it makes all of the change, half of nothing, or does not
#: run; or it was left half done.
ALL, NONE, UNSURE, FAILED, HALF_DONE = "all", "none", "unsure", "failed", "half done"


def sure_or_not(
    outcome: str, ratio: float, low: float, high: float, needed: int | None
) -> Judgement:
    return Judgement(outcome, ratio, low, high, suspected=False, processes_needed=needed)


#: Of a change that takes twice as long.
ANSWERS = {
    ALL: (sure_or_not(REGRESSED, 2.0, 1.9, 2.1, None), SEPARATED // 2),
    NONE: (sure_or_not(UNCHANGED, 1.0, 0.99, 1.01, None), SEPARATED // 2),
    UNSURE: (sure_or_not(NOT_SURE, 1.0, 0.9, 1.1, 40), SEPARATED // 2),
    HALF_DONE: (sure_or_not(NOT_SURE, 1.0, 0.5, 2.1, 40), SEPARATED // 2 - 1),
    FAILED: (None, 0),
}

FAILED_TWICE = {"theano": FAILED, "python_theano": FAILED}


def next_of(moved: str, cannot: str = "", **on_record: str) -> str | None:
    """What is changed back next where these things moved; ``on_record``: what came of others, their
    names joined by underscores."""
    differences = tuple(Difference(name, "1", "2") for name in moved.split())
    one = verdict(2.0, 1.9, 2.1, differences=differences)

    def tried(*things: str) -> causes.Tried:
        words = "_".join(things)
        if set(things) & set(cannot.split()):
            return None
        answer = on_record.get(words)
        if answer is None:
            return Change(words, RELEASE, ""), None
        judgement, processes = ANSWERS[answer]
        found = separation(one, words, judgement, processes=processes)
        return Change(words, RELEASE, ""), found

    change = causes.what_next(one, tried)
    return change and change.words


@pytest.mark.parametrize(
    ("moved", "on_record", "next_one"),
    [
        ("TensorFlow NumPy oneDNN", {}, "onednn"),
        ("TensorFlow NumPy oneDNN", {"onednn": ALL}, None),
        ("TensorFlow NumPy oneDNN", {"onednn": NONE}, "tensorflow"),
        ("TensorFlow NumPy oneDNN", {"onednn": HALF_DONE}, "onednn"),
        ("TensorFlow NumPy oneDNN", {"onednn": UNSURE}, "tensorflow"),
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
