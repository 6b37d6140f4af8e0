"""``vggbench peak``: how fast this machine multiplies large float32 matrices.

A train step is nearly all matrix products, so this rate is what its own is held against. Each
measurement is a line of ``results/<machine>/matrix-product.jsonl`` (docs/records.md), appended, so
that a table made of copied records has it too.
"""

from __future__ import annotations

import datetime
import functools
import json
import math
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import machine_lock, records
from ..errors import VggbenchError, one_line
from ..inside.builders import packages
from ..inside.scripts import matrix_product
from ..judging.state import is_of_state
from ..records import Record, files
from ..records.record import require_keys
from ..releases.catalogue import Catalogue, Release
from ..releases.environments import require_lock
from ..runs import machine_facts, process, variables
from ..runs.local import why_not_here

SCRIPT = Path(matrix_product.__file__)

#: Seconds after which the process is given up: a few are usual.
DEADLINE_S = 300.0

#: One measurement: a line of the file, as docs/records.md describes it.
Peak = dict[str, Any]

REQUIRED = ("schema", "measured", "release", "device", "cpus", "products")


class PeakError(VggbenchError):
    """The peak cannot be measured."""


def path(results_dir: Path, machine: str) -> Path:
    return results_dir / machine / "matrix-product.jsonl"


def read(results_dir: Path, machine: str, complain: Callable[[str], None]) -> list[Peak]:
    """The measurements of a machine, oldest first."""
    file = path(results_dir, machine)
    checked = functools.partial(_checked, machine)
    if not file.is_file():
        return []
    return list(files.read(file, checked, complain, "measurement of the peak"))


def _checked(machine: str, peak: Any) -> Peak:
    if not isinstance(peak, dict):
        raise ValueError("it is no JSON object")
    require_keys(peak, REQUIRED)
    if peak.get("machine", machine) != machine:
        raise ValueError(f"it is of another machine ({one_line(str(peak['machine']), 40)})")
    latest = datetime.datetime.now(datetime.timezone.utc) + records.AHEAD
    if not isinstance(peak["measured"], str) or records.moment(peak["measured"]) > latest:
        raise ValueError("it was measured in the future, or at no moment")
    try:
        figures = [
            each for product in peak["products"] for each in (product["size"], *product["seconds"])
        ]
        rate = fastest(peak).flops_per_s if all(map(records.is_measured, figures)) else math.nan
    except (TypeError, KeyError, ValueError, ArithmeticError):
        rate = math.nan
    if not 0 < rate < math.inf:
        raise ValueError("its products have no rate")
    return peak


class Product(NamedTuple):
    """A product of two square matrices: floating-point operations a second, a multiply-add counted
    as two as in vgg16.step_flops; rows of a matrix."""

    flops_per_s: float
    size: int


def fastest(peak: Peak) -> Product:
    """The fastest of a measurement's products, each by the median of its samples."""
    return max(
        Product(2 * product["size"] ** 3 / statistics.median(product["seconds"]), product["size"])
        for product in peak["products"]
    )


def newest(peaks: Sequence[Peak], device: str, of: Record) -> Peak | None:
    """The newest of ``peaks`` on the device that the process ``of`` a record may be held against:
    on the CPU, of those with as many CPUs. What was measured beside another one is no peak."""
    for peak in reversed(peaks):
        is_of_device = peak["device"] == device and (device == "gpu" or peak["cpus"] == of.cpus)
        if is_of_device and "beside" not in peak and is_of_state(of, peak):
            return peak
    return None


def choose(catalogue: Catalogue, device: str) -> Release:
    """The newest release that this machine can run of a framework whose builder multiplies
    matrices, so that the peak does not depend on what happens to be installed. Raises PeakError
    where there is none."""
    able = _able()
    for release in reversed(list(catalogue)):
        if (
            catalogue.tracks[release.track].framework in able
            and why_not_here(release, [device]) is None
        ):
            return release
    raise PeakError(
        f"no {' or '.join(able)} release with a lock for {device} has its CPython on this machine; "
        f"see: vggbench releases list"
    )


def _able() -> list[str]:
    """The frameworks whose builder multiplies matrices."""
    return [name for name, package in packages().items() if hasattr(package, "matrix_products")]


def measure(
    release: Release,
    device: str,
    python: Path,
    machine: str,
    *,
    framework: str,
    script: Path = SCRIPT,
) -> Peak:
    """Time the products with the release's interpreter, for some seconds; raises PeakError.

    framework: the release's. script: what to run instead of matrix_product.py, with the same
    command line.
    """
    if framework not in _able():
        raise PeakError(
            f"the peak cannot be measured with {release.name}: vggbench multiplies no matrices "
            f"with {framework}; give a release of {' or '.join(_able())}"
        )
    env = variables.for_release(os.environ)
    started = datetime.datetime.now(datetime.timezone.utc)
    load = list(os.getloadavg())
    with tempfile.TemporaryDirectory(prefix="vggbench-peak-") as folder:
        file = Path(folder) / "outcome.json"
        command = [str(python), str(script), str(file), device, framework]
        done = process.run(command, env, folder, DEADLINE_S, merge_streams=True)
        try:
            outcome = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            outcome = {"error": f"the process ended with status {done.status}: {done.output}"}
    if outcome.get("outcome") != records.OK:
        why = outcome.get("reason") or outcome.get("error")
        raise PeakError(f"the peak cannot be measured with {release.name}: {one_line(str(why))}")
    lock = require_lock(release, device)
    other = machine_lock.beside(since=started.timestamp())
    return {
        "schema": records.SCHEMA,
        "measured": started.isoformat(timespec="seconds"),
        "machine": machine,
        "release": release.name,
        "lock": lock.digest,
        "device": device,
        "cpus": len(os.sched_getaffinity(0)),
        **machine_facts.facts(),
        "load_before": load,
        **({} if other is None else {"beside": other}),
        "variables": variables.telling(env),
        "versions": outcome["versions"],
        "products": outcome["products"],
    }


def described(peak: Peak) -> str:
    """One line about a measurement."""
    rate, size = fastest(peak)
    where = f"{peak['cpus']} CPUs" if peak["device"] == "cpu" else "the GPU"
    return (
        f"{rate / 1e9:.0f} GFLOP/s on {where}: float32 product of two {size} x {size} matrices, "
        f"{peak['release']}, {peak['measured'][:10]}"
    )
