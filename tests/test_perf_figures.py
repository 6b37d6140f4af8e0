"""The table of figures, as perf/figures.py makes it."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

PERF = Path(__file__).resolve().parent.parent / "perf"


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PERF))
    import figures

    return figures


def test_each_script_that_prints_a_figure_is_run_or_named(figures: ModuleType) -> None:
    named = {*figures.SHORT, *(name.partition(" ")[0] for name in figures.LONG)}
    scripts = [path for path in PERF.glob("*.py") if path.name != "figures.py"]
    printing = {
        path.name
        for path in scripts
        if re.search(r"\b(?:common\.(?:report|keep)|rows\.report)\(", path.read_text())
    }
    assert len(printing) > 10
    assert printing <= named
    assert named <= {path.name for path in scripts}


def test_what_a_script_tells_is_in_the_table(figures: ModuleType, tmp_path: Path) -> None:
    script = tmp_path / "small.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(PERF)!r})\nfrom shared import common\n"
        "sys.exit(common.report('how small', 'at most 1', '0.5', True)"
        " | common.report('how large', 'at least 2', '1', False))\n"
    )
    told = figures.figures_of(str(script), ())
    assert [(one.what, one.wanted, one.reached, one.outcome) for one in told] == [
        ("how small", "at most 1", "0.5", "met"),
        ("how large", "at least 2", "1", "MISSED"),
    ]
    assert figures.table_of(told).row_count == 2


def test_a_script_that_tells_no_figure_has_a_row_that_says_so(
    figures: ModuleType, tmp_path: Path
) -> None:
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit('there is no GPU')\n")
    (only,) = figures.figures_of(str(script), ())
    assert only.outcome == "told no figure, exit status 1"
