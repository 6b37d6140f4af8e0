"""``vggbench run``: main.py in the environment of a release."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from ..checkout import Checkout
from ..inside.launch import die_with_parent
from ..inside.trials import options
from ..releases import spec
from ..releases.environments import require_lock
from ..runs import variables
from ..runs.timed import VGGBENCH_FOLDER

MAIN = Path(VGGBENCH_FOLDER) / "main.py"


def run(checkout: Checkout, word: str, arguments: list[str], say: Callable[[str], None]) -> int:
    """Run main.py with these ``arguments`` in the release that ``word`` names, in the environment
    of the backend that they ask for. It is installed where it is missing.

    Returns main.py's exit status. Raises options.Refused before anything is installed where main.py
    would refuse the arguments, and VggbenchError.
    """
    parsed = options.parse(arguments)
    release = spec.release(checkout.catalogue, word)
    env = variables.for_release(os.environ)
    with checkout.measuring():
        lock = require_lock(release, parsed.device or checkout.default_device(), _backend(parsed))
        python = checkout.environments.ensure(release, lock.name, say)
        process = subprocess.Popen([python, MAIN, *arguments], env=env, preexec_fn=die_with_parent)
        # Ctrl-C reaches main.py too, and main.py says what was interrupted.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            status = process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
    return status if status >= 0 else 128 - status


def _backend(parsed: options.TrialsRequest) -> str | None:
    """The backend that a command line asks for; None where none of its frameworks has one."""
    backends = (configuration.backend for configuration in parsed.configurations)
    return next((backend for backend in backends if backend is not None), None)
