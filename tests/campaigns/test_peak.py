"""The machine's matrix product: what is stored, what is refused, and real releases."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vggbench.campaigns import peak
from vggbench.campaigns.peak import Peak
from vggbench.errors import VggbenchError
from vggbench.records import files
from vggbench.releases import interpreters
from vggbench.releases.catalogue import Catalogue, Lock, Release

from ..real import ROOT, find, python_of
from ..records import factory

RELEASE = Release(
    "tensorflow",
    "2.21.0",
    "2026-03-06",
    "3.13",
    locks={"cpu": Lock("cpu", "2.21.0-cpu.txt", "tensorflow==2.21.0", "2026-03-20", "digest")},
)
PRODUCTS = [
    {"size": 1000, "seconds": [0.02, 0.01, 0.04]},
    {"size": 2000, "seconds": [0.1, 0.1, 0.1]},
]


def measured(tmp_path: Path, code: str) -> Peak:
    """What a process that runs ``code``, with the file to write in ``path``, is taken for."""
    script = tmp_path / "script.py"
    script.write_text("import json, os, sys\npath, device, framework = sys.argv[1:]\n" + code)
    return peak.measure(
        RELEASE, "cpu", Path(sys.executable), "box", framework="TensorFlow", script=script
    )


def outcome(**told: object) -> str:
    return f"open(path, 'w').write({json.dumps(told)!r})"


def test_the_rate_is_that_of_the_fastest_size_by_its_median(tmp_path: Path) -> None:
    found = measured(tmp_path, outcome(outcome="ok", products=PRODUCTS, versions={}))
    assert peak.fastest(found).flops_per_s == pytest.approx(2 * 2000**3 / 0.1)
    assert "160 GFLOP/s on" in peak.described(found)
    assert "two 2000 x 2000 matrices, tensorflow-2.21.0, 20" in peak.described(found)


def test_what_was_measured_is_read_again_oldest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    first = measured(tmp_path, outcome(outcome="ok", products=PRODUCTS, versions={"a": "1"}))
    assert first["variables"]["OMP_NUM_THREADS"] == "1"
    assert first["cpus"] >= 1
    file = peak.path(tmp_path, "box")
    files.append(file, first, "x")
    files.append(file, {**first, "release": "tensorflow-2.20.0"}, "x")
    complaints: list[str] = []
    found = peak.read(tmp_path, "box", complaints.append)
    assert [one["release"] for one in found] == ["tensorflow-2.21.0", "tensorflow-2.20.0"]
    assert found[0] == first
    assert complaints == []
    assert peak.read(tmp_path, "another", complaints.append) == []


@pytest.mark.parametrize(
    "products",
    [
        [],
        7,
        [{"size": 1000, "seconds": []}],
        [{"size": 1000, "seconds": [0.0]}],
        [{"size": 0, "seconds": [1.0]}],
        [{"size": 1000}],
        [{"size": "1000", "seconds": [1.0]}],
        [{"size": 1e200, "seconds": [1.0]}],
        [{"size": 10**400, "seconds": [1.0]}],
        [{"size": -2, "seconds": [-1]}],
        [{"size": True, "seconds": [True]}],
    ],
)
def test_products_without_a_rate_are_left_out_with_a_line(tmp_path: Path, products: object) -> None:
    assert left_out(tmp_path, products=products) == "its products have no rate"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"machine": "other"}, "it is of another machine (other)"),
        ({"measured": "2099-05-01T12:00:00+00:00"}, "it was measured in the future, or at no mom"),
        ({"measured": 7}, "it was measured in the future, or at no moment"),
    ],
)
def test_what_is_of_another_machine_or_of_the_future_is_left_out_with_a_line(
    tmp_path: Path, more: dict[str, object], why: str
) -> None:
    assert left_out(tmp_path, **more).startswith(why)


def test_what_was_measured_beside_another_is_no_peak() -> None:
    beside = {**GOOD, "beside": "process 7, asv run, since now"}
    taken = factory.record(RELEASE.name, cpus=2)
    assert peak.newest([GOOD, beside], "cpu", taken) == GOOD
    assert peak.newest([beside], "cpu", taken) is None


GOOD = factory.peak(release=RELEASE.name, products=PRODUCTS)


def left_out(folder: Path, **more: object) -> str:
    """Why a line with these keys is left out, beside a good one."""
    file = peak.path(folder, "box")
    files.append(file, {**GOOD, **more}, "x")
    files.append(file, GOOD, "x")
    complaints: list[str] = []
    assert peak.read(folder, "box", complaints.append) == [GOOD]
    (line,) = complaints
    return line.removeprefix(f"{file}:1 is no measurement of the peak and is left out: ")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (outcome(outcome="n/a", reason="no GPU visible to tensorflow 2.21.0"), "no GPU visible to"),
        (outcome(outcome="failed", error="MemoryError: 1 GB"), "MemoryError: 1 GB"),
        ("print('no room'); os.abort()", "the process ended with status -6: no room"),
        ("open(path, 'w').write('{torn')", "the process ended with status 0:"),
    ],
)
def test_a_process_that_measures_nothing_is_one_line(tmp_path: Path, code: str, why: str) -> None:
    with pytest.raises(peak.PeakError) as error:
        measured(tmp_path, code)
    assert str(error.value).startswith("the peak cannot be measured with tensorflow-2.21.0: ")
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_a_framework_that_multiplies_no_matrices_is_refused() -> None:
    with pytest.raises(peak.PeakError, match="no matrices with Theano; give a release of Tensor"):
        peak.measure(RELEASE, "cpu", Path(sys.executable), "box", framework="Theano")


def test_the_newest_release_that_the_machine_can_run_measures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalogue = Catalogue(ROOT / "releases")
    monkeypatch.setattr(interpreters, "find", lambda version: Path("/python"))
    newest = catalogue.tracks["tensorflow"].releases[-1]
    assert peak.choose(catalogue, "cpu") == newest
    monkeypatch.setattr(interpreters, "find", lambda v: Path("/python") if v == "3.7" else None)
    assert peak.choose(catalogue, "cpu").name == "tensorflow-2.1.4"
    monkeypatch.setattr(interpreters, "find", lambda version: None)
    with pytest.raises(VggbenchError, match="no TensorFlow release with a lock for cpu has its"):
        peak.choose(catalogue, "cpu")


# The real script, on matrices that take no time.
SMALL = f"""
sys.path.insert(0, {str(ROOT)!r})
from vggbench.inside.scripts import matrix_product
matrix_product.SIZES = (64, 128)
matrix_product.main(sys.argv[1:])
"""


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["tensorflow-1.0.0", "tensorflow-2.21.0"])
def test_the_oldest_and_the_newest_release_multiply_on_the_same_path(
    name: str, tmp_path: Path
) -> None:
    release, python = find(name), python_of(name)
    script = tmp_path / "script.py"
    script.write_text("import sys\n" + SMALL)
    found = peak.measure(release, "cpu", python, "box", framework="TensorFlow", script=script)
    assert found["versions"]["tensorflow"] == release.version
    assert [one["size"] for one in found["products"]] == [64, 128]
    assert all(len(one["seconds"]) == 5 for one in found["products"])
    assert peak.fastest(found).flops_per_s > 0
    on_gpu = replace(release, locks={"gpu": release.locks["cpu"]})
    with pytest.raises(peak.PeakError, match=f"no GPU visible to tensorflow {release.version}"):
        peak.measure(on_gpu, "gpu", python, "box", framework="TensorFlow", script=script)
