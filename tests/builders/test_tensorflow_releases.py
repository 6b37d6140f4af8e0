"""Real TensorFlow releases: three old friends, and one that rotates with the commit.

They are installed from their locks into .asv/test-env and kept there for the next run.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vggbench import records, verify
from vggbench.builders import BATCH_NORMS, Configuration
from vggbench.releases import interpreters
from vggbench.releases.catalogue import Catalogue, Release
from vggbench.releases.environments import Environments

from ..real import FIXED, ROOT, RealCheckout, rotating

pytestmark = pytest.mark.tensorflow

# At 8 x 64 x 64 a near-tie of two values in a ReLU or a max-pool, decided by rounding, moves the
# third loss by 2e-4 (seen at 3 x 64 x 64).
QUICK_LOSS_TOLERANCE = 1e-3
# With batch normalisation near-ties weigh more: the absolute difference counts.
QUICK_BATCH_NORM_LOSS_TOLERANCE = 1e-2

RELEASES = (*FIXED, rotating())


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> RealCheckout:
    return RealCheckout.make(tmp_path_factory.mktemp("real") / "checkout")


def find(name: str) -> Release:
    release = Catalogue(ROOT / "releases").by_name[name]
    if interpreters.find(release.python) is None:
        pytest.skip(f"{name} needs CPython {release.python}, which is not on this machine")
    return release


def verified(
    name: str, configuration: Configuration, script: Path = verify.SCRIPT
) -> verify.Verified:
    """What `vggbench verify` says of one configuration, in the release's own environment."""
    release = find(name)
    environments = Environments(
        ROOT / ".asv" / "test-env" / "releases", Catalogue(ROOT / "releases")
    )
    return verify.verify_one(
        environments.ensure(release, "cpu", print), configuration, "cpu", script
    )


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
@pytest.mark.parametrize("name", RELEASES)
def test_every_release_computes_what_the_reference_computes(name: str, batch_norm: str) -> None:
    nhwc = verified(name, Configuration("NHWC", batch_norm))
    assert nhwc.answer == verify.AGREES, nhwc.reason
    nchw = verified(name, Configuration("NCHW", batch_norm))
    if nchw.answer == verify.NOT_APPLICABLE:
        assert "NHWC" in (nchw.reason or "")
    else:
        assert nchw.answer == verify.AGREES, nchw.reason


# What is made wrong in the TensorFlow 2 builder, in the release's own interpreter.
SOFTMAX_TWICE = """
import tensorflow as tf

def mutate():
    once = tf.nn.softmax_cross_entropy_with_logits
    tf.nn.softmax_cross_entropy_with_logits = lambda labels, logits: once(
        labels=labels, logits=tf.nn.softmax(logits)
    )
"""
UPDATE_TWICE = """
import tensorflow as tf

def mutate():
    once = tf.raw_ops.ResourceApplyGradientDescent

    def twice(var, alpha, delta):
        with tf.control_dependencies([once(var=var, alpha=alpha, delta=delta)]):
            return once(var=var, alpha=alpha, delta=delta)

    tf.raw_ops.ResourceApplyGradientDescent = twice
"""
MOMENTS_OF_ONE_IMAGE = """
import tensorflow as tf

def mutate():
    moments = tf.nn.moments
    tf.nn.moments = lambda x, axes: moments(x[:1], axes)
"""
AVERAGES_THAT_DO_NOT_MOVE = """
def mutate():
    from vggbench.builders import tensorflow_network as network
    original = network.loss_and_statistics
    network.loss_and_statistics = lambda *words: (original(*words)[0], {})
"""


@pytest.mark.parametrize(
    ("mutation", "batch_norm", "said"),
    [
        (SOFTMAX_TWICE, "none", "the loss of step 1"),
        (UPDATE_TWICE, "none", "the loss of step 2"),
        (MOMENTS_OF_ONE_IMAGE, "unfused", "the loss of step 1"),
        (AVERAGES_THAT_DO_NOT_MOVE, "fused", "/moving_"),
    ],
)
def test_a_builder_that_computes_something_else_is_caught(
    tmp_path: Path, mutation: str, batch_norm: str, said: str
) -> None:
    script = tmp_path / "mutated.py"
    run = "from vggbench.builders import first_steps\nmutate()\nfirst_steps.main(sys.argv[1:])\n"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n" + mutation + run)
    found = verified("tensorflow-2.21.0", Configuration("NHWC", batch_norm), script)
    assert found.answer == verify.DISAGREES, found.reason
    assert said in (found.reason or "")


@pytest.mark.asv
def test_asv_measures_publishes_and_compares_real_releases(real: RealCheckout) -> None:
    """The way of a user: run, show, compare, publish, on the shipped benchmarks and workload.

    Of XLA one configuration of six: compiling takes old releases a minute each. test_xla.py has
    the data formats; `vggbench first-run` and a full `asv run` have the rest.
    """
    for name in RELEASES:
        find(name)
    real.asv(
        "run",
        "--attribute=rounds=1",
        "--attribute=repeat=2",
        "--record-samples",
        "--bench",
        "'off'|'NHWC', 'none', 'on'",
        " ".join(RELEASES),
        timeout=1800,
    )
    taken = {
        (r["release"], *r["configuration"].values()): r
        for r in records.read(real.folder / "results", "testbox")
    }
    assert len(taken) == 7 * len(RELEASES)
    assert [key for key, r in taken.items() if r["outcome"] == records.FAILED] == []
    first_losses: dict[bool, list[list[float]]] = {True: [], False: []}
    for (release, data_format, batch_norm, xla), record in taken.items():
        if record["outcome"] == records.NOT_APPLICABLE:
            expected = ("on", "no XLA") if xla == "on" else ("NCHW", "NHWC")
            assert expected[0] in (data_format, xla), record
            assert expected[1] in record["reason"]
            continue
        assert ("proof" in record["versions"]["xla"]) == (xla == "on")
        assert len(record["samples"]) == 2
        assert all(0 < sample < 600 for sample in record["samples"])
        assert record["versions"]["tensorflow"] == release.partition("-")[2]
        assert record["peak_memory_bytes"] > 100e6
        first_losses[batch_norm != "none"].append(record["losses"])
    for batch_norm, all_losses in first_losses.items():
        assert len(all_losses) >= len(RELEASES)
        for losses in all_losses:
            if batch_norm:
                about = pytest.approx(all_losses[0], abs=QUICK_BATCH_NORM_LOSS_TOLERANCE)
            else:
                about = pytest.approx(all_losses[0], rel=QUICK_LOSS_TOLERANCE)
            assert losses == about

    shown = real.asv("compare", RELEASES[0], RELEASES[2])
    assert "time_train_step('NHWC', 'fused', 'off')" in shown
    real.asv("publish")
    index = json.loads((real.folder / "html" / "index.json").read_text())
    assert {f"tensorflow-{v.partition('-')[2]}" for v in RELEASES} <= set(index["tags"])
    graphs = list((real.folder / "html" / "graphs").rglob("*time_train_step.json"))
    lines = [json.loads(path.read_text()) for path in graphs if "summary" not in path.parts]
    # One line a profile and machine, whatever CPython each release has.
    assert len(lines) == 1
    assert len(lines[0]) == len(RELEASES)


@pytest.mark.asv
def test_a_second_profile_stays_on_a_line_of_its_own(real: RealCheckout) -> None:
    """The paper's workload takes minutes on a CPU, so its n/a alone is asked for here."""
    output = real.asv(
        "run",
        "--bench",
        "'NHWC', 'none', 'on'",
        "tensorflow-1.0.0",
        VGGBENCH_PROFILE="cpu-paper",
    )
    assert "n/a: no XLA in this build of tensorflow 1.0.0" in output
    names = [path.name for path in (real.folder / "results" / "testbox").glob("*paper*.json")]
    assert len(names) == 1
