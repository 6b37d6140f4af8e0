"""VggbenchError, the one exception that a user sees as a line, texts for such lines, and who gets
them."""

import re
from collections.abc import Callable, Sequence

#: Gets each message for the user.
Say = Callable[[str], None]

#: The most characters of a word that a message shows whole. No name is so long, and hardly a path.
LONGEST_WORD = 200

_LONG = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")


class VggbenchError(Exception):
    """A fault that is the input's or the machine's. Its text is one line for the user: what
    happened, to what, and what to do next."""

    #: The exit status of the vggbench command; None for the one that it has for any other trouble.
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
    """The system's text for a fault, and the file where the error names one."""
    parts = (error.strerror or error, error.filename)
    return one_line(": ".join(str(part) for part in parts if part))


def some_of(names: Sequence[str], most: int) -> str:
    """The first ``most`` of ``names`` and how many more there are, as one text."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def how_many(count: float, word: str) -> str:
    """So many of what ``word`` names, as one text: 1 block, 2 blocks, 2 processes."""
    if count == 1:
        return f"1 {word}"
    number = f"{count:g}" if isinstance(count, float) else count
    return f"{number} {word}{'es' if word.endswith('s') else 's'}"
