"""What a narrow or a dumb terminal, and one without umlauts, shows of tables: no name and no figure
is cut."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from ..tiny import PROGRAMS, Tiny

pytestmark = pytest.mark.asv


def shown(tiny: Tiny, *arguments: str, columns: int, **env: str) -> str:
    """What the vggbench command writes to a terminal that wide."""
    main, own = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAMS["vggbench"], *arguments],
        cwd=tiny.folder,
        env=tiny.environ(COLUMNS=str(columns), **{"TERM": "xterm", **env}),
        stdin=subprocess.DEVNULL,
        stdout=own,
        stderr=subprocess.DEVNULL,
    )
    os.close(own)
    told = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # the terminal is closed
            break
        if not part:
            break
        told += part
    process.wait(timeout=60)
    os.close(main)
    return re.sub(r"\x1b\[[0-9;]*m", "", told.decode())


@pytest.mark.parametrize("columns", [30, 60, 80])
@pytest.mark.parametrize("term", ["xterm", "dumb"])
@pytest.mark.parametrize(
    "arguments", [("rates",), ("releases", "list"), ("verdict", "--all")], ids=str
)
def test_names_and_figures_are_whole(
    measured: Tiny, arguments: tuple[str, ...], columns: int, term: str
) -> None:
    told = shown(measured, *arguments, columns=columns, TERM=term)
    assert "tinyframe-1.2" in told
    assert "…" not in told
    if arguments == ("rates",):
        assert re.search(r"tinyframe-1\.2 +plain +30\.0 ", told)


@pytest.mark.parametrize("kind", ["md", "html", "csv", "json"])
def test_a_terminal_without_umlauts_gets_them_escaped(kind: str) -> None:
    """Of the shipped history: the tiny track has no row in these tables."""
    done = subprocess.run(
        [*PROGRAMS["vggbench"], "table", "--machine", "epyc-zen4", "--reference", "--format", kind],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    done.stdout.decode("ascii")
    if kind == "html":
        assert b"&#" in done.stdout
