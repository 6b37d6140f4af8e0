"""The one exception that a user sees as a line: what happened, to what, what to do next."""

import re
from collections.abc import Sequence

#: Characters of a word that a message shows whole; no name, and hardly a path, comes near it.
LONGEST_WORD = 200

_LONG = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")


class VggbenchError(Exception):
    """A fault that is the input's or the machine's; its text is one line for the user."""

    #: What the vggbench command ends with; None for what it ends with in any other trouble.
    status: int | None = None


def one_line(text: str, limit: int = 300) -> str:
    """``text`` with its white space folded, cut in the middle to at most ``limit`` characters."""
    folded = " ".join(text.split())
    if len(folded) <= limit:
        return folded
    head = (limit - 5) * 2 // 3
    return f"{folded[:head]} ... {folded[-(limit - 5 - head) :]}"


def shortened(text: str) -> str:
    """``text``, each of its words cut in the middle to at most LONGEST_WORD characters."""
    return _LONG.sub(lambda word: one_line(word[0], LONGEST_WORD), text)


def of_system(error: OSError) -> str:
    """What the system says of a fault, and of which file where it names one."""
    told = (error.strerror or error, error.filename)
    return one_line(": ".join(str(one) for one in told if one))


def some_of(names: Sequence[str], most: int) -> str:
    """The first ``most`` of ``names``, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
