"""A fourth framework: what docs/adding-a-framework.md shows, in a copy of the checkout.

Its files are those that the page prints, so the page holds. Abacus itself is a package that sleeps:
its release 2.0 four times as long as 1.0.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vggbench import web
from vggbench.releases.catalogue import Catalogue, Lock, Release
from vggbench.releases.locks import sha256

from .browser import Surf
from .tiny import MACHINE, QUIET_MACHINE, ROOT, Ended, Tiny, pythons, write_wheel

# In one worker of several: what it measures is made once a module.
pytestmark = [pytest.mark.asv, pytest.mark.xdist_group("fourth-framework")]

PAGE = ROOT / "docs" / "adding-a-framework.md"

#: A file of the page: its path begins the paragraph above its text.
FILE = re.compile(r"^`([\w./]+)`[^\n]*(?:\n[^\n]+)*\n\n```(?:python|json)\n(.*?)^```$", re.M | re.S)

TRACKS = '"tensorflow", "keras", "theano", "torch", "jax", "tensorflow-nightly"'
BRANCHES = f'"branches": [{TRACKS}],'
WITH_ABACUS = f'"branches": [{TRACKS}, "abacus"],'

ABACUS = """
import time

__version__ = {version!r}
BEADS = {beads}


class Network:
    weights = {{}}

    def __init__(self, batch_size, image_size, normalised, compiled):
        self.loss = 7.0

    def train(self):
        time.sleep({seconds})
        self.loss *= 0.9
"""

#: All that is added or changed, but for the releases' own files.
FILES = {
    "vggbench/inside/builders/abacus/__init__.py",
    "vggbench/inside/builders/abacus/step.py",
    "vggbench/frameworks/abacus.py",
    "benchmarks/abacus.py",
    "releases/abacus/track.json",
}


class Copy(Tiny):
    """A copy of this checkout without results, in which its own vggbench is what runs."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.wheels = folder.parent / "wheels"

    def run(self, program: str, *arguments: str) -> Ended:
        # asv's and the user's surroundings reach no release's interpreter, so that this reaches
        # asv and vggbench alone.
        env = {
            "PYTHONPATH": f"{self.folder}{os.pathsep}{QUIET_MACHINE}",
            "VGGBENCH_WEB": str(web.packages()),
        }
        return (
            self.asv(*arguments, env=env)
            if program == "asv"
            else self.vggbench(*arguments, env=env)
        )

    def digests(self) -> dict[str, str]:
        """The digest of each file that is neither a result nor compiled by Python, by its path."""
        return {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.folder.rglob("*")
            if path.is_file()
            and "__pycache__" not in path.parts
            and path.relative_to(self.folder).parts[0] not in ("results", ".asv")
        }

    def add_abacus(self, version: str, date: str, *, seconds: float, beads: int) -> None:
        module = ABACUS.format(version=version, seconds=seconds, beads=beads)
        wheel = write_wheel(self.wheels, "abacus", version, module)
        pin = f"abacus @ {wheel.as_uri()}"
        release = Release("abacus", version, date, pythons()[0], locks={})
        catalogue = Catalogue(self.releases)
        file = self.releases / "abacus" / f"{version}-cpu.txt"
        # Without the NumPy that its track asks for too: nothing here computes with it.
        file.write_text(f"{pin} --hash=sha256:{sha256(wheel)}\n")
        lock = Lock("cpu", file.name, pin, date, catalogue.digest_of(release, file))
        catalogue.write(replace(release, locks={"cpu": lock}))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy of this checkout, nothing measured."""
    folder = tmp_path_factory.mktemp("fourth") / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    for name in listed.stdout.split("\0"):
        if name and not name.startswith(("results/", "tests/", "docs/")) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    copy = Copy(folder)
    copy._make_home()
    return copy


@pytest.fixture(scope="module")
def measured(checkout: Copy) -> Copy:
    """The copy with the page's files, both releases of Abacus measured."""
    before = checkout.digests()
    for name, text in FILE.findall(PAGE.read_text()):
        path = checkout.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    config = checkout.folder / "asv.conf.json"
    assert WITH_ABACUS in PAGE.read_text()
    assert BRANCHES in config.read_text()
    config.write_text(config.read_text().replace(BRANCHES, WITH_ABACUS))
    checkout.add_abacus("1.0", "2024-02-03", seconds=0.02, beads=100)
    checkout.add_abacus("2.0", "2025-02-03", seconds=0.08, beads=90)

    after = checkout.digests()
    of_releases = {
        f"releases/abacus/{version}{end}"
        for version in ("1.0", "2.0")
        for end in (".json", "-cpu.txt")
    }
    assert after.keys() - before.keys() == FILES | of_releases
    assert before.keys() <= after.keys()
    assert {name for name in before if after[name] != before[name]} == {"asv.conf.json"}

    done = checkout.run("asv", "run", "abacus", "--record-samples")
    assert done.status == 0, done.output
    assert checkout.digests() == after
    return checkout


def test_its_own_class_is_measured_with_its_own_params(measured: Copy) -> None:
    taken = measured.records()
    assert {record["benchmark"] for record in taken} == {"abacus.Abacus.time_train_step"}
    found = {
        (record["release"], *record["configuration"].values()): record["outcome"]
        for record in taken
    }
    assert found == {
        (release, norm, compiled): "n/a" if (norm, compiled) == ("batch", "on") else "ok"
        for release in ("abacus-1.0", "abacus-2.0")
        for norm in ("none", "batch")
        for compiled in ("off", "on")
    }
    assert {record["versions"]["beads"] for record in taken if "versions" in record} == {90, 100}


def step_of(measured: Copy) -> dict[str, Any]:
    """The verdict on the step of abacus-2.0, compiled."""
    done = measured.run("vggbench", "verdict", "abacus-2.0", "--format", "json")
    (found,) = [
        verdict
        for verdict in json.loads(done.output)["verdicts"]
        if (verdict["measure"], verdict["words"]) == ("step", "none on")
    ]
    return dict(found)


def test_its_release_is_judged_and_what_changed_besides_is_told(measured: Copy) -> None:
    step = step_of(measured)
    assert (step["against"], step["outcome"]) == ("abacus-1.0", "regressed")
    assert step["differences"] == [{"what": "beads", "before": "100", "after": "90"}]


def test_without_what_is_known_of_it_less_is_told(measured: Copy) -> None:
    module = measured.folder / "vggbench" / "frameworks" / "abacus.py"
    text = module.read_text()
    module.unlink()
    try:
        step = step_of(measured)
    finally:
        module.write_text(text)
    assert (step["outcome"], step["differences"]) == ("regressed", [])


def test_its_rates_are_told(measured: Copy) -> None:
    done = measured.run("vggbench", "rates", "--machine", MACHINE)
    assert done.status == 0, done.output
    assert len(done.lines_with("ok, 3 processes")) == 6
    assert len(done.lines_with("compiles no batch normalisation")) == 2


def test_it_is_plotted_with_what_is_compiled_dashed(measured: Copy, tmp_path: Path) -> None:
    picture = tmp_path / "abacus.svg"
    done = measured.run("vggbench", "plot", "abacus", "--machine", MACHINE, "-o", str(picture))
    assert done.status == 0, done.output
    text = picture.read_text()
    for label in ("no BN, not compiled", "no BN, compiled", "BN, not compiled"):
        assert f"<!-- {label} -->" in text
    # One line, and its sign in the legend.
    assert text.count("stroke-dasharray: 4.81") == 2


@pytest.fixture(scope="module")
def published(measured: Copy) -> Path:
    if not web.is_current():
        pytest.skip("the scripts of the pages are not here: make setup")
    done = measured.run("asv", "publish")
    assert done.status == 0, done.output
    return measured.folder / ".asv" / "html"


def test_it_is_published(published: Path) -> None:
    index = json.loads((published / "data" / "index.json").read_text())
    (line,) = [line for line in index["lines"] if line["track"] == "abacus"]
    assert line["params"] == ["norm", "compile"]
    assert line["numbers"] == 6
    params = json.loads((published / "data" / "params.json").read_text())
    assert [param["role"] for param in params["frameworks"]["Abacus"]] == [
        "normalisation",
        "compiler",
    ]


@pytest.mark.browser
def test_a_browser_shows_it(published: Path, surf: Surf) -> None:
    with surf(published) as visit:
        visit.goto("index.html?track=abacus")
        shown = visit.page.inner_text("#series")
        assert "no BN, compiled" in shown
        assert "BN, compiled (n/a)" in shown
        ticks = visit.page.locator("#series .series-tick", has=visit.page.locator(".dashed"))
        assert [text.strip() for text in ticks.all_inner_texts()] == [
            "no BN, compiled",
            "BN, compiled (n/a)",
        ]
        visit.goto("configurations.html?track=abacus")
        told = visit.page.inner_text("#choices")
        assert "BN against no BN" in told
        assert "compiled against not compiled" in told
