"""Fixtures that tests of several folders share."""

from __future__ import annotations

import functools
import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from playwright.sync_api import Browser, sync_playwright
from threadpoolctl import threadpool_limits

from vggbench import machine_lock

from . import browser
from .once import once
from .real import FIXED, TURNS
from .stand_ins import StandIns
from .tiny import Tiny

#: In which order tests begin, by their marks: the longest first, so that no worker ends late.
FIRST = ("theano", "torch", "tensorflow", "jax", "asv", "browser", "numerics")

# How long an example takes is the doing of all that runs on the machine: Hypothesis would call one
# that took 0.2 s and is faster the next time a failure.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    # As in what the tests start (tests/quiet_machine): their own load is nobody's finding.
    os.getloadavg = lambda: (0.0, 0.0, 0.0)
    if hasattr(config, "workerinput"):
        # A worker of several: with more threads than its share of the processors NumPy's products
        # take three times as long, as OpenBLAS's threads spin while they wait.
        threadpool_limits(1)
    # A shell starts what goes into the background with SIGINT ignored, which every process that the
    # tests start would inherit: those of Ctrl-C would not hear it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        marks = [FIRST.index(mark.name) for mark in item.iter_markers() if mark.name in FIRST]
        return min(marks, default=len(FIRST))

    items.sort(key=place)


def pytest_report_header() -> list[str]:
    return [
        f"real releases in every run: {', '.join(FIXED)}",
        "in turns, by the commit: " + "; ".join(f"{kind}: {name}" for kind, name in TURNS.items()),
        "in turns too: of some tests the data format, the batch normalisation or the mistake",
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if browser.find() is None:
        terminalreporter.write_line(browser.NONE_FOUND, yellow=True)


@pytest.fixture(scope="session", autouse=True)
def machine_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[Path]]:
    """Files for machine's locks. The first is that of the fixtures that several tests share."""
    folder = tmp_path_factory.mktemp("machine-locks")
    files = (folder / f"{i}.lock" for i in itertools.count())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(machine_lock.VARIABLE, str(next(files)))
        yield files


@pytest.fixture(autouse=True)
def lock_of_machine(machine_locks: Iterator[Path]) -> Iterator[Path]:
    """The file of the machine's lock of this test and of all that it starts: tests neither wait for
    one another nor for what is measured on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        file = next(machine_locks)
        patch.setenv(machine_lock.VARIABLE, str(file))
        yield file


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium or Chrome, started; a test that wants it is skipped without one."""
    program = browser.find()
    if program is None:
        pytest.skip(browser.NONE_FOUND)
    with sync_playwright() as playwright:
        # Root, as which containers run tests, is refused a sandbox; the pages are our own.
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        started = playwright.chromium.launch(executable_path=program, args=options)
        yield started
        started.close()


@pytest.fixture
def surf(chromium: Browser) -> browser.Surf:
    """Visits published pages; tests/browser.py shows how."""
    return functools.partial(browser.visiting, chromium)


@pytest.fixture(scope="session")
def tiny_template(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny checkout with every release installed. Only to be copied."""

    def fill(folder: Path) -> None:
        template = Tiny.make(folder / "tiny")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("UV_CACHE_DIR", str(folder / "uv-cache"))
            patch.setenv("UV_OFFLINE", "1")
            template.install()

    return Tiny(once(tmp_path_factory, "tiny-template", fill) / "tiny")


@pytest.fixture
def tiny(tiny_template: Tiny, tmp_path: Path) -> Tiny:
    """A tiny checkout of one's own, every release installed, nothing measured."""
    return tiny_template.copy(tmp_path / "tiny")


@pytest.fixture
def bare_tiny(tmp_path: Path) -> Tiny:
    """A tiny checkout of one's own, nothing installed, nothing measured."""
    return Tiny.make(tmp_path / "tiny")


@pytest.fixture(scope="session")
def measured_template(tiny_template: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny checkout with every release of tinyframe measured, with samples. Only to be copied."""

    def fill(folder: Path) -> None:
        template = tiny_template.copy(folder / "tiny")
        done = template.asv("run", "tinyframe", "--record-samples")
        assert done.status == 0, done.output

    return Tiny(once(tmp_path_factory, "measured-template", fill) / "tiny")


@pytest.fixture
def measured(measured_template: Tiny, tmp_path: Path) -> Tiny:
    """A tiny checkout of one's own, every release of tinyframe measured."""
    return measured_template.copy(tmp_path / "tiny")


@pytest.fixture(scope="session")
def stand_ins_template(tmp_path_factory: pytest.TempPathFactory) -> StandIns:
    """Every release installed, and measured. Only to be copied."""

    def fill(folder: Path) -> None:
        made = StandIns.make(folder / "checkout")
        done = made.asv("run", "ALL", "--record-samples")
        assert done.status == 0, done.output

    return StandIns(once(tmp_path_factory, "stand-ins", fill) / "checkout")


@pytest.fixture
def stand_ins(stand_ins_template: StandIns, tmp_path: Path) -> StandIns:
    return stand_ins_template.copy(tmp_path / "checkout")
