"""The time that measuring may take, and texts for times."""

import argparse

import pytest

from vggbench.campaigns.budget import Budget, duration, duration_text, percentage


class Clock:
    """A clock that moves only when ``pass_`` is called."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def pass_(self, seconds):
        self.now += seconds


def test_a_budget_allows_what_ends_within_it():
    clock = Clock()
    budget = Budget(60, clock)
    assert budget.allows(60)
    assert not budget.allows(60.1)
    clock.pass_(50)
    assert (budget.spent_s, budget.left_s) == (50, 10)
    assert budget.allows(10)
    assert not budget.allows(10.1)


def test_a_spent_budget_allows_nothing_even_of_unknown_length():
    clock = Clock()
    budget = Budget(60, clock)
    assert budget.allows(0)
    clock.pass_(60)
    assert not budget.allows(0)


def test_why_nothing_more_is_begun_is_said_as_it_is():
    budget = Budget(600, Clock())
    assert budget.why_over() == budget.why_over(600) == "the budget of 10 min is spent"
    assert budget.why_over(700) == "a block takes about 12 min, more than the budget of 10 min"
    assert Budget(0, Clock()).why_over(700) == "the budget of 0 s is spent"
    rest = Budget(180, Clock(), is_rest=True)
    assert rest.why_over() == "what is left of the budget (3 min) is spent"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("90s", 90), ("90", 90), ("1h30m", 5400), ("1.5h", 5400), (" 2H ", 7200)],
)
def test_a_duration_is_read_in_seconds(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "-5m", "m", "10 m", "soon", "1d", "nan", "1e9"])
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(argparse.ArgumentTypeError, match="write 10m, 90s or 1h30m"):
        duration(text)


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("2", 0.02), ("0.5 %", 0.005)])
def test_a_percentage_is_read_as_a_share(text, share):
    assert percentage(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "0", "-2%", "100%", "nan", "inf", "two"])
def test_what_is_no_threshold_is_refused_with_an_example(text):
    with pytest.raises(argparse.ArgumentTypeError, match=r"write 2% or 0\.5%"):
        percentage(text)


@pytest.mark.parametrize(("text", "both"), [("0.03", "0.03% or as 3%"), ("0.5", "0.5% or as 50%")])
def test_a_share_that_may_be_meant_as_per_cent_is_refused_with_both(text, both):
    with pytest.raises(argparse.ArgumentTypeError, match=f"may be meant as {both}; write one"):
        percentage(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (8, "8 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3600, "60 min"),
        (7200, "2 h"),
        (7800, "2 h 10 min"),
    ],
)
def test_seconds_are_written_as_a_duration(seconds, text):
    assert duration_text(seconds) == text
