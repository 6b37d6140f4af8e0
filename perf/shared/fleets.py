"""The parts of a fleet on this machine: a scheduler, workers and clients, each a process.

Each part is a command of vggbench, as a user types it. Its output goes to a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vggbench import machine_lock
from vggbench.inside.launch import die_with_parent

from . import common

#: Seconds that a part may take to begin, and to end once it is told to.
BEGIN_S, END_S = 60.0, 20.0

#: Lines of a part's output that are shown where something went wrong.
LAST_LINES = 20


@dataclass(frozen=True)
class Part:
    """A part of a fleet. ``folder``: the checkout that its ``command`` runs in, with these
    environment variables."""

    name: str
    command: Sequence[str]
    folder: Path
    variables: Mapping[str, str]


class Fleet:
    """Parts that run, and where their scheduler listens. It is a context, which ends them all.

    ``folder``: for the files with their output.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._begins: dict[str, int] = {}
        self._port = _free_port()
        self.address = f"tcp://127.0.0.1:{self._port}"

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *error: object) -> None:
        for name in list(self._running):
            self.end(name)

    # -- the parts that there are

    def scheduler(self, folder: Path, variables: Mapping[str, str]) -> Part:
        command = [str(common.VGGBENCH), "fleet", "scheduler", "--port", str(self._port)]
        return Part("scheduler", command, folder, variables)

    def worker(
        self,
        machine: str,
        folder: Path,
        variables: Mapping[str, str],
        program: Sequence[str] = (str(common.VGGBENCH),),
    ) -> Part:
        """The worker of a machine of that name. ``program``: in place of vggbench."""
        command = [*program, "fleet", "worker", self.address, "--machine", machine]
        return Part(machine, command, folder, variables)

    # -- starting and ending them

    def start(self, part: Part) -> subprocess.Popen[bytes]:
        """Start a part, and return its process."""
        path = self._log(part.name)
        self._begins[part.name] = path.stat().st_size if path.exists() else 0
        with path.open("ab") as log:
            process = subprocess.Popen(
                part.command,
                cwd=part.folder,
                env=dict(part.variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
            )
        self._running[part.name] = process
        return process

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """The process of a part that was started."""
        return self._running[name]

    def kill(self, name: str) -> None:
        """Have the kernel end a part at once, as a user's kill -9 does."""
        process = self._running[name]
        process.kill()
        process.wait()

    def end(self, name: str) -> None:
        """End a part as a user does, whether it runs or not."""
        process = self._running.pop(name)
        if process.poll() is None:
            # What was stopped hears nothing.
            os.kill(process.pid, signal.SIGCONT)
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
        if process.poll() is None:
            process.kill()
        process.wait()

    # -- what they say

    def said(self, name: str) -> list[str]:
        """The lines that a part has printed since it was last started."""
        with self._log(name).open("rb") as log:
            log.seek(self._begins[name])
            return log.read().decode(errors="replace").splitlines()

    def last_lines(self) -> str:
        """The last lines of all parts, for those who must see what went wrong."""
        found = []
        for name in self._begins:
            found += [f"{name}: {line}" for line in self.said(name)[-LAST_LINES:]]
        return "\n".join(found)

    def await_workers(self, count: int) -> None:
        """Wait until so many workers are connected. Raises SystemExit where they are not in
        time."""
        from distributed import Client

        try:
            with Client(self.address, timeout=f"{BEGIN_S:g}s", set_as_default=False) as client:
                client.wait_for_workers(count, timeout=BEGIN_S)
        except (OSError, asyncio.TimeoutError):
            raise SystemExit(
                f"no {count} workers within {BEGIN_S:g} s:\n{self.last_lines()}"
            ) from None

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def of_machine(folder: Path, machine: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Environment variables of a simulated machine: ``variables``, but with a home, a folder for
    temporary files and a machine's lock of its own, which lie in ``folder``."""
    home, temporary = (folder / f"{what}-of-{machine}" for what in ("home", "temporary-files"))
    for own in (home, temporary):
        own.mkdir(parents=True, exist_ok=True)
    lock = folder / f"{machine}.lock"
    # A worker that is killed leaves Dask's folder for it behind.
    return {
        **variables,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        machine_lock.VARIABLE: str(lock),
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
