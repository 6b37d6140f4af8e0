"""The benchmarks as asv discovers them, read in asv's own process."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from asv import util
from asv.benchmarks import Benchmarks
from hypothesis import given
from hypothesis import strategies as st

from vggbench.runs.suite import Suite

BENCHMARKS = """
class Step:
    params = (("NHWC", "NCHW"), (1, 2.5), (None, len))
    param_names = ("data_format", "factor", "thing")
    version = "7"

    def time_step(self, data_format, factor, thing):
        pass


def track_memory():
    return 1


track_memory.version = "3"
"""


def suite_of(folder: Path, text: str) -> Suite:
    """A suite whose one module has this text."""
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "step.py").write_text(text)
    return Suite(folder)


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return suite_of(tmp_path / "benchmarks", BENCHMARKS)


def test_configurations_have_their_params_as_values(suite):
    found = suite.configurations
    assert list(found) == [f"step.Step.time_step-{i}" for i in range(8)] + ["step.track_memory"]
    third = found["step.Step.time_step-2"]
    assert dict(third.configuration) == {"data_format": "NHWC", "factor": 2.5, "thing": None}
    assert third.version == "7"
    assert third.asv_name == "step.Step.time_step('NHWC', 2.5, None)"
    assert third.words == "NHWC 2.5 None"


def test_a_param_that_is_no_literal_stays_its_text(suite):
    (thing,) = {dict(c.configuration)["thing"] for c in suite.selected(["<.*len"])}
    assert "built-in function len" in thing


def test_a_benchmark_without_params_is_one_configuration(suite):
    (memory,) = suite.selected(["memory"])
    assert (memory.index, memory.configuration, memory.version) == (0, (), "3")
    assert memory.asv_name == "step.track_memory"


def test_a_benchmark_that_is_no_longer_there_takes_one_process(suite):
    suite.discovered[0]["rounds"] = 3
    names = [suite.discovered[0]["name"], "step.Renamed.time_step"]
    assert [suite.rounds(name) for name in names] == [3, 1]


def test_benchmarks_that_cannot_be_imported_are_one_line(tmp_path):
    broken = suite_of(tmp_path / "benchmarks", "import no_such_module\n")
    with pytest.raises(util.UserError, match="ModuleNotFoundError: No module named 'no_such_mod"):
        _ = broken.configurations


def test_suites_in_folders_of_one_name_are_two(tmp_path, suite):
    (tmp_path / "other").mkdir()
    other = suite_of(tmp_path / "other" / "benchmarks", "def track_other():\n    return 1\n")
    imported, finders = set(sys.modules), list(sys.meta_path)
    assert list(other.configurations) == ["step.track_other"]
    assert "step.track_memory" in suite.configurations
    assert (set(sys.modules), list(sys.meta_path)) == (imported, finders)


texts = st.sampled_from(["'NHWC'", "'none'", "'fused'", "'unfused'", "1", "None"])
params = st.lists(st.lists(texts, min_size=1, max_size=3, unique=True), max_size=3)
patterns = st.lists(
    st.sampled_from(["fused", r"\('fused'", "time_", "^step.a", "1", "None$", r"\)$", "x"]),
    max_size=2,
)


@given(st.dictionaries(st.sampled_from(["step.a", "step.b", "x"]), params), patterns)
def test_bench_selects_the_same_configurations_here_as_in_asv(benchmarks, regexes):
    described = [
        {"name": name, "params": values, "param_names": list("abc"[: len(values)]), "version": "1"}
        for name, values in benchmarks.items()
    ]
    suite = Suite(Path("benchmarks"))
    suite.discovered = described
    ours = {(configured.benchmark, configured.index) for configured in suite.selected(regexes)}

    of_asv = Benchmarks(SimpleNamespace(benchmark_dir=None), described, regex=regexes)
    theirs = {
        (name, index)
        for name in of_asv
        for index in (of_asv.benchmark_selection[name] if benchmarks[name] else [0])
    }
    assert ours == theirs
