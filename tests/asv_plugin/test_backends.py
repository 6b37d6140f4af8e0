"""Locks of one backend each: in which environment the processes of a configuration run."""

from __future__ import annotations

import shutil
import statistics

import pytest

from vggbench.records import Record
from vggbench.releases.catalogue import Catalogue

from ..tiny import MACHINE, ROUNDS, Ended, Tiny

pytestmark = pytest.mark.asv

NAME = "keras-1.0"


def run(tiny: Tiny, *arguments: str) -> Ended:
    return tiny.asv("run", NAME, "--bench", "Keras", *arguments)


def by_backend(tiny: Tiny, key: str) -> dict[str, set]:
    """The values of a ``key`` of the records, by the backend that the process computed with."""
    found: dict[str, set] = {}
    for record in tiny.records(NAME):
        found.setdefault(record["configuration"]["backend"], set()).add(record[key])
    return found


def steps(tiny: Tiny) -> dict[str, float]:
    """The seconds of a step of the newest process of each backend: what its environment brings."""
    return {
        record["configuration"]["backend"]: statistics.median(record["samples"])
        for record in tiny.records(NAME)
    }


def environments(tiny: Tiny) -> set[str]:
    return {path.name for path in tiny.environments.glob("keras-*")}


def take_away(tiny: Tiny, lock: str) -> None:
    """Let the environment of this lock be one that cannot be made."""
    shutil.rmtree(tiny.folder / "wheels" / lock)


def test_a_configuration_runs_in_the_environment_of_its_backend(tiny: Tiny) -> None:
    release = tiny.add_backends({"cpu": 0.010, "cpu-theano": 0.020})
    done = run(tiny)
    assert done.status == 0, done.output
    assert steps(tiny) == pytest.approx({"tensorflow": 0.010, "theano": 0.020}, rel=0.03)
    assert by_backend(tiny, "lock") == {
        "tensorflow": {release.locks["cpu"].digest},
        "theano": {release.locks["cpu-theano"].digest},
    }
    assert by_backend(tiny, "interpreter")["theano"] == {"the release's own"}
    assert environments(tiny) == {"keras-1.0-b1-cpu", "keras-1.0-b1-cpu-theano"}
    assert len(done.lines_with("installing keras-1.0 (cpu-theano) on CPython")) == 1
    catalogue = Catalogue(tiny.releases)
    for told in tiny.records(NAME):
        # The protocol of these benchmarks is the real one.
        assert Record.from_json(told).why_no_evidence(MACHINE, catalogue) is None


def test_an_environment_that_is_there_is_used_again(tiny: Tiny) -> None:
    tiny.add_backends({"cpu": 0.010, "cpu-theano": 0.020})
    assert run(tiny, "-a", "rounds=1").status == 0
    again = run(tiny, "-a", "rounds=1")
    assert again.status == 0, again.output
    assert not again.lines_with("installing")


def test_a_backend_that_is_not_asked_for_is_not_installed(tiny: Tiny) -> None:
    tiny.add_backends({"cpu": 0.010, "cpu-theano": 0.020})
    done = tiny.asv("run", NAME, "--bench", "Keras.*tensorflow", "-a", "rounds=1")
    assert done.status == 0, done.output
    assert environments(tiny) == {"keras-1.0-b1-cpu"}


def test_a_backend_whose_environment_cannot_be_made_fails_alone(tiny: Tiny) -> None:
    release = tiny.add_backends({"cpu": 0.010, "cpu-tensorflow": 0.020, "cpu-theano": 0.030})
    take_away(tiny, "cpu-tensorflow")
    done = run(tiny)
    assert done.status == 2
    assert by_backend(tiny, "outcome") == {"tensorflow": {"failed"}, "theano": {"ok"}}
    failed = [record for record in tiny.records(NAME) if record["outcome"] == "failed"]
    assert len(failed) == ROUNDS
    for record in failed:
        assert record["error"].startswith("keras-1.0 (cpu-tensorflow) cannot be installed: ")
        assert record["lock"] == release.locks["cpu-tensorflow"].digest
    assert len(done.lines_with("installing keras-1.0 (cpu-tensorflow)")) == 1, "tried once"
    assert len(done.lines_with("process 1: failed: keras-1.0 (cpu-tensorflow) cannot be")) == 1
    assert environments(tiny) == {"keras-1.0-b1-cpu", "keras-1.0-b1-cpu-theano"}
    assert tiny.measured() == {NAME}


def test_an_environment_that_could_not_be_made_is_tried_again(tiny: Tiny) -> None:
    tiny.add_backends({"cpu": 0.010, "cpu-theano": 0.020})
    wheels = tiny.folder / "wheels" / "cpu-theano"
    wheels.rename(tiny.folder / "aside")
    assert run(tiny).status == 2
    assert {record["lacks"] for record in tiny.records(NAME) if record["outcome"] == "failed"} == {
        "the environment"
    }
    (tiny.folder / "aside").rename(wheels)
    again = tiny.asv("run", "NEW", "--bench", "Keras")
    assert again.status == 0, again.output
    assert len(again.lines_with("installing keras-1.0 (cpu-theano)")) == 1
    assert by_backend(tiny, "outcome")["theano"] == {"failed", "ok"}


def test_a_given_interpreter_serves_all_backends(tiny: Tiny) -> None:
    tiny.add_backends({"cpu": 0.010, "cpu-theano": 0.020})
    assert tiny.asv("run", NAME, "--bench", "Keras.*tensorflow", "-a", "rounds=1").status == 0
    python = tiny.environments / "keras-1.0-b1-cpu" / "bin" / "python"
    done = run(tiny, "-E", f"release:{python}", "-a", "rounds=1")
    assert done.status == 0, done.output
    assert by_backend(tiny, "lock")["theano"] == {None}
    assert steps(tiny) == pytest.approx({"tensorflow": 0.010, "theano": 0.010}, rel=0.03)
    assert environments(tiny) == {"keras-1.0-b1-cpu"}


def test_a_lock_for_any_device_serves_the_cpu(tiny: Tiny) -> None:
    release = tiny.add_backends({"any": 0.010, "any-theano": 0.020})
    done = run(tiny, "-a", "rounds=1")
    assert done.status == 0, done.output
    assert environments(tiny) == {"keras-1.0-b1-any", "keras-1.0-b1-any-theano"}
    assert by_backend(tiny, "lock")["theano"] == {release.locks["any-theano"].digest}


def test_a_release_with_a_lock_of_one_backend_alone_is_left_out(tiny: Tiny) -> None:
    tiny.add_backends({"cpu-theano": 0.020})
    done = run(tiny)
    assert done.status == 1
    assert len(done.lines_with("left out, unmeasured: keras-1.0: no lock for cpu")) == 1
    assert environments(tiny) == set()
