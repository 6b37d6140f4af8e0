"""The command lines that README and docs show, as a reader would type them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

#: Its commands follow from one another.
TUTORIAL = ROOT / "docs" / "tutorial.md"

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
INLINE = re.compile(r"`([^`]+)`")

#: In the midst of a block that is none of commands: a crontab, a CI's job.
INSTALLED = re.compile(r"\.venv/bin/(?:asv|vggbench)(?: [\w.-]+)*")

#: Variables may come first. Other programs are mentioned, and their commands are not ours to show.
COMMAND = re.compile(r"((?:[A-Z_]+=\S+ )*)(asv|vggbench|make|python (?:main|perf/\w+)\.py)( .*|\Z)")


@dataclass(frozen=True)
class Command:
    """``line`` is one command; ``page`` shows it, the first that does. ``whole``: it has a
    line of its own, where everything that is needed must be in it."""

    page: str
    line: str
    whole: bool


def commands() -> list[Command]:
    """The commands of all pages but the tutorial, each once, in the order of the pages."""
    found: dict[str, Command] = {}
    for page in PAGES:
        if page == TUTORIAL:
            continue
        for whole, line in _lines(page.read_text(encoding="utf-8")):
            if line not in found or (whole and not found[line].whole):
                found[line] = Command(page.name, line, whole)
    return list(found.values())


def of_the_tutorial() -> list[str]:
    """The command lines that its reader types, in their order."""
    return [line for whole, line in _lines(TUTORIAL.read_text(encoding="utf-8")) if whole]


def languages(text: str) -> list[str]:
    """What each code block of a page says that it is in; "" where it does not, or is indented."""
    rest = BLOCK.sub("", text)
    indented = re.findall(r"(?:\A|\n)\n {4,}(?![-*|\d])\S", rest)
    return [found[1] for found in BLOCK.finditer(text)] + [""] * len(indented)


def arguments(line: str) -> tuple[dict[str, str], str, list[str]]:
    """The variables, the program and the arguments of a command. Where it is a usage line, all
    optional arguments are given, and the first of alternatives."""
    found = COMMAND.fullmatch(line)
    if found is None:  # of another program
        return {}, "", shlex.split(line)
    variables = dict(word.split("=", 1) for word in shlex.split(found[1]))
    parts = [_first(word) for word in shlex.split(re.sub(r" \.\.\.(?=[\] ]|\Z)", "", found[3]))]
    return variables, found[2], [word for word in parts if word]


def _first(word: str) -> str:
    bare = word.strip("[]") if word.count("[") != word.count("]") else word
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    return bare.split("|")[0] if re.fullmatch(r"[a-z]+(\|[a-z]+)+", bare) else bare


def _lines(text: str) -> Iterator[tuple[bool, str]]:
    for block in BLOCK.finditer(text):
        if block[1] == "sh":
            whole = re.sub(r" *\\?\n +", " ", block[2])
            for line in whole.splitlines():
                for one in re.sub(r"\s+#.*", "", line).split(" && "):
                    if one.strip():
                        yield True, one.strip()
        elif block[1] in ("text", "yaml"):
            for found in INSTALLED.finditer(block[2]):
                yield True, found[0].removeprefix(".venv/bin/")
    for inline in INLINE.finditer(BLOCK.sub("", text)):
        line = " ".join(inline[1].split())
        if COMMAND.fullmatch(line):
            yield False, line
