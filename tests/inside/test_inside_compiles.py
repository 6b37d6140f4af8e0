"""Inside code runs on CPython 3.6 to 3.13: the oldest and newest here must compile all of it."""

import subprocess
from pathlib import Path

import pytest

from vggbench.releases import interpreters

ROOT = Path(__file__).absolute().parent.parent.parent
MODULES = sorted(
    [ROOT / "main.py", ROOT / "vggbench" / "__init__.py"]
    + [path for room in ("vggbench/inside", "benchmarks") for path in (ROOT / room).rglob("*.py")]
)

PYTHONS = [v for v in (f"3.{minor}" for minor in range(6, 15)) if interpreters.find(v)]

COMPILE = """
import sys
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        compile(file.read(), path, "exec")
"""

IMPORT = (
    "import vggbench.inside.measure, vggbench.inside.launch, vggbench.inside.builders, "
    "vggbench.inside.trials.program, benchmarks.train_step; "
    "vggbench.inside.builders.packages()"
)


@pytest.mark.parametrize("python", sorted({PYTHONS[0], PYTHONS[-1]}))
def test_inside_code_compiles(python):
    done = subprocess.run(
        [interpreters.find(python), "-I", "-W", "error", "-c", COMPILE, *map(str, MODULES)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("python", sorted({PYTHONS[0], PYTHONS[-1]}))
def test_inside_code_imports_with_the_standard_library_alone(python):
    """asv reads the benchmarks in the first release's environment, before any framework."""
    done = subprocess.run(
        [interpreters.find(python), "-S", "-B", "-c", IMPORT],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={"PYTHONNOUSERSITE": "1"},
    )
    assert done.stderr == ""
    assert done.returncode == 0


def test_all_of_inside_is_looked_at():
    assert len(MODULES) >= 14
    assert all(path.is_file() for path in MODULES)
