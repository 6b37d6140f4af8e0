"""Real releases: their own profilers tell of what a step is made; the tables know operations."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from vggbench import frameworks
from vggbench.inside.params import choices_of

from ...real import ROOT, TURNS, python_of

#: Traces two steps that are warm, and prints what profilers.summary says, or why it is n/a.
TRACED = """
import json, sys
sys.path.insert(0, {root!r})
import vggbench
del sys.path[0]
from vggbench.inside import builders, params, profilers, workload

framework, chosen, folder = json.loads(sys.argv[1])
configuration = params.Configuration(framework, **chosen)
step = builders.build(workload.profile("cpu-quick").workload, configuration, "cpu")
step()
step()
try:
    profiler = builders.profiler(configuration, "cpu")(step, folder)
    profiler.start()
    for _ in range(2):
        with profiler.tracing():
            step()
    told = profilers.summary(profiler.stop())
except params.NotApplicable as reason:
    told = {{"reason": str(reason)}}
print("\\n" + json.dumps(told))
"""


def traced(name: str, words: str, folder: Path) -> tuple[str, dict[str, Any]]:
    """The key of the framework that computes, and what the script prints of a shipped release."""
    track = name.rpartition("-")[0]
    framework = {
        "tensorflow": "TensorFlow",
        "keras": "Keras",
        "torch": "PyTorch",
        "jax": "JAX",
        "theano": "Theano",
    }[track]
    chosen = dict(zip(choices_of(framework), words.split(), strict=True))
    backend = chosen.get("backend")
    script = folder / "traced.py"
    script.write_text(TRACED.format(root=str(ROOT)))
    asked = json.dumps([framework, chosen, str(folder)])
    done = subprocess.run(
        [python_of(name, backend), script, asked], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return backend or track, json.loads(done.stdout.splitlines()[-1])


def classes(key: str, told: dict[str, Any]) -> dict[str, float]:
    """Seconds of each class in both steps together."""
    found: dict[str, float] = {}
    for each in told["operations"]:
        name = frameworks.operation_class(key, each["kinds"], each["shapes"])
        found[name] = found.get(name, 0.0) + sum(each["seconds"])
    return found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *(
            pytest.param(name, "NHWC none off", marks=pytest.mark.tensorflow)
            for name in dict.fromkeys(
                ("tensorflow-1.0.0", "tensorflow-1.15.5", "tensorflow-2.21.0", TURNS["TensorFlow"])
            )
        ),
        pytest.param("keras-3.15.1", "tensorflow NHWC none off", marks=pytest.mark.tensorflow),
        pytest.param(
            "theano-1.0.5", "none", marks=[pytest.mark.theano, pytest.mark.xdist_group("theano")]
        ),
        pytest.param("torch-2.15.0", "NCHW none off", marks=pytest.mark.torch),
        *(
            pytest.param(name, "NHWC none on", marks=pytest.mark.jax)
            for name in dict.fromkeys(("jax-0.12.0.1", TURNS["JAX"]))
        ),
    ],
)
def test_nine_tenths_of_a_step_lie_in_named_classes(name: str, words: str, tmp_path: Path) -> None:
    key, told = traced(name, words, tmp_path)
    if name.startswith(("tensorflow-2.0.", "tensorflow-2.1.")):
        assert "has no profiler that tells steps" in told["reason"]
        return
    if key == "jax" and Version(name.partition("-")[2]) < Version("0.4.34"):
        assert told.get("reason") or told["operations"] == []
        return
    assert "reason" not in told, told
    whole_s = sum(told["steps_s"])
    found = classes(key, told)
    assert sum(found.values()) + sum(told["idle_s"]) == pytest.approx(whole_s, rel=1e-3)
    assert found.get(frameworks.OTHER, 0.0) < 0.1 * whole_s
    gradients = {frameworks.CONV_GRAD_WEIGHTS, frameworks.CONV_GRAD_INPUTS}
    assert gradients <= found.keys() or frameworks.CONV_GRADS in found
    assert {frameworks.CONV_FORWARD, frameworks.MATMUL, frameworks.POOL} <= found.keys()
    assert frameworks.UPDATE in found
    if key == "theano":
        kinds = {each["kinds"] for each in told["operations"]}
        assert {"Gemm", "Elemwise (update)"} <= kinds


@pytest.mark.jax
def test_a_release_that_runs_a_program_as_a_whole_tells_no_operations(tmp_path: Path) -> None:
    """Before 0.4.34, XLA made one function of a program on a CPU."""
    _, told = traced("jax-0.4.13", "NHWC none on", tmp_path)
    assert told.get("reason") or told["operations"] == []
