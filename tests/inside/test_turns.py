"""Waiting for the word: a real process at two pipes, as a duet gives them to its processes."""

import os
import select
import subprocess
import sys
import time

import pytest

from vggbench.inside import turns

#: Only guards against hanging.
PATIENCE_S = 60.0

#: Waits as often as it is told to, and prints a line each time that it goes on.
WAITS = """
import sys
from vggbench.inside import turns
for number in range(int(sys.argv[1])):
    turns.wait()
    print("step", number, flush=True)
"""


class Giver:
    """Whoever gives the turns to a process that waits ``times`` times."""

    def __init__(self, times):
        heard, self.word = os.pipe()
        self.still, said = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", WAITS, str(times)],
            env={**os.environ, turns.VARIABLE: f"{heard},{said}"},
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=(heard, said),
        )
        os.close(heard)
        os.close(said)

    def stands_still(self):
        """Whether the process says, now or soon, that it stands still; False where it has ended."""
        assert select.select([self.still], [], [], PATIENCE_S)[0]
        return os.read(self.still, 1) == turns.WORD

    def has_printed(self):
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def computed_s(self):
        """CPU seconds of the process so far."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def go(self):
        os.write(self.word, turns.WORD)

    def close(self):
        self.process.kill()
        self.process.communicate()
        for end in {self.word, self.still} - {None}:
            os.close(end)


@pytest.fixture
def giver():
    giver = Giver(2)
    yield giver
    giver.close()


def test_a_process_says_that_it_stands_still_and_goes_on_when_told(giver):
    for number in range(2):
        assert giver.stands_still()
        assert not giver.has_printed()
        giver.go()
        assert giver.process.stdout.readline() == f"step {number}\n"
    assert not giver.stands_still()
    assert giver.process.wait(PATIENCE_S) == 0


def test_turns_that_come_early_are_kept(giver):
    giver.go()
    giver.go()
    assert giver.process.stdout.read() == "step 0\nstep 1\n"
    assert giver.process.wait(PATIENCE_S) == 0


def test_it_computes_nothing_while_it_waits(giver):
    assert giver.stands_still()
    time.sleep(0.1)
    before = giver.computed_s()
    time.sleep(0.5)
    assert giver.computed_s() == before


def test_a_process_ends_where_whoever_gives_turns_is_gone(giver):
    assert giver.stands_still()
    os.close(giver.word)
    giver.word = None
    assert giver.process.wait(PATIENCE_S) == 1
    assert giver.process.stdout.read() == ""


def test_a_process_ends_where_nobody_hears_that_it_stands_still(giver):
    assert giver.stands_still()
    os.close(giver.still)
    giver.still = None
    giver.go()
    assert giver.process.wait(PATIENCE_S) == 1
    assert giver.process.stdout.read() == "step 0\n"


@pytest.mark.parametrize("given", [None, ""])
def test_where_nobody_gives_turns_nothing_waits(given, monkeypatch):
    monkeypatch.delenv(turns.VARIABLE, raising=False)
    if given is not None:
        monkeypatch.setenv(turns.VARIABLE, given)
    turns.wait()
