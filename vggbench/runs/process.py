"""Run one process to its end, within a deadline, keeping what it printed within bounds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
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


def run(
    command: list[str],
    env: dict[str, str],
    cwd: str | None,
    deadline_s: float | None,
    *,
    merge_streams: bool,
    on_start: Callable[[int], None] | None = None,
) -> Finished:
    """Run ``command`` in a session and process group of its own.

    ``on_start`` is called with its id, which is theirs too, once it runs.

    After ``deadline_s`` seconds in all (asv's limit is on silence alone, asv/util.py:559) the group
    is ended. It is ended too when this raises, KeyboardInterrupt among others. Children that
    outlive the process are killed: they would use the machine that the next one is timed on.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge_streams else subprocess.PIPE,
        start_new_session=True,
    )
    kept = [_Bounded(), _Bounded()]
    readers = [
        threading.Thread(target=_read, args=(stream, into), daemon=True)
        for stream, into in zip((process.stdout, process.stderr), kept, strict=True)
        if stream is not None
    ]
    for reader in readers:
        reader.start()
    overran = False
    try:
        if on_start is not None:
            on_start(process.pid)
        process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        overran = True
    finally:
        if process.poll() is None:
            _end(process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for reader in readers:
        # A child in a group of its own may have kept the pipe; what it says is not waited for.
        reader.join(GRACE_S)
    return Finished(
        output=kept[0].text(),
        errors=kept[1].text(),
        status=process.returncode,
        overran=overran,
        seconds=time.monotonic() - started,
    )


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
