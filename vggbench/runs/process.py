"""Runs a process to its end within a deadline, and keeps a limited amount of what it printed."""

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

from . import clocks

#: How many bytes are kept of the beginning and of the end of a process's output. A process that
#: prints without end must not fill asv's memory.
HEAD_BYTES = 32 * 1024
TAIL_BYTES = 64 * 1024

#: Seconds from SIGTERM to SIGKILL.
GRACE_S = 3.0


@dataclass(frozen=True)
class Finished:
    """A process that has ended.

    ``output`` and ``errors`` are its standard output and error; where the two were merged, all of
    it is in ``output``. ``status`` is its exit status, negative for a signal. ``overran``: it was
    ended at its deadline. ``seconds``: how long it ran.
    """

    output: str
    errors: str
    status: int
    overran: bool
    seconds: float


class _Bounded:
    """The beginning and the end of a stream."""

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
                size = len(self.tail.popleft())
                self.tail_size -= size
                self.dropped += size

    def text(self) -> str:
        middle = f"\n[... {self.dropped} bytes ...]\n".encode() if self.dropped else b""
        return (bytes(self.head) + middle + b"".join(self.tail)).decode("utf-8", "replace")


def _read(stream: IO[bytes], into: _Bounded) -> None:
    with stream:
        while data := stream.read1(65536):  # type: ignore[attr-defined]
            into.add(data)


class Running:
    """A process that runs ``command``, started when this object is made. It leads a process group
    of its own. ``wait`` or ``end`` must be called.

    ``pid`` is the id of the process and of its group. ``handed``: file descriptors that it is
    given. ``merge_streams``: its standard error goes where its standard output goes.
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
        self._outputs = [_Bounded(), _Bounded()]
        self._readers = [
            threading.Thread(target=_read, args=(stream, into), daemon=True)
            for stream, into in zip((process.stdout, process.stderr), self._outputs, strict=True)
            if stream is not None
        ]
        try:
            for reader in self._readers:
                reader.start()
        except BaseException:  # the caller does not get this object, and cannot end the process
            self.end()
            raise

    @property
    def seconds(self) -> float:
        """For how many seconds the process has run."""
        return time.monotonic() - self._started

    def wait(self, deadline_s: float | None) -> Finished:
        """Wait until the process ends, and return what came of it.

        ``deadline_s`` seconds after its start, the group is ended. (asv's own limit is on silence
        alone, asv/util.py:559.) The group is also ended when this raises, for example
        KeyboardInterrupt. Children that outlive the process are killed, because they would use the
        machine that the next process is timed on.
        """
        overran = False
        try:
            self._process.wait(None if deadline_s is None else max(0.0, deadline_s - self.seconds))
        except subprocess.TimeoutExpired:
            overran = True
        finally:
            self.end()
        for reader in self._readers:
            # A child in a group of its own may hold the pipe open. Nobody waits for its output.
            reader.join(GRACE_S)
        return Finished(
            output=self._outputs[0].text(),
            errors=self._outputs[1].text(),
            status=self._process.returncode,
            overran=overran,
            seconds=self.seconds,
        )

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended, or only threads of it have not yet."""
        return self._process.poll() is not None or clocks.is_zombie(self.pid)

    def end(self) -> None:
        """End the process and its group, if that was not done yet."""
        if self._over:
            return
        if self._process.poll() is None:
            _end(self._process)
        self._over = True  # another process may have its id from now on
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

    ``on_start`` is called with the id of the process once it runs. ``merge_streams``: standard
    error goes where standard output goes.
    """
    running = Running(command, env, cwd, merge_streams=merge_streams)
    try:
        if on_start is not None:
            on_start(running.pid)
        return running.wait(deadline_s)
    finally:
        running.end()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its group by SIGTERM, and by SIGKILL after GRACE_S seconds."""
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
