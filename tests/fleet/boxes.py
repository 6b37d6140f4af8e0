"""A fleet on this machine: a real scheduler, and boxes with real workers. Each box is a checkout of
its own, with a home and a machine's lock of its own."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import distributed
import psutil

from vggbench import machine_lock

from ..tiny import PATIENCE_S, Ended, Tiny, gone, until

UNDISTURBED = Path(__file__).parent / "undisturbed"

HISTORY = """
[[stage]]
name = "plain"
releases = "tinyframe-1.1 tinyframe-1.2"
bench = ["plain"]
"""

#: What ``Fleet.add_duets`` has compared after that.
DUETS = """
[[duets]]
name = "neighbours"
releases = "tinyframe-1.1 tinyframe-1.2"
bench = ["plain"]
budget = "2m"
"""

#: Options of ``fleet run`` with which a comparison needs as few blocks as there may be.
ROUGH = ("--threshold", "10%", "--processes", "12")


def free_ports(count: int) -> list[int]:
    """So many ports of 127.0.0.1 at which nobody listens, each another one."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """A port of 127.0.0.1 at which nobody listens, and which the system gives to nobody meanwhile:
    it is bound here, so that who is told of it may bind it too (SO_REUSEADDR, socket(7))."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def workers_of(client: distributed.Client) -> dict[str, dict[str, Any]]:
    """What the scheduler knows of each of its workers, by address."""
    # Client.scheduler_info() answers from a copy that Dask renews every two seconds, without them.
    told: dict[str, Any] = client.sync(client.scheduler.identity)
    workers: dict[str, dict[str, Any]] = told["workers"]
    return workers


class Fleet:
    """``client`` is the checkout that records come to, and has HISTORY to measure. ``end`` ends all
    that was started."""

    def __init__(self, client: Tiny, folder: Path):
        self.client = client
        self.folder = folder
        self._held = contextlib.ExitStack()
        self.port = self._held.enter_context(held_port())
        self.boxes: dict[str, Tiny] = {}
        self._started: list[subprocess.Popen[str]] = []
        (client.folder / "history.toml").write_text(HISTORY)

    def add_duets(self) -> None:
        with (self.client.folder / "history.toml").open("a") as file:
            file.write(DUETS)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def environ(self, name: str, **more: str) -> dict[str, str]:
        lock = self.folder / f"{name}.lock"
        return {machine_lock.VARIABLE: str(lock), "PYTHONPATH": str(UNDISTURBED), **more}

    def _popen(self, tiny: Tiny, name: str, *args: str, **env: str) -> subprocess.Popen[str]:
        log = self.folder / f"{name}.log"
        with log.open("a") as file:
            started = subprocess.Popen(
                [str(Path(sys.executable).parent / "vggbench"), *args],
                cwd=tiny.folder,
                env=tiny.environ(**self.environ(name, **env)),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                # A job in the background ignores SIGINT, and hands that on to all that it starts.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        self._started.append(started)
        return started

    def log(self, name: str) -> str:
        """What a worker, the scheduler or a client that runs in the background has printed."""
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def scheduler(self) -> subprocess.Popen[str]:
        started = self._popen(
            self.client, "scheduler", "fleet", "scheduler", "--port", str(self.port)
        )
        until(lambda: self._answers() or started.poll() is not None)
        assert started.poll() is None, self.log("scheduler")
        return started

    def _answers(self) -> bool:
        with socket.socket() as found:
            return found.connect_ex(("127.0.0.1", self.port)) == 0

    def box(self, name: str) -> Tiny:
        """The checkout of a machine, with environments and without results."""
        if name not in self.boxes:
            tiny = self.client.copy(self.folder / name)
            (tiny.folder / "history.toml").unlink()
            facts = {"os": "Linux", "arch": "x86_64", "cpu": "tiny", "num_cpu": "2", "ram": "8"}
            machines = {name: {"machine": name, **facts}, "version": 1}
            (tiny.home / ".asv-machine.json").write_text(json.dumps(machines))
            self.boxes[name] = tiny
        return self.boxes[name]

    def worker(
        self, name: str, faults: str = "", address: str | None = None, **env: str
    ) -> subprocess.Popen[str]:
        return self._popen(
            self.box(name),
            name,
            *("fleet", "worker", address or self.address),
            **{"TINY_FAULTS": faults, **env},
        )

    def run(self, *options: str) -> Ended:
        """``fleet run`` to its end."""
        return self.client.vggbench(
            "fleet", "run", self.address, *ROUGH, *options, env=self.environ("client")
        )

    def start_client(self) -> subprocess.Popen[str]:
        """``fleet run`` in the background."""
        return self.start("fleet", "run", self.address, *ROUGH)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command in the client's checkout, in the background."""
        return self._popen(self.client, "client", *arguments)

    def end(self) -> None:
        for started in reversed(self._started):
            if started.poll() is None:
                kill(started)
        self._held.close()


def kill(started: subprocess.Popen[str]) -> None:
    """End a process as nothing can ignore it, and wait for it."""
    started.send_signal(signal.SIGKILL)
    started.wait(PATIENCE_S)


def of_release(worker: subprocess.Popen[str], release: str) -> list[psutil.Process]:
    """The processes below a worker that run in the environment of a release."""
    try:
        below = psutil.Process(worker.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    found = []
    for process in below:
        try:
            if release in process.exe() + " ".join(process.cmdline()[:1]):
                found.append(process)
        except psutil.Error:
            continue
    return found


def all_ended(processes: Collection[psutil.Process]) -> bool:
    return all(map(gone, processes))
