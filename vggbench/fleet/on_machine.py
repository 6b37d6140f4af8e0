"""What a worker does on its machine: it says what the machine is, exchanges results with the
client, and has a process of its own measure one unit after the other."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import machine_lock
from ..checkout import Checkout
from ..errors import Say, VggbenchError, of_system, one_line
from ..inside import gpu
from ..inside.launch import STARTER_VARIABLE
from ..judging import state
from ..releases import interpreters
from ..releases.catalogue import replace_text
from ..runs import machine_facts, process, profiles
from . import identity, mirror
from .mirror import Known
from .units import BUILDS, NOT_NOW, TROUBLE, UnitOfWork

#: Seconds between two looks whether a unit's process has ended, and whether it is still wanted.
POLL_S = 1.0

#: The folder of mirrors below the environments' folder.
MIRRORS = "fleet"


class OnMachine:
    """The machine called ``machine`` in a ``checkout``, whose environments and interpreters it
    measures with. Its results lie in a mirror, not in the checkout."""

    def __init__(self, checkout: Checkout, machine: str, say: Say):
        self.machine = machine
        self._checkout = checkout
        self._say = say
        self._known = Known()
        self._running: process.Running | None = None
        self._is_over = False
        self.root = checkout.env_dir / MIRRORS / machine
        self._place = mirror.of_mirror(self.root, machine)

    def hello(self) -> dict[str, Any]:
        """What the machine is, and what its mirror holds. ``now`` is taken last: the seconds since
        the epoch."""
        found = {
            "identity": identity.of(self._checkout),
            "facts": machine_facts.facts(),
            "host": platform.node(),
            "lock": machine_lock.identity_of_worker(),
            "interpreters": sorted(
                version
                for version in {release.python for release in self._checkout.catalogue}
                if interpreters.find(version) is not None
            ),
            "devices": ["cpu", *(["gpu"] if gpu.is_visible() else [])],
            "state": asdict(state.now()),
            "offer": mirror.offer(self._place, self._known),
        }
        return {**found, "now": time.time()}

    def work(self, sent: Mapping[str, Any], is_wanted: Callable[[], bool]) -> dict[str, Any]:
        """Make the mirror what the client has, by what it ``sent``, then measure a unit. Of the
        answer, ``status`` and ``message`` say what came of it, ``offer`` what the mirror holds
        then, and ``identity`` what the checkout is then.

        ``sent`` has what ``mirror.lacking`` returns, the ``unit`` as JSON, the ``options`` of
        ``unit_process``, the ``files_of_builds`` that the unit needs and no track has, as texts by
        their paths in BUILDS, and the ``identity`` that the checkout must have. ``is_wanted``:
        whether the client still waits for the unit; its process is ended where it does not.
        """
        unit = UnitOfWork.from_json(dict(sent["unit"]))
        # Each unit is measured by a Python of its own, with what lies on the disk then.
        before = identity.of(self._checkout)
        try:
            if before == sent["identity"]:
                mirror.agree(self._place, sent)
                for name, text in sent["files_of_builds"].items():
                    mirror.write(self.root / BUILDS / name, text.encode())
                self._write_settings()
                status, message = self._measure(unit, sent["options"], is_wanted)
            else:
                status, message = TROUBLE, "the checkout there was changed"
        except OSError as err:
            is_full = err.errno in (errno.ENOSPC, errno.EDQUOT)
            status, message = (NOT_NOW if is_full else TROUBLE), of_system(err)
        except VggbenchError as err:
            status, message = TROUBLE, str(err)
        except Exception as err:  # Dask would write all arguments, megabytes of records, to its log
            status, message = TROUBLE, f"{type(err).__name__}: {one_line(str(err))}"
        after = identity.of(self._checkout)
        if after != before:
            self._set_aside()
        return {
            "status": status,
            "message": message,
            "identity": after,
            "offer": mirror.offer(self._place, self._known),
        }

    def _set_aside(self) -> None:
        """Keep the mirror out of the way of the next units: it holds what was measured while the
        checkout was changed."""
        aside = self.root.with_name(f"{self.machine}.changed")
        shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.root.rename(aside)
        self._say(f"the checkout was changed while it measured; what came of that is in {aside}")

    def end(self) -> None:
        """End the process of the unit that is measured, if there is one, and start no other."""
        self._is_over = True
        running = self._running
        if running is not None:
            running.end()

    def _measure(
        self, unit: UnitOfWork, options: Sequence[str], is_wanted: Callable[[], bool]
    ) -> tuple[int, str]:
        """(exit status, last line) of the process that measures a unit."""
        self._say(f"{unit.name}: begins")
        command = [sys.executable, "-m", f"{__package__}.unit_process", *options]
        command += [str(self._settings), self.machine, json.dumps(unit.as_json())]
        env = {
            **os.environ,
            profiles.VARIABLE: unit.profile,
            STARTER_VARIABLE: str(os.getpid()),
        }
        self._running = running = process.Running(command, env, str(self.root), merge_streams=True)
        try:
            while not running.has_ended:
                if self._is_over or not is_wanted():
                    running.end()
                    break
                time.sleep(POLL_S)
            finished = running.wait(None)
        finally:
            running.end()
            self._running = None
        lines = [line for line in finished.output.splitlines() if line.strip()]
        for line in lines:
            self._say(f"  {line}")
        message = one_line(lines[-1]) if lines else f"its process ended with {finished.status}"
        self._say(f"{unit.name}: ended with {finished.status} after {finished.seconds:.0f} s")
        return finished.status, message

    @property
    def _settings(self) -> Path:
        return self.root / self._checkout.config_file.name

    def _write_settings(self) -> None:
        """Write asv's settings of the mirror: those of the checkout, but for where results lie."""
        config = dict(vars(self._checkout.config))
        for key in identity.PLACES:
            config[key] = str(self._checkout.root / config[key])
        own = {"results_dir": "results", "html_dir": "html", "version": 1}
        replace_text(self._settings, json.dumps({**config, **own}, default=str))
