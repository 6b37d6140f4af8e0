"""One checkout: where asv.conf.json says that releases, environments and results lie."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator
from pathlib import Path

from asv import util
from asv.config import Config
from asv.machine import Machine, MachineCollection
from filelock import BaseFileLock, Timeout

from . import file_lock, machine_lock
from .errors import VggbenchError, one_line
from .inside.gpu import is_visible
from .machine_lock import RunInProgress
from .records import Store, excluded
from .records.excluded import Exclusion
from .releases.catalogue import Catalogue
from .releases.environments import Environments

#: asv's configuration file; asv takes the first that there is.
CONFIG_FILES = ("asv.conf.json", "asv.conf.jsonc")

#: Below asv's env_dir: the releases' environments; the drafts of records of processes that run.
RELEASES, DRAFTS = "releases", "open"


class CheckoutError(VggbenchError):
    """This folder is no checkout, or is in use."""


class Checkout:
    """The checkout of the configuration file ``config``, that of the current folder where it is
    None. Its folders are absolute, whatever the current folder becomes."""

    def __init__(self, config: str | None = None):
        names = [config] if config else CONFIG_FILES
        path = next(filter(Path.is_file, map(Path, names)), Path(names[0])).absolute()
        if not path.is_file():
            raise CheckoutError(
                f"there is no {path}; run this in a checkout of vggbench, or give --config"
            )
        try:
            self.config = Config.load(str(path))
        except (util.UserError, ValueError) as err:
            raise CheckoutError(f"{path} cannot be read: {err}") from None
        # A link to the checkout may be gone before what is written by way of it, as drafts are.
        self.root = path.parent.resolve()
        self.config_file = self.root / path.name

    @property
    def releases_dir(self) -> Path:
        return self.root / self.config.repo

    @property
    def benchmark_dir(self) -> Path:
        return self.root / self.config.benchmark_dir

    @property
    def results_dir(self) -> Path:
        return self.root / self.config.results_dir

    @property
    def html_dir(self) -> Path:
        return self.root / self.config.html_dir

    @property
    def env_dir(self) -> Path:
        return self.root / self.config.env_dir

    @property
    def drafts_dir(self) -> Path:
        """Where the drafts of records lie that are not complete yet."""
        return self.env_dir / DRAFTS

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.releases_dir)

    @functools.cached_property
    def exclusions(self) -> tuple[Exclusion, ...]:
        """What of the records is not to count. Raises ExcludedError."""
        return excluded.read(self.root, self.catalogue)

    def store(self) -> Store:
        """The records of all machines. Raises ExcludedError."""
        return Store(self.results_dir, self.exclusions)

    @functools.cached_property
    def environments(self) -> Environments:
        return Environments(self.env_dir / RELEASES, self.catalogue)

    def machine(self) -> str | None:
        """The name under which asv stores this machine's results, None where it knows none yet."""
        return machine_name()

    def facts(self, machine: str) -> dict[str, str]:
        """What asv wrote down about a machine; nothing where it cannot be read."""
        path = self.results_dir / machine / "machine.json"
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(told, dict):
            return {}
        return {key: str(fact) for key, fact in told.items() if fact and key != "version"}

    def measured_commits(self) -> set[str]:
        """The ids of the releases of which asv has results of this machine."""
        machine = self.machine()
        if machine is None:
            return set()
        prefixes = {path.name[:8] for path in (self.results_dir / machine).glob("*-*.json")}
        return {r.commit for r in self.catalogue if r.commit[:8] in prefixes}

    def default_device(self) -> str:
        return "gpu" if is_visible() else "cpu"

    @contextlib.contextmanager
    def no_run(self) -> Iterator[None]:
        """Hold the run lock; raises RunInProgress while another one measures in this checkout."""
        lock = _take_run_lock(self.env_dir)
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def measuring(self, *, may_be_beside: bool = True) -> Iterator[None]:
        """Hold the run lock and the machine's: for whatever is measured, or disturbs what is.
        ``may_be_beside``: as ``machine_lock.held`` has it.

        Raises RunInProgress while another one measures, in this checkout or in any other on this
        machine, and MachineLockError.
        """
        with self.no_run(), machine_lock.held(may_be_beside=may_be_beside):
            yield


def machine_name(asked: str | None = None) -> str | None:
    """asv's name of this machine, or of the one ``asked`` for; None where asv knows it not. Raises
    CheckoutError where what asv knows of machines cannot be read."""
    path = Path(MachineCollection.get_machine_file_path())
    try:
        if path.is_file():
            known = util.load_json(str(path), MachineCollection.api_version)
            for name, facts in known.items():
                str(facts["machine"] if name != "version" else facts)
    except (util.UserError, OSError, ValueError, TypeError, LookupError, AttributeError) as err:
        raise CheckoutError(
            f"{path}, what asv knows of machines, is damaged or of another version of asv "
            f"({one_line(str(err), 120)}); move it aside, then: asv machine --yes"
        ) from None
    try:
        return str(MachineCollection.load(asked or Machine.get_unique_machine_name())["machine"])
    except util.UserError:
        return None


def _take_run_lock(folder: Path) -> BaseFileLock:
    """The checkout's run lock, held until it is released or this process ends.

    Two runs would share asv's state on the disk and disturb each other's timing. Raises
    RunInProgress, CheckoutError and LockUnusable.
    """
    holder = folder / "run.pid"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = file_lock.take(folder / "run.lock")
        holder.write_text(machine_lock.of_this_process(), encoding="utf-8")
    except Timeout:
        try:
            told = holder.read_bytes()
        except OSError:
            told = b""
        raise RunInProgress(
            f"another one works in this checkout: {machine_lock.who_holds(told, holder)}; wait "
            f"until it has ended, or end it, then run this again"
        ) from None
    except OSError as err:
        raise CheckoutError(
            f"{folder} cannot be written to: {err.strerror}; make room or mend the folder"
        ) from None
    return lock
