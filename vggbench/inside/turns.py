"""The turns of one process of a duet: it steps when whoever started it gives the word.

A duet has two processes that are alive at once, and only one of them steps at a time. Before its
first step and after every step, each process says that it stands still. It then waits in a read, in
which it computes nothing. A process that is not in a duet never waits here.
"""

import os

# The environment variable with the two file descriptors that the process was given, "READ,WRITE". A
# byte read from the first is the word to go on. A byte written to the second says that this process
# stands still.
VARIABLE = "VGGBENCH_TURNS"

WORD = b"."


def is_given():
    """Whether this process is in a duet."""
    return bool(os.environ.get(VARIABLE))


def wait():
    """Say that this process stands still, and wait for the word to go on.

    Returns at once where the process is not in a duet. Ends the process where whoever gives the
    turns is gone.
    """
    descriptors = os.environ.get(VARIABLE)
    if not descriptors:
        return
    reading, writing = (int(number) for number in descriptors.split(","))
    try:
        os.write(writing, WORD)
        word = os.read(reading, 1)
    except OSError:
        word = b""
    if not word:
        os._exit(1)
