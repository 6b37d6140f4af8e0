"""``vggbench check``: measure what is new, judge it, confirm what is suspected, publish.

The one command of a nightly job. Each part goes on where an earlier, interrupted one was: what was
measured is on record and is not measured again.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..launch import die_with_parent


class Asv:
    """Runs asv in the checkout, and knows whether Ctrl-C was pressed meanwhile."""

    def __init__(self, config: str | None):
        program = Path(sys.executable).parent / "asv"
        self._command = [str(program), *(["--config", config] if config else [])]
        self.interrupted = False

    def __call__(self, *arguments: str) -> int:
        """asv's exit status. It ends with this process, whatever ends this."""
        sys.stdout.flush()
        with self._interrupts_are_asvs():
            return subprocess.Popen([*self._command, *arguments], preexec_fn=die_with_parent).wait()

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
