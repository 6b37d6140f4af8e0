"""Real Theano releases, and machines that lack what Theano needs.

They are installed from their locks into .asv/test-env and kept there, with what they compiled, for
the next run.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from vggbench import records
from vggbench.campaigns import verify
from vggbench.inside.params import Configuration, choices_of

from ...real import ROOT, TURNS, RealCheckout, in_turn, python_of
from .test_theano_setup import BROKEN, WITHOUT_BLAS, compiler

# Theano lets one process at a time compile into a folder: side by side they would wait.
pytestmark = [pytest.mark.theano, pytest.mark.xdist_group("theano")]

NEWEST = "theano-1.0.5"
OLDER = TURNS["Theano"]
BEFORE_FUSED = "theano-0.8.2"

BATCH_NORMS = choices_of("Theano")["batch_norm"]
# A configuration of a release is compiled for most of a minute.
IN_TURN = in_turn(BATCH_NORMS)
# Of losses; near-ties that rounding decides weigh more with batch normalisation.
TOLERANCE = {"rel": 1e-3} if IN_TURN == "none" else {"abs": 1e-2}
CASES = [*((NEWEST, batch_norm) for batch_norm in BATCH_NORMS), (OLDER, IN_TURN)]


def verified(name: str, batch_norm: str, script: Path = verify.SCRIPT) -> verify.Verified:
    """What `vggbench verify` says of one configuration, in the release's own environment."""
    configuration = Configuration("Theano", batch_norm=batch_norm)
    return verify.verify_one(python_of(name), configuration, "cpu", script)


@pytest.mark.parametrize(("name", "batch_norm"), CASES)
def test_every_release_computes_what_the_reference_computes(name: str, batch_norm: str) -> None:
    found = verified(name, batch_norm)
    assert found.answer == verify.AGREES, found.reason


def test_fused_batch_norm_is_not_applicable_before_it_came() -> None:
    found = verified(BEFORE_FUSED, "fused")
    assert found.answer == verify.NOT_APPLICABLE
    assert found.reason == (
        "no fused batch normalisation for training in theano 0.8.2: it came with 0.9"
    )


# What is made wrong in the builder, in the release's own interpreter.
SOFTMAX_TWICE = """
    once = T.nnet.crossentropy_softmax_1hot
    T.nnet.crossentropy_softmax_1hot = lambda x, classes: once(T.nnet.softmax(x), classes)
"""
UPDATE_TWICE = """
    original = builder._loss_and_updates
    def twice(*args):
        loss, updates = original(*args)
        return loss, [(old, 2 * new - old) for old, new in updates]
    builder._loss_and_updates = twice
"""
ONE_LAYER_IS_NOT_UPDATED = """
    original = builder._loss_and_updates
    def without_one(*args):
        loss, updates = original(*args)
        return loss, [(old, new) for old, new in updates if old.name != "conv3_2/kernel"]
    builder._loss_and_updates = without_one
"""
STATISTICS_OF_EACH_IMAGE = """
    once = T.nnet.bn.batch_normalization_train
    def of_each_image(x, gamma, beta, **options):
        normalised = (x - x.mean((2, 3), keepdims=True)) / T.sqrt(
            x.var((2, 3), keepdims=True) + np.float32(options["epsilon"])
        )
        normalised = normalised * builder._column(gamma) + builder._column(beta)
        return (normalised,) + once(x, gamma, beta, **options)[1:]
    T.nnet.bn.batch_normalization_train = of_each_image
"""
AVERAGES_THAT_DO_NOT_MOVE = """
    original = builder._loss_and_updates
    def without_averages(*args):
        loss, updates = original(*args)
        return loss, [(old, new) for old, new in updates if "/moving_" not in old.name]
    builder._loss_and_updates = without_averages
"""
MUTATED = """
import sys
sys.path.insert(0, {root!r})
from vggbench.inside import builders
from vggbench.inside.builders.theano import setup as theano_setup
from vggbench.inside.scripts import first_steps
configure = theano_setup.configure

def mutate(device):
    configure(device)
    import numpy as np
    import theano.tensor as T
    from vggbench.inside.builders.theano import function as builder
    {mutation}

theano_setup.configure = mutate
first_steps.main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("mutation", "batch_norm", "said"),
    [
        in_turn(
            [
                (SOFTMAX_TWICE, "none", "the loss of step 1"),
                (UPDATE_TWICE, "none", "the loss of step 2"),
                (ONE_LAYER_IS_NOT_UPDATED, "none", "the loss of step 2"),
            ]
        ),
        in_turn(
            [
                (STATISTICS_OF_EACH_IMAGE, "fused", "the loss of step 1"),
                (AVERAGES_THAT_DO_NOT_MOVE, "fused", "/moving_"),
            ]
        ),
    ],
)
def test_a_builder_that_computes_something_else_is_caught(
    tmp_path: Path, mutation: str, batch_norm: str, said: str
) -> None:
    script = tmp_path / "mutated.py"
    script.write_text(MUTATED.format(root=str(ROOT), mutation=mutation.strip()))
    found = verified(NEWEST, batch_norm, script)
    assert found.answer == verify.DISAGREES, found.reason
    assert said in (found.reason or "")


def test_without_a_compiler_theano_is_not_applicable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python_of(OLDER)  # which takes programs to install
    monkeypatch.setenv("PATH", str(tmp_path))
    found = verified(OLDER, "none")
    assert found.answer == verify.NOT_APPLICABLE, found.reason
    assert "theano would run in Python, a hundred times slower; install g++" in str(found.reason)


def test_a_compiler_that_fails_is_a_failure_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cxx = compiler(tmp_path / "bin", BROKEN)
    monkeypatch.setenv("PATH", str(cxx.parent), prepend=os.pathsep)
    found = verified(OLDER, "none")
    assert found.answer == verify.FAILED
    assert found.reason == (
        f"RuntimeError: the C++ compiler {cxx} does not compile an extension of Python, so theano "
        "cannot either: empty.cpp:1: error: out of luck"
    )


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("mode=FAST_COMPILE", "theano 1.0.5 compiled no C code for "),
        ("linker=py", "theano 1.0.5 cannot tell what has C code with linker=py and mode=Mode"),
    ],
)
def test_a_step_in_python_is_not_measured_as_theanos(
    flags: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEANO_FLAGS", flags)
    found = verified(NEWEST, "none")
    assert found.answer == verify.FAILED
    assert said in str(found.reason)


def test_openmp_without_a_blas_would_kill_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What configure() refuses: if this no longer fails, neither need it.

    The process died of signal 6 in most runs, of signal 11 in one.
    """
    script = tmp_path / "unchecked.py"
    openmp_on = "import theano; theano.config.openmp = True"
    script.write_text(MUTATED.format(root=str(ROOT), mutation=openmp_on))
    monkeypatch.setenv("THEANO_FLAGS", "blas.ldflags=")
    found = verified(NEWEST, "none", script)
    assert found.answer == verify.FAILED
    assert str(found.reason).startswith("the process died with signal "), found.reason


@pytest.mark.asv
@pytest.mark.parametrize("name", [in_turn([OLDER, NEWEST])])
def test_asv_measures_theano_with_a_blas_and_without(name: str, tmp_path: Path) -> None:
    real = RealCheckout.make(tmp_path / "checkout")
    attributes = ("--attribute=rounds=1", "--attribute=repeat=2", "--record-samples")
    bench = ("--bench", f"Theano.*'{IN_TURN}'")
    first = real.asv("run", *attributes, *bench, name, timeout=1800)
    assert "no BLAS" not in first
    (record,) = records.read(real.folder / "results", "testbox")
    assert (record.release, record.outcome) == (name, records.OK), record
    versions, losses = record.versions, record.losses
    assert f"theano-{versions['theano']}" == name
    assert "OpenBLAS" in versions["blas_library"]
    assert versions["openmp"] is True
    assert versions["compile_folder"].startswith("theano-compiled/compiledir_")
    assert len(record.samples) == 2
    assert list((real.folder / "home").glob(".theano*")) == []

    cxx = compiler(tmp_path / "bin", WITHOUT_BLAS + f'exec {shutil.which("g++")} "$@"\n')
    path = f"{cxx.parent}{os.pathsep}{os.environ['PATH']}"
    again = real.asv("run", *attributes, *bench, name, PATH=path)
    assert "no BLAS on this machine, theano is about three times slower" in again
    assert "its environment was changed" not in again  # by what was compiled into it
    record = list(records.read(real.folder / "results", "testbox"))[-1]
    assert (record.versions["blas"], record.versions["openmp"]) == ("none", False)
    assert record.losses == pytest.approx(losses, **TOLERANCE)
