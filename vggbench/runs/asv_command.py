"""Runs asv as a user would, in the checkout, for commands that measure and publish by it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..inside.launch import die_with_parent

#: The exit status after Ctrl-C.
INTERRUPTED = 130


class Asv:
    """``config``: what --config gave. ``interrupted``: whether Ctrl-C was pressed meanwhile."""

    def __init__(self, config: str | None):
        program = Path(sys.executable).parent / "asv"
        self._command = [str(program), *(["--config", config] if config else [])]
        self.interrupted = False

    def __call__(self, *arguments: str, **variables: str) -> int:
        """asv's exit status; ``variables`` are added to its environment. It ends with this process,
        whatever ends this."""
        sys.stdout.flush()
        command = [*self._command, *arguments]
        env = {**os.environ, **variables}
        with self._interrupts_are_asvs():
            return subprocess.Popen(command, env=env, preexec_fn=die_with_parent).wait()

    @contextmanager
    def _interrupts_are_asvs(self) -> Iterator[None]:
        """Ctrl-C reaches asv too, which ends what it measures, records that and says so."""

        def note(number: int, frame: object) -> None:
            self.interrupted = True

        before = signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
