"""Real TensorFlow releases: three old friends, and one that rotates with the commit.

They are installed from their locks into .asv/test-env and kept there for the next run.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from vggbench import records
from vggbench.releases import interpreters
from vggbench.releases.catalogue import Catalogue, Release
from vggbench.releases.environments import Environments

from ..real import FIXED, ROOT, RealCheckout, rotating

pytestmark = pytest.mark.tensorflow

PROBE = Path(__file__).parent / "probe_train_step.py"

# VGG16 at 32 x 32, two images, from the common start: what every release must agree on. A loss is a
# sum of float32 products in the kernels' own order.
LOSS_TOLERANCE = 1e-4
# At 8 x 64 x 64 a near-tie of two values in a ReLU or a max-pool, decided by rounding, moves the
# third loss by 2e-4 (seen at 3 x 64 x 64).
QUICK_LOSS_TOLERANCE = 1e-3
# With batch normalisation two images fall to a loss of 0.01 in three steps, and near-ties weigh
# more: the absolute difference counts (6e-4 seen, 2.21.0 fused NCHW).
BATCH_NORM_LOSS_TOLERANCE = 1e-2
# The sum of a tensor's absolute changes over three steps, relative.
CHANGE_TOLERANCE = 1e-3
BATCH_NORM_CHANGE_TOLERANCE = 5e-2


RELEASES = (*FIXED, rotating())


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> RealCheckout:
    return RealCheckout.make(tmp_path_factory.mktemp("real") / "checkout")


def find(name: str) -> Release:
    release = Catalogue(ROOT / "releases").by_name[name]
    if interpreters.find(release.python) is None:
        pytest.skip(f"{name} needs CPython {release.python}, which is not on this machine")
    return release


@functools.cache
def probe(name: str, data_format: str, batch_norm: str) -> dict[str, Any]:
    """What three steps of a release give, run in its own environment."""
    release = find(name)
    environments = Environments(
        ROOT / ".asv" / "test-env" / "releases", Catalogue(ROOT / "releases")
    )
    python = environments.ensure(release, "cpu", print)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [python, PROBE, "--data-format", data_format, "--batch-norm", batch_norm],
        capture_output=True,
        text=True,
        env=env,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.parametrize("batch_norm", ["none", "unfused", "fused"])
@pytest.mark.parametrize("name", RELEASES)
def test_every_release_computes_the_same_three_steps(name: str, batch_norm: str) -> None:
    kind = "none" if batch_norm == "none" else "unfused"
    expected = probe("tensorflow-2.21.0", "NHWC", kind)
    compared = 0
    for data_format in ("NHWC", "NCHW"):
        actual = probe(name, data_format, batch_norm)
        if "not_applicable" in actual:
            assert data_format == "NCHW", actual
            assert "NHWC" in actual["not_applicable"]
            continue
        compared += 1
        _assert_same_steps(actual, expected, batch_norm != "none")
    assert compared >= 1


def _about(losses: list[float], batch_norm: bool, tolerance: float = LOSS_TOLERANCE) -> Any:
    if batch_norm:
        return pytest.approx(losses, abs=BATCH_NORM_LOSS_TOLERANCE)
    return pytest.approx(losses, rel=tolerance)


def _assert_same_steps(actual: dict, expected: dict, batch_norm: bool) -> None:
    assert actual["losses"] == _about(expected["losses"], batch_norm)
    assert len(set(actual["losses"])) == 3, "the weights do not move"
    assert set(actual["checksums"]) == set(expected["checksums"])
    change_tolerance = BATCH_NORM_CHANGE_TOLERANCE if batch_norm else CHANGE_TOLERANCE
    for name, (_, moved) in expected["checksums"].items():
        assert moved > 0, f"{name} does not move"
        assert actual["checksums"][name][1] == pytest.approx(moved, rel=change_tolerance), name


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
            assert losses == _about(all_losses[0], batch_norm, QUICK_LOSS_TOLERANCE)

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
