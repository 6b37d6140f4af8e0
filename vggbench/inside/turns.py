"""One process of a duet: it steps when whoever started it gives the word.

A duet has two processes that are alive at once, and one of them steps at a time. Each says that it
stands still, before its first step and after every step, and then waits in a read, in which it
computes nothing. Where nobody gives turns, nothing here waits.
"""

import os

# Two file descriptors, "READ,WRITE", that the process was given: a byte that comes from the one is
# the word to go on, a byte into the other says that this process stands still.
VARIABLE = "VGGBENCH_TURNS"

WORD = b"."


def wait():
    """Say that this process stands still, and wait for the word; return at once where nobody gives
    turns. The process ends where whoever gave them is gone."""
    given = os.environ.get(VARIABLE)
    if not given:
        return
    reading, writing = (int(one) for one in given.split(","))
    try:
        os.write(writing, WORD)
        word = os.read(reading, 1)
    except OSError:
        word = b""
    if not word:
        os._exit(1)
