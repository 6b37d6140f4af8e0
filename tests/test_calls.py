"""What no linter looks at: how calls give their arguments. (ruff's PLR0917 looks at definitions,
and at no constructor of a dataclass.)"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from .tiny import ROOT

MOST = 5

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


def test_no_call_gives_more_than_five_arguments_by_position() -> None:
    files = [ROOT / "main.py"]
    for folder in ("vggbench", "benchmarks", "perf"):
        files += sorted((ROOT / folder).rglob("*.py"))
    assert len(files) > 100
    found = [
        f"{file.relative_to(ROOT)}:{line}: {called}"
        for file in files
        for line, called in crowded(file.read_text())
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
