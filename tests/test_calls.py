"""What no linter looks at: how calls give their arguments, and how long functions are. (ruff's
PLR0917 looks at definitions, and at no constructor of a dataclass; PLR0915 counts statements. biome
counts the lines of the pages' scripts.)"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import pytest

from .tiny import ROOT

MOST = 5

#: No function has more lines, with its docstring.
MOST_LINES = 70

#: What takes any number of one thing: arguments of a command line, cells of a row, axes. And
#: functions of frameworks, whose releases name their arguments differently.
OTHERS = ("uv", "_compile", "add_row", "transpose", "batch_normalization")


def crowded(text: str) -> Iterator[tuple[int, str]]:
    """The line and the text of each function that is given more than MOST arguments by position."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            given = [each for each in node.args if not isinstance(each, ast.Starred)]
            called = ast.unparse(node.func)
            if len(given) > MOST and called.rpartition(".")[2] not in OTHERS:
                yield node.lineno, called


def long(text: str) -> Iterator[tuple[int, str]]:
    """The line and the name of each function of more than MOST_LINES lines."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_LINES:
                yield node.lineno, node.name


@pytest.mark.parametrize("finds", [crowded, long])
def test_no_call_is_crowded_and_no_function_is_long(
    finds: Callable[[str], Iterator[tuple[int, str]]],
) -> None:
    files = [ROOT / "main.py"]
    for folder in ("vggbench", "benchmarks", "perf"):
        files += sorted((ROOT / folder).rglob("*.py"))
    assert len(files) > 100
    found = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in files
        for line, name in finds(file.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Pair(1, 2, 3, 4, 5, 6)", [(1, "Pair")]),
        ("Pair(1, 2, 3, 4, 5, six=6)", []),
        ("Pair(1, 2, 3, 4, 5, *more)", []),
        ("\nhistory.Pair(1, 2, 3, 4, 5, *more, 6)", [(2, "history.Pair")]),
        ("uv(1, 2, 3, 4, 5, 6)", []),
    ],
)
def test_a_crowded_call_is_found(text: str, found: list[tuple[int, str]]) -> None:
    assert list(crowded(text)) == found


def test_a_long_function_is_found() -> None:
    body = "    pass\n"
    assert list(long("def short():\n" + (MOST_LINES - 1) * body)) == []
    assert list(long("\nasync def endless():\n" + MOST_LINES * body)) == [(2, "endless")]
