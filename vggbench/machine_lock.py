"""The machine's lock: one process at a time measures on a machine, whatever its checkout.

Two processes that measure at once disturb each other's timing. The lock is flock(2) on one file,
which says who holds it and is never deleted. The kernel releases the lock when its holder dies, and
what a killed holder left in the file therefore does not matter. Beside it lies a second file,
NAME.beside. Processes that measure in spite of the first lock share the lock of the second. The
lock of a third file, NAME.fleet, is that of the machine's worker of a fleet, which holds it while
it waits for work too.

The library filelock, which holds the checkout's run lock, cannot hold this one. Some of its
versions empty the file whenever another process tries the lock, and the others refuse a file that
another account made in a shared folder.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import shlex
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from .errors import VggbenchError, one_line

#: The variable that names another file for the lock. A simulated machine has a lock of its own.
VARIABLE = "VGGBENCH_MACHINE_LOCK"

#: Where this variable is 1, a process measures although another one does, and its records say so.
BESIDE_VARIABLE = "VGGBENCH_BESIDE"

#: One file for all users of the machine. TMPDIR would not be the same folder for all of them.
FILE = Path("/tmp/vggbench-machine.lock")

#: The option whose value no other user may read, since a command line may hold a password; and
#: what stands in its place.
SECRET, HIDDEN = "--notify", "..."

#: The most bytes of the file that are read, which is more than are ever written.
_READ = 65536

#: The descriptors of these files that this process has open.
_open: set[int] = set()

#: The texts of the lock's holders beside which this process measures now.
_beside: list[str] = []

#: Which boot of the kernel this is (random(4)).
BOOT = Path("/proc/sys/kernel/random/boot_id")


class RunInProgress(VggbenchError):
    """Another process measures, in this checkout or on this machine."""


class MachineLockError(VggbenchError):
    """A file of the machine's lock cannot be used, whether the lock is held or not."""


def path() -> Path:
    """The lock's file: what VARIABLE names, else FILE."""
    return Path(os.environ.get(VARIABLE) or FILE).absolute()


@contextlib.contextmanager
def held(*, may_be_beside: bool = True) -> Iterator[None]:
    """Hold the machine's lock, or measure beside its holder where BESIDE_VARIABLE is 1.

    ``may_be_beside``: whether what is measured beside another process would count. Where it is
    False, the variable changes nothing. Raises RunInProgress where another process measures and
    this one may not measure beside it, and MachineLockError where a file cannot be used.
    """
    file = path()
    is_allowed = may_be_beside and os.environ.get(BESIDE_VARIABLE) == "1"
    with _opened(file) as descriptor:
        if not _locked(file, descriptor):
            holder = _holder(file, descriptor)
            if not is_allowed:
                raise _in_progress(holder, may_be_beside)
            _beside.append(holder)
            try:
                with _as_guest():
                    yield
            finally:
                _beside.remove(holder)
            return
        guest = beside()
        if guest is not None and not is_allowed:
            # A guest goes on after the holder beside which it began has ended.
            raise _in_progress(guest, may_be_beside)
        _write(descriptor, of_this_process())
        try:
            yield
        finally:
            if descriptor in _open:
                _write(descriptor, "")


def _of_worker() -> Path:
    """The file whose lock the machine's worker holds."""
    file = path()
    return file.with_name(f"{file.name}.fleet")


def identity_of_worker() -> str:
    """Which lock the worker of this machine holds, as a text. Of two workers that tell the same
    one, only one lives. Raises OSError where there is none."""
    status = os.stat(_of_worker())
    try:
        boot = BOOT.read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return f"{boot} {status.st_dev} {status.st_ino}"


@contextlib.contextmanager
def held_by_worker() -> Iterator[None]:
    """Hold the lock of the machine's worker. What the worker has measured takes the machine's lock
    besides. Raises RunInProgress where the machine has a worker already, and MachineLockError where
    the file cannot be used."""
    file = _of_worker()
    with _opened(file) as descriptor:
        if not _locked(file, descriptor):
            raise RunInProgress(
                f"this machine has a worker already: {_holder(file, descriptor)}; a machine has "
                f"one, so end that one first, or leave it"
            )
        _write(descriptor, of_this_process())
        try:
            yield
        finally:
            if descriptor in _open:
                _write(descriptor, "")


def beside(since: float | None = None) -> str | None:
    """Another process that measures on this machine now, or began to after ``since`` (s since the
    epoch), as a text; None where there is none.

    It is the holder of the lock where this process measures in spite of it. Otherwise it is the
    process that was the last to begin in spite of this one.
    """
    if _beside:
        return _beside[-1]
    file = _guests()
    if not file.exists():
        return None
    # Where the file cannot be used, no process measures in spite of the lock.
    with contextlib.suppress(MachineLockError), _opened(file) as descriptor:
        # The clock may have been set back since the file was written.
        began = since is not None and since <= os.fstat(descriptor).st_mtime <= time.time()
        if began or not _take(descriptor):
            return _holder(file, descriptor)
    return None


@contextlib.contextmanager
def _as_guest() -> Iterator[None]:
    """Share the lock of the second file, which tells the lock's holder that this process measures
    beside it."""
    file = _guests()
    with _opened(file) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError as err:
            raise _no_use(file, f"cannot be locked: {err.strerror}") from None
        _write(descriptor, of_this_process())
        yield


def _guests() -> Path:
    """The second file, whose lock is shared by the processes that measure beside the holder."""
    file = path()
    return file.with_name(f"{file.name}.beside")


def _take(descriptor: int) -> bool:
    """Take the file's lock, which this process then holds as long as the file stays open; returns
    whether that was possible: another process may hold it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _locked(file: Path, descriptor: int) -> bool:
    """Take the lock of the open ``file``; returns False where another process holds it. Raises
    MachineLockError where the file cannot be locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as err:
        raise _no_use(file, f"cannot be locked: {err.strerror}") from None
    return True


def _in_progress(who: str, may_be_beside: bool) -> RunInProgress:
    how = (
        f"to measure beside it, which goes on record: {BESIDE_VARIABLE}=1"
        if may_be_beside
        else f"what this command measures would not count beside it, whatever {BESIDE_VARIABLE} is"
    )
    return RunInProgress(
        f"another process measures on this machine: {who}; wait until it has ended, or end it, "
        f"then run this again; {how}"
    )


def of_this_process() -> str:
    """The line that this process writes into the file of a lock that it holds: its id, command and
    start, as JSON. ``who_holds`` reads it, and so may every user of the machine."""
    facts = {
        "pid": os.getpid(),
        "command": one_line(shlex.join(_open_words(sys.argv))),
        "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    return json.dumps(facts) + "\n"


def _open_words(command: Sequence[str]) -> list[str]:
    """The words of a command, without what is given to SECRET."""
    words: list[str] = []
    is_secret = False
    for word in command:
        name, separator, _ = word.partition("=")
        # argparse takes the beginning of an option for the option.
        names_it = len(name) > 2 and SECRET.startswith(name)
        if is_secret:
            word = HIDDEN
        elif names_it and separator:
            word = f"{name}={HIDDEN}"
        words.append(word)
        is_secret = names_it and not separator and not is_secret
    return words


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[int]:
    """Open ``file``, made where it is missing, and close it at the end. No other program inherits
    the descriptor, and no forked process keeps it. Raises MachineLockError."""
    # A symbolic link that another user put there is not followed, because the file is written to.
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        try:
            # In a folder such as /tmp the kernel may refuse O_CREAT, even to root, for a file that
            # another user made (fs.protected_regular, proc_sys_fs(5)).
            descriptor = os.open(file, flags)
        except FileNotFoundError:
            descriptor = _made(file, flags)
    except OSError as err:
        raise _no_use(file, f"cannot be opened: {err.strerror}") from None
    _open.add(descriptor)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise _no_use(file, "is no regular file, or has a second name")
        yield descriptor
    finally:
        if descriptor in _open:
            _open.remove(descriptor)
            os.close(descriptor)


def _made(file: Path, flags: int) -> int:
    """The descriptor of a file that this process or, meanwhile, another one made."""
    # For all users from the first moment on: one who meets it meanwhile must be able to open it.
    umask = os.umask(0)
    try:
        return os.open(file, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(file, flags)
    finally:
        os.umask(umask)


def _forget() -> None:
    """Close the lock's files in a forked process: the lock is its parent's, and must end with the
    parent."""
    for descriptor in _open:
        os.close(descriptor)
    _open.clear()


os.register_at_fork(after_in_child=_forget)


def _write(descriptor: int, text: str) -> None:
    # On a full disk the lock holds too, but its file does not say who holds it.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def _holder(file: Path, descriptor: int) -> str:
    """The holder that the open file names, as a text."""
    try:
        content = os.pread(descriptor, _READ, 0)
    except OSError:
        content = b""
    return who_holds(content, file)


def who_holds(content: bytes, file: Path) -> str:
    """The holder that the ``content`` of a lock's ``file`` names, as a text on one line."""
    try:
        facts = json.loads(content)
        text = f"process {facts['pid']}, {facts['command']}, since {facts['started']}"
    except (ValueError, LookupError, TypeError, RecursionError):
        return f"a process that {file} does not name"
    # Another user may have written this, and nothing of it may steer a terminal.
    return "".join(char if char.isprintable() else "?" for char in one_line(text, 400))


def _no_use(file: Path, why: str) -> MachineLockError:
    return MachineLockError(
        f"{file}, the machine's lock, {why}; name another file: {VARIABLE}=/path/to/file"
    )
