"""Run one process to its end, within a deadline, keeping what it printed within bounds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import IO

#: What is kept of a process's output: its beginning and its end, in bytes. A process that prints
#: without end must not fill asv's memory.
HEAD_BYTES = 32 * 1024
TAIL_BYTES = 64 * 1024

#: After SIGTERM, so long until SIGKILL.
GRACE_S = 3.0


@dataclass(frozen=True)
class Finished:
    """``output`` is standard output and error in one; ``status`` is negative for a signal."""

    output: str
    errors: str
    status: int
    overran: bool
    seconds: float


class _Bounded:
    def __init__(self) -> None:
        self.head = bytearray()
        self.tail: deque[bytes] = deque()
        self.tail_size = 0
        self.dropped = 0

    def add(self, data: bytes) -> None:
        room = HEAD_BYTES - len(self.head)
        self.head += data[:room]
        rest = data[room:] if room < len(data) else b""
        if rest:
            self.tail.append(rest)
            self.tail_size += len(rest)
            while self.tail_size - len(self.tail[0]) > TAIL_BYTES:
                gone = len(self.tail.popleft())
                self.tail_size -= gone
                self.dropped += gone

    def text(self) -> str:
        middle = f"\n[... {self.dropped} bytes ...]\n".encode() if self.dropped else b""
        return (bytes(self.head) + middle + b"".join(self.tail)).decode("utf-8", "replace")


def _read(stream: IO[bytes], kept: _Bounded) -> None:
    with stream:
        while data := stream.read1(65536):  # type: ignore[attr-defined]
            kept.add(data)


class Running:
    """``command`` in a process group of its own, which it leads, from now on until ``wait`` or
    ``end``, one of which must be called.

    ``pid`` is its id, and its group's too. ``handed``: file descriptors that it is given.
    ``merge_streams``: its standard error goes where its standard output goes.
    """

    def __init__(
        self,
        command: list[str],
        env: dict[str, str],
        cwd: str | None,
        *,
        merge_streams: bool,
        handed: Collection[int] = (),
    ):
        self._over = False
        self._started = time.monotonic()
        self._process = process = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge_streams else subprocess.PIPE,
            start_new_session=True,
            pass_fds=tuple(handed),
        )
        self.pid = process.pid
        self._kept = [_Bounded(), _Bounded()]
        self._readers = [
            threading.Thread(target=_read, args=(stream, into), daemon=True)
            for stream, into in zip((process.stdout, process.stderr), self._kept, strict=True)
            if stream is not None
        ]
        try:
            for reader in self._readers:
                reader.start()
        except BaseException:  # nobody has this object yet, to end it
            self.end()
            raise

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._started

    def wait(self, deadline_s: float | None) -> Finished:
        """What came of it, once it has ended by itself, or after ``deadline_s`` seconds since its
        start.

        After these seconds in all (asv's limit is on silence alone, asv/util.py:559) the group is
        ended. It is ended too when this raises, KeyboardInterrupt among others. Children that
        outlive the process are killed: they would use the machine that the next one is timed on.
        """
        overran = False
        try:
            self._process.wait(None if deadline_s is None else max(0.0, deadline_s - self.seconds))
        except subprocess.TimeoutExpired:
            overran = True
        finally:
            self.end()
        for reader in self._readers:
            # A child in a group of its own may have kept the pipe; what it says is not waited for.
            reader.join(GRACE_S)
        return Finished(
            output=self._kept[0].text(),
            errors=self._kept[1].text(),
            status=self._process.returncode,
            overran=overran,
            seconds=self.seconds,
        )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def end(self) -> None:
        """End it and what it has started, if that was not done yet."""
        if self._over:
            return
        if self._process.poll() is None:
            _end(self._process)
        self._over = True  # its id may be another's from now on
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def run(
    command: list[str],
    env: dict[str, str],
    cwd: str | None,
    deadline_s: float | None,
    *,
    merge_streams: bool,
    on_start: Callable[[int], None] | None = None,
) -> Finished:
    """Run ``command`` to its end, or for ``deadline_s`` seconds.

    ``on_start`` is called with the id of its process once it runs.
    """
    running = Running(command, env, cwd, merge_streams=merge_streams)
    try:
        if on_start is not None:
            on_start(running.pid)
        return running.wait(deadline_s)
    finally:
        running.end()


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(GRACE_S)
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()
