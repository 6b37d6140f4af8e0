"""The benchmarks as asv discovers them, read in asv's own process."""

from __future__ import annotations

import itertools
import re
from types import SimpleNamespace

import pytest
from asv import util
from asv.benchmarks import Benchmarks
from hypothesis import given
from hypothesis import strategies as st

from vggbench.runs import invocation, suite

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


@pytest.fixture
def of_text(tmp_path, monkeypatch):
    """A function that makes its text the benchmarks of asv's configuration."""
    folders = itertools.count()

    def write(text):
        # Python imports a package of one name once.
        folder = tmp_path / f"{re.sub('[^a-z]', '', tmp_path.name)}_{next(folders)}"
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "step.py").write_text(text)
        monkeypatch.setattr(
            invocation, "config", lambda: SimpleNamespace(benchmark_dir=str(folder))
        )
        suite.discovered.cache_clear()
        suite.configurations.cache_clear()

    monkeypatch.syspath_prepend(str(tmp_path))
    yield write
    suite.discovered.cache_clear()
    suite.configurations.cache_clear()


def test_configurations_have_their_params_as_values(of_text):
    of_text(BENCHMARKS)
    found = suite.configurations()
    assert list(found) == [f"step.Step.time_step-{i}" for i in range(8)] + ["step.track_memory"]
    third = found["step.Step.time_step-2"]
    assert dict(third.configuration) == {"data_format": "NHWC", "factor": 2.5, "thing": None}
    assert third.version == "7"
    assert third.asv_name == "step.Step.time_step('NHWC', 2.5, None)"
    assert third.words == "NHWC 2.5 None"


def test_a_param_that_is_no_literal_stays_its_word(of_text):
    of_text(BENCHMARKS)
    (thing,) = {dict(c.configuration)["thing"] for c in suite.selected(["<.*len"])}
    assert "built-in function len" in thing


def test_a_benchmark_without_params_is_one_configuration(of_text):
    of_text(BENCHMARKS)
    (memory,) = suite.selected(["memory"])
    assert (memory.index, memory.configuration, memory.version) == (0, (), "3")
    assert memory.asv_name == "step.track_memory"


def test_benchmarks_that_cannot_be_imported_are_one_line(of_text):
    of_text("import no_such_module\n")
    with pytest.raises(util.UserError, match="ModuleNotFoundError: No module named 'no_such_mod"):
        suite.configurations()


words = st.sampled_from(["'NHWC'", "'none'", "'fused'", "'unfused'", "1", "None"])
params = st.lists(st.lists(words, min_size=1, max_size=3, unique=True), max_size=3)
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suite, "discovered", lambda: described)
        suite.configurations.cache_clear()
        ours = {(one.benchmark, one.index) for one in suite.selected(regexes)}
        suite.configurations.cache_clear()

    of_asv = Benchmarks(SimpleNamespace(benchmark_dir=None), described, regex=regexes)
    theirs = {
        (name, index)
        for name in of_asv
        for index in (of_asv.benchmark_selection[name] if benchmarks[name] else [0])
    }
    assert ours == theirs
