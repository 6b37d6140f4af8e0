"""Which releases NEW takes for complete."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from asv import results
from asv.runner import BenchmarkResult
from hypothesis import given
from hypothesis import strategies as st

from vggbench import records
from vggbench.releases.catalogue import Release, Track
from vggbench.runs import coverage
from vggbench.runs.coverage import Coverage
from vggbench.runs.suite import Suite

from ..records import factory

RELEASE = Release("tinyframe", "1.1", "2011-02-03", "3.13")
TRACK = Track(name="tinyframe", framework="Tinyframe", module="tinyframe", requirements={})
CATALOGUE = SimpleNamespace(tracks={"tinyframe": TRACK}, by_commit={RELEASE.commit: RELEASE})
MODES = ("plain", "fused", "unfused")
BENCHMARK = {
    "name": "step.time_step",
    "params": [[repr(mode) for mode in MODES]],
    "param_names": ["mode"],
    "version": "2",
}

#: What asv has stored of a configuration, and the outcomes on record: all pairs that can be.
ANSWERED = {
    "a number": (0.01, [records.OK]),
    "n/a": (math.nan, [records.NOT_APPLICABLE]),
    "failed": (None, [records.FAILED]),
    "failed in one of two": (None, [records.OK, records.FAILED]),
}
UNANSWERED = {
    "not selected": (math.nan, []),
    "interrupted": (math.nan, [records.INTERRUPTED]),
    "install failed": (None, []),
    "ok once, then its number was lost": (math.nan, [records.OK]),
}
STATES = {**ANSWERED, **UNANSWERED}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of results."""
    return tmp_path


def store(
    folder: Path,
    states: list[str],
    version: str = "2",
    profile: str = "cpu-quick",
    machine: str = "box",
    **more: str,
) -> None:
    """Write asv's result and the records of RELEASE, one of STATES for each of MODES."""
    values = [STATES[state][0] for state in states]
    result = results.Results(
        {"machine": machine},
        {},
        RELEASE.commit,
        RELEASE.timestamp_ms,
        coverage.PYTHON,
        coverage.environment_name(profile),
        {},
    )
    nothing = [None] * len(MODES)
    result.add_result(
        {**BENCHMARK, "version": version},
        BenchmarkResult(values, nothing, nothing, 0, "", None),
    )
    result.save(str(folder))
    lines = records.folder(folder, machine) / "run.jsonl"
    lines.parent.mkdir(parents=True, exist_ok=True)
    lines.write_text("")
    for mode, state in zip(MODES, states, strict=True):
        for outcome in STATES[state][1]:
            told = {
                "run": "run",
                "release": RELEASE.name,
                "commit": RELEASE.commit,
                "profile": profile,
                "benchmark": BENCHMARK["name"],
                "benchmark_version": version,
                "configuration": {"mode": mode},
                "outcome": outcome,
            }
            records.append(lines, factory.record(**{**told, **more}))


def is_new(
    folder: Path,
    *patterns: str,
    profiles: tuple[str, ...] = ("cpu-quick",),
    machine: str | None = "box",
) -> bool:
    suite = Suite(Path("benchmarks"))
    suite.discovered = [BENCHMARK]
    covered = Coverage(
        catalogue=CATALOGUE,
        suite=suite,
        store=records.Store(folder),
        machine=machine,
        profiles=profiles,
    )
    return covered.incomplete([RELEASE], patterns) == [RELEASE]


def test_a_release_without_results_is_new(folder: Path):
    assert is_new(folder)


@given(st.lists(st.sampled_from(sorted(STATES)), min_size=3, max_size=3))
def test_a_release_is_new_unless_every_configuration_has_an_answer(states: list[str]):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store(folder, states)
        assert is_new(folder) == any(state in UNANSWERED for state in states)
        for mode, state in zip(MODES, states, strict=True):
            assert is_new(folder, f"'{mode}'") == (state in UNANSWERED)


ALL_ANSWERED = ["a number", "n/a", "failed"]


@pytest.mark.parametrize(
    "other", [{"version": "1"}, {"profile": "cpu-paper"}, {"machine": "otherbox"}]
)
def test_results_of_another_version_profile_or_machine_are_no_answer(
    folder: Path, other: dict[str, str]
):
    store(folder, ALL_ANSWERED, **other)
    assert is_new(folder)
    store(folder, ALL_ANSWERED)
    assert not is_new(folder)


@pytest.mark.parametrize("purpose", ["confirm", "calibrate", "separate", "duet", "bisect"])
def test_what_processes_with_a_purpose_came_to_is_no_answer(folder: Path, purpose: str):
    store(folder, ALL_ANSWERED, purpose=purpose)
    assert is_new(folder, "'fused'")
    assert is_new(folder, "'unfused'")
    assert not is_new(folder, "'plain'")


def test_failures_of_an_older_version_are_no_answer(folder: Path):
    """asv's file may hold the new version of what --bench selected, the records both versions."""
    store(folder, ALL_ANSWERED, version="1")
    old = (records.folder(folder, "box") / "run.jsonl").read_text()
    store(folder, ["a number", "not selected", "not selected"])
    (records.folder(folder, "box") / "old.jsonl").write_text(old)
    assert not is_new(folder, "'plain'")
    assert is_new(folder, "fused")


def test_every_profile_that_is_asked_for_needs_an_answer(folder: Path):
    store(folder, ALL_ANSWERED)
    assert is_new(folder, profiles=("cpu-quick", "cpu-paper"))


def test_a_corrupt_result_is_no_answer(folder: Path):
    store(folder, ALL_ANSWERED)
    (path,) = (folder / "box").glob(f"{RELEASE.commit[:8]}-*.json")
    path.write_text(path.read_text()[:-20])
    assert is_new(folder)


def test_a_machine_that_asv_does_not_know_has_no_results(folder: Path):
    store(folder, ALL_ANSWERED)
    assert is_new(folder, machine=None)


def lacking(folder: Path, name: str, backend: str) -> bool:
    """Whether no lock of a shipped release brings this backend."""
    covered = Coverage(
        catalogue=factory.CATALOGUE,
        suite=Suite(Path("benchmarks")),
        store=records.Store(folder),
        machine="box",
        profiles=("cpu-quick",),
    )
    return covered._lacks(factory.CATALOGUE.by_name[name], "cpu", backend)


@pytest.mark.parametrize(
    ("name", "backends"),
    [
        ("keras-1.0.8", {"theano"}),
        ("keras-2.3.1", {"tensorflow", "theano"}),
        ("keras-2.15.0", {"tensorflow"}),
        ("keras-3.15.1", {"tensorflow", "jax", "torch"}),
    ],
)
def test_a_backend_that_no_lock_brings_keeps_no_release_new(
    folder: Path, name: str, backends: set[str]
):
    all_of_them = ("tensorflow", "theano", "jax", "torch")
    assert {one for one in all_of_them if not lacking(folder, name, one)} == backends


def test_what_another_lock_answered_is_no_answer_of_the_lock_of_now(folder: Path):
    release = factory.CATALOGUE.by_name["keras-3.15.1"]
    of = {name: lock.digest for name, lock in release.locks.items()}
    taken = factory.record(release.name, backend="jax", lock=of["cpu"], outcome="n/a")
    assert taken.is_of_another_lock(release)
    assert not factory.record(release.name, backend="jax", lock=of["cpu-jax"]).is_of_another_lock(
        release
    )
    assert not factory.record(release.name, lock=of["cpu"]).is_of_another_lock(release)
    assert not factory.record(release.name, backend="jax").is_of_another_lock(release)
    variant = factory.record(release.name, lock="f" * 64, variant="numpy 1.26.4")
    assert not variant.is_of_another_lock(release)
