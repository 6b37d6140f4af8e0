"""One checkout: where asv.conf.json says that releases, environments and results lie."""

from __future__ import annotations

import contextlib
import copy
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

#: The names of asv's configuration file. asv takes the first one that exists.
CONFIG_FILES = ("asv.conf.json", "asv.conf.jsonc")

#: Folders below asv's env_dir: the releases' environments, the drafts of the records of processes
#: that run, and the catalogue of the builds that bisections looked at.
RELEASES, DRAFTS, BISECT = "releases", "open", "bisect"


class CheckoutError(VggbenchError):
    """A folder is no checkout or cannot be written to, or asv's file about machines is damaged."""


class Checkout:
    """The checkout of the configuration file ``config``, or of the current folder where ``config``
    is None. Its folders are absolute, and stay the same when the current folder changes.

    Raises CheckoutError where there is no such file, or asv cannot read it.
    """

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
        # Where this is a symbolic link, the link may be gone before a draft is written through it.
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
        """The folder of the drafts of records that are not complete yet."""
        return self.env_dir / DRAFTS

    @property
    def builds_dir(self) -> Path:
        """The folder of the catalogue of bisections: of builds that are on no track."""
        return self.env_dir / BISECT

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.releases_dir)

    @functools.cached_property
    def exclusions(self) -> tuple[Exclusion, ...]:
        """The exclusions of excluded.toml, whose records are not to count. Raises ExcludedError."""
        return excluded.read(self.root, self.catalogue)

    def store(self) -> Store:
        """The records of all machines. Raises ExcludedError."""
        return Store(self.results_dir, self.exclusions)

    @functools.cached_property
    def environments(self) -> Environments:
        return Environments(self.env_dir / RELEASES, self.catalogue)

    def with_catalogue(self, catalogue: Catalogue) -> Checkout:
        """This checkout with the releases of another ``catalogue``: its folders, records and
        environments are the same."""
        other = copy.copy(self)
        # Where functools keeps what was computed.
        other.__dict__.pop("environments", None)
        other.__dict__["catalogue"] = catalogue
        return other

    def machine(self) -> str | None:
        """The name under which asv stores this machine's results, None where asv does not know the
        machine yet. Raises CheckoutError where asv's file about machines is damaged."""
        return machine_name()

    def facts(self, machine: str) -> dict[str, str]:
        """The facts in asv's machine.json of a machine, such as its cpu; empty where the file
        cannot be read."""
        path = self.results_dir / machine / "machine.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(content, dict):
            return {}
        return {key: str(value) for key, value in content.items() if value and key != "version"}

    def measured_commits(self) -> set[str]:
        """The commit ids of the releases that have results of this machine in asv."""
        machine = self.machine()
        if machine is None:
            return set()
        prefixes = {path.name[:8] for path in (self.results_dir / machine).glob("*-*.json")}
        return {release.commit for release in self.catalogue if release.commit[:8] in prefixes}

    def default_device(self) -> str:
        """``gpu`` where this machine has a visible GPU, else ``cpu``."""
        return "gpu" if is_visible() else "cpu"

    @contextlib.contextmanager
    def holding_run_lock(self) -> Iterator[None]:
        """Hold the run lock. Raises RunInProgress while another process holds it, CheckoutError
        where env_dir cannot be written to, and LockUnusable where it has no flock."""
        lock = _take_run_lock(self.env_dir)
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def measuring(self, *, may_be_beside: bool = True) -> Iterator[None]:
        """Hold the run lock and the machine's lock while something is measured here, or done that
        would disturb a measurement. ``may_be_beside`` is handed to ``machine_lock.held``.

        Raises what ``holding_run_lock`` raises, RunInProgress also while a process of another
        checkout measures on this machine, and MachineLockError.
        """
        with self.holding_run_lock(), machine_lock.held(may_be_beside=may_be_beside):
            yield


def machine_name(name: str | None = None) -> str | None:
    """asv's name of this machine, or of the machine ``name``; None where asv does not know the
    machine. Raises CheckoutError where asv's file about machines is damaged."""
    path = Path(MachineCollection.get_machine_file_path())
    try:
        if path.is_file():
            known = util.load_json(str(path), MachineCollection.api_version)
            for key, facts in known.items():
                str(facts["machine"] if key != "version" else facts)
    except (util.UserError, OSError, ValueError, TypeError, LookupError, AttributeError) as err:
        raise CheckoutError(
            f"{path}, what asv knows of machines, is damaged or of another version of asv "
            f"({one_line(str(err), 120)}); move it aside, then: asv machine --yes"
        ) from None
    try:
        return str(MachineCollection.load(name or Machine.get_unique_machine_name())["machine"])
    except util.UserError:
        return None


def _take_run_lock(folder: Path) -> BaseFileLock:
    """The run lock of the checkout whose env_dir is ``folder``, held until it is released or this
    process ends.

    Two runs would share asv's state on the disk and disturb each other's timing. Raises
    RunInProgress, CheckoutError and LockUnusable.
    """
    holder_file = folder / "run.pid"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = file_lock.take(folder / "run.lock")
        holder_file.write_text(machine_lock.of_this_process(), encoding="utf-8")
    except Timeout:
        try:
            content = holder_file.read_bytes()
        except OSError:
            content = b""
        holder = machine_lock.who_holds(content, holder_file)
        raise RunInProgress(
            f"another process works in this checkout: {holder}; wait until it has ended, or end "
            f"it, then run this again"
        ) from None
    except OSError as err:
        raise CheckoutError(
            f"{folder} cannot be written to: {err.strerror}; make room or mend the folder"
        ) from None
    return lock
