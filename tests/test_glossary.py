"""The glossary: its words are used, a class has its name to itself, and retired words stay away.

What a machine cannot tell is left to readers: whether a sentence uses a word in its sense.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"

#: Generated pages have the words of the code that writes them.
GENERATED = ("findings.md",)

#: The public classes, and functions whose name is a word of the glossary, that several modules
#: have; and why.
SHARED = {
    "BatchStatistics": "one layer, written for Keras 2 and for Keras 3",
    "Profiler": "one for each profiler of a framework, in inside/builders",
    "Look": "report.plot draws a configuration so, stats.bisection has a look at a build",
    "build": "the verb: to make a step, as each module of inside/builders does",
    "builder": "what each framework's package in inside/builders offers",
    "block": "runs.duet takes a block, stats.blocks has its number",
    "measure": "the verb: to time something and put it on record",
    "run": "the verb: to do what a command, a script or a process is there for",
}

#: Words that were given up, as they stood in sentences, and those that took their place.
RETIRED = {
    r"sessions? of (?:a|the) history|history's sessions?": "sitting",
    r"sides? of (?:a|the) duet": "subject",
    r"parts? of (?:a|the) chain": "component",
    r"pairs? of (?:releases|records)": "comparison, or the two records of a duet",
    r"repeats? of (?:a|one) release": "calibration",
    r"(?:a|one|the) line (?:says|names|reports|tells)": "message",
    r"in the words of asv run": "named",
    r"the seed's": "of 2017",
    r"(?:put|puts|putting) back": "changed back",
}


def terms() -> list[str]:
    """The words that the glossary explains, in its order. A row may explain several."""
    rows = re.findall(r"^\| (.*?) \|", GLOSSARY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [term for row in rows if row != "word" for term in row.split(", ")]


def pages() -> dict[str, str]:
    """The text of README and of each page of the docs, without code, by its name."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return {
        page.name: re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
        for page in found
        if page.name not in GENERATED
    }


def trees() -> Iterator[tuple[str, ast.Module]]:
    """(path, syntax tree) of each module of vggbench."""
    for path in sorted((ROOT / "vggbench").rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def docstrings() -> dict[str, str]:
    """The docstrings of each module of vggbench, its own first, by its path."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        path: "\n".join(
            ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)
        )
        for path, tree in trees()
    }


def shared_names() -> dict[str, list[str]]:
    """The public classes, and the public functions whose name is a word of the glossary, that stand
    at the top of more than one module, with the modules."""
    words = {re.sub(r"\W", "_", term) for term in terms()}
    found: dict[str, list[str]] = defaultdict(list)
    for path, tree in trees():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                counts = not node.name.startswith("_")
            elif isinstance(node, ast.FunctionDef):
                counts = node.name in words
            else:
                continue
            if counts:
                found[node.name].append(path)
    return {name: paths for name, paths in found.items() if len(paths) > 1}


def test_each_word_is_explained_once() -> None:
    assert "release" in terms()
    assert sorted(set(terms())) == sorted(terms())


def test_each_word_is_used_on_another_page() -> None:
    texts = " ".join(text for name, text in pages().items() if name != GLOSSARY.name)
    prose = " ".join(texts.split())
    unused = [
        term for term in terms() if not re.search(rf"\b{re.escape(term)}(?:s|es)?\b", prose, re.I)
    ]
    assert not unused


def test_a_public_name_is_that_of_one_thing() -> None:
    """Of classes, and of functions that are called as a word of the glossary."""
    found = shared_names()
    assert sorted(found) == sorted(SHARED), found


def test_retired_words_stay_away() -> None:
    found = [
        f"{place}: {hit[0]!r} is called {word} now"
        for place, text in {**pages(), **docstrings()}.items()
        for retired, word in RETIRED.items()
        for hit in re.finditer(rf"\b(?:{retired})\b", " ".join(text.split()), re.I)
    ]
    assert not found, "\n".join(found)
