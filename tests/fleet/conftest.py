"""Real schedulers and workers, as a user starts them: on 127.0.0.1, at ports that are free."""

from __future__ import annotations

import copy
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import distributed  # noqa: F401, its defaults are among Dask's settings
import psutil
import pytest

# With what dask_jobqueue does to Ctrl-C undone; its defaults are among Dask's settings, too.
from vggbench.fleet import clusters  # noqa: F401

from ..tiny import PATIENCE_S, Tiny, until
from .boxes import Fleet, held_port


class Started:
    """A command that runs. ``lines``: what it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]):
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def says(self, text: str, times: int = 1) -> str:
        """Wait until so many lines have this text; returns the last of them."""

        def found() -> list[str]:
            return [line for line in self.lines if text in line]

        until(lambda: len(found()) >= times or self.process.poll() is not None)
        self._reader.join(0 if self.process.poll() is None else PATIENCE_S)
        assert len(found()) >= times, "".join(self.lines)
        return found()[times - 1]

    def address(self) -> str:
        """Where a scheduler says that it listens."""
        found = re.search(r"t(?:cp|ls)://[\w.]+:\d+", self.says("listens on"))
        assert found is not None
        return found[0]

    def listening(self) -> set[tuple[str, int]]:
        """(host, port) of each socket that it listens on."""
        return {
            (connection.laddr.ip, connection.laddr.port)
            for connection in psutil.Process(self.process.pid).net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        }

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """End it; returns its exit status, after which ``lines`` has all that it printed."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return status


Start = Callable[..., Started]


@pytest.fixture
def start(bare_tiny: Tiny, tmp_path: Path) -> Iterator[Start]:
    """Starts a command of vggbench fleet in a tiny checkout, by default ``bare_tiny``."""
    running: list[Started] = []

    def begin(*arguments: str, tiny: Tiny = bare_tiny) -> Started:
        # Below TMPDIR Dask keeps a folder for each worker.
        process = tiny.popen("fleet", *arguments, program="vggbench", TMPDIR=str(tmp_path))
        running.append(Started(process))
        return running[-1]

    yield begin
    for one in running:
        one.end(signal.SIGKILL)


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port at which nobody listens but what a test starts there."""
    with held_port() as port:
        yield port


@pytest.fixture
def fleet(tiny: Tiny, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet whose client's checkout is ``tiny``."""
    fleet = Fleet(tiny, tmp_path)
    try:
        yield fleet
    finally:
        fleet.end()


@pytest.fixture(autouse=True)
def settings_of_dask() -> Iterator[None]:
    """What runs in this process sets Dask's settings, which are all tests'."""
    before = copy.deepcopy(dask.config.config)
    yield
    dask.config.config.clear()
    dask.config.config.update(before)
