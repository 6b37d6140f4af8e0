"""`time_train_step` against the plainest hand-written training loop of the same framework.

Ours is a process of the benchmark as asv starts it, with asv's timer. Theirs is a script in
by_hand/, from the same weights and batch. Both run on the CPU, without batch normalisation, and
compiled only where the case says so. Theano gets the flags that ours noted. A process counts by the
median of its samples. The first three losses of both must be the same.

    python perf/train_step.py [--pairs 12] [--against CHECKOUT] [CASE ...]

With ``--against`` theirs is ``time_train_step`` as another checkout of the project has it: what
changed between the two must leave the step as it was.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shared import common, processes

#: The bounds of the ratio that meet the figure: against a hand-written loop, and against another
#: checkout.
BY_HAND = 0.97, 1.03
CHECKOUTS = 0.99, 1.01


@dataclass(frozen=True)
class Case:
    """What is compared. ``script``: a script in by_hand/. ``backend``: Keras's, None of other
    frameworks. ``option``: the script's further argument, "" for none. ``on_theano``: whether the
    script gets our flags of Theano."""

    release: str
    framework: str
    configuration: dict[str, str]
    script: str
    backend: str | None = None
    option: str = ""
    on_theano: bool = False


def tensorflow(release: str, script: str) -> Case:
    plain = {"data_format": "NHWC", "batch_norm": "none", "xla": "off"}
    return Case(release, "TensorFlow", plain, script)


def keras(release: str, script: str, backend: str = "tensorflow") -> Case:
    on_theano = backend == "theano"
    plain = {
        "backend": backend,
        "data_format": "NCHW" if on_theano else "NHWC",
        "batch_norm": "none",
        # On JAX Keras compiles where it is not told.
        "xla": "on" if backend == "jax" else "off",
    }
    return Case(
        release, "Keras", plain, script, backend=backend, option=backend, on_theano=on_theano
    )


def torch(release: str, compiled: str) -> Case:
    plain = {"data_format": "NCHW", "batch_norm": "none", "compile": compiled}
    option = "compile" if compiled == "on" else ""
    return Case(release, "PyTorch", plain, "torch_step.py", option=option)


def jax(release: str) -> Case:
    plain = {"data_format": "NHWC", "batch_norm": "none", "jit": "on"}
    return Case(release, "JAX", plain, "jax_step.py")


CASES = {
    "tensorflow-1.15.5": tensorflow("tensorflow-1.15.5", "tensorflow_1.py"),
    "tensorflow-2.21.0": tensorflow("tensorflow-2.21.0", "tensorflow_2.py"),
    "keras-1.2.2-theano": keras("keras-1.2.2", "keras_1.py", "theano"),
    "keras-1.2.2-tensorflow": keras("keras-1.2.2", "keras_1.py"),
    "keras-2.3.1": keras("keras-2.3.1", "keras_2_and_3.py"),
    "keras-3.15.1": keras("keras-3.15.1", "keras_2_and_3.py"),
    "keras-3.15.1-jax": keras("keras-3.15.1", "keras_2_and_3.py", "jax"),
    "keras-3.15.1-torch": keras("keras-3.15.1", "keras_2_and_3.py", "torch"),
    "torch-2.15.0": torch("torch-2.15.0", "off"),
    "torch-2.15.0-compile": torch("torch-2.15.0", "on"),
    "jax-0.12.0.1": jax("jax-0.12.0.1"),
    "theano-0.9.0": Case(
        "theano-0.9.0", "Theano", {"batch_norm": "none"}, "theano_cpu.py", on_theano=True
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("cases", nargs="*", default=list(CASES), metavar="CASE")
    options = parser.parse_args()
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; choose among {', '.join(CASES)}")
    if options.against is None:
        return max(against_by_hand(name, options.pairs) for name in options.cases)
    other = options.against.absolute()
    return max(against_checkout(name, options.pairs, other) for name in options.cases)


def against_checkout(name: str, pairs: int, other: Path) -> int:
    """Measure a case here and in another checkout, report its figure, return the exit status."""
    case = CASES[name]
    python = processes.python_of(case.release, case.backend)
    print(name)

    def ours(checkout: Path) -> processes.TakenProcess:
        return processes.of_checkout(checkout, python, case.framework, case.configuration)

    taken = processes.in_turns(lambda: ours(common.ROOT), lambda: ours(other), pairs)
    return report(f"time_train_step of {name} against that of {other}", taken, CHECKOUTS)


def against_by_hand(name: str, pairs: int) -> int:
    """Measure a case and the loop by hand, and report its figure; return the exit status."""
    case = CASES[name]
    python = processes.python_of(case.release, case.backend)

    def ours() -> processes.TakenProcess:
        return processes.ours(python, case.framework, **case.configuration)

    with tempfile.TemporaryDirectory() as folder:
        start = processes.save_start(Path(folder))
        print(name)
        variables = {}
        if case.on_theano:
            variables["THEANO_FLAGS"] = theano_flags(ours(), Path(folder))
            print(f"by hand with {variables['THEANO_FLAGS']}")

        def theirs() -> processes.TakenProcess:
            more = [case.option] if case.option else []
            return processes.by_hand(python, case.script, start, *more, **variables)

        if case.on_theano:
            theirs()  # The first process compiles.
        taken = processes.in_turns(ours, theirs, pairs)
    return report(f"time_train_step of {name} against a hand-written loop", taken, BY_HAND)


def report(
    what: str,
    taken: list[tuple[processes.TakenProcess, processes.TakenProcess]],
    bounds: tuple[float, float],
) -> int:
    """Report the ratio of ours to theirs; return the exit status.

    bounds: the least and the largest bound of the ratio's interval that meet the figure.
    """
    least, most = bounds
    ratio = common.ratio_with_interval([(ours.step_s, theirs.step_s) for ours, theirs in taken])
    return common.report(
        f"{what}, {len(taken)} pairs of processes",
        f"interval inside {least:g} to {most:g}",
        str(ratio),
        ratio.low >= least and ratio.high <= most,
    )


def theano_flags(ours: processes.TakenProcess, folder: Path) -> str:
    """The flags that ours had, but with a folder of its own for what is compiled."""
    settings = ours.notes["versions"]
    blas = "" if settings["blas"] == "none" else settings["blas"]
    return ",".join(
        [
            *("device=cpu", "floatX=float32", f"cxx={settings['cxx']}"),
            *(f"blas.ldflags={blas}", f"openmp={settings['openmp']}"),
            f"base_compiledir={folder}/compiled",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
