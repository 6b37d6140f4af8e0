"""Runs asv as a user would, in the checkout, for commands that measure or publish with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..checkout import Checkout
from ..inside.launch import die_with_parent

#: The exit status after Ctrl-C.
INTERRUPTED = 130


class Asv:
    """asv in a checkout. ``interrupted``: whether Ctrl-C was pressed while asv ran."""

    def __init__(self, checkout: Checkout):
        program = Path(sys.executable).parent / "asv"
        self._command = [str(program), "--config", str(checkout.config_file)]
        self.interrupted = False

    def __call__(self, *arguments: str, variables: Mapping[str, str] | None = None) -> int:
        """Run asv and return its exit status.

        ``variables`` are added to its environment. asv is ended when this process ends, for
        whatever reason.
        """
        sys.stdout.flush()
        command = [*self._command, *arguments]
        env = {**os.environ, **(variables or {})}
        with self._interrupts_are_asvs():
            started = subprocess.Popen(command, env=env, preexec_fn=die_with_parent)
            return started.wait()

    @contextmanager
    def _interrupts_are_asvs(self) -> Iterator[None]:
        """Only note Ctrl-C here, because it reaches asv too: asv ends what it measures, records
        that and says so."""

        def note(number: int, frame: object) -> None:
            self.interrupted = True

        before = signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
