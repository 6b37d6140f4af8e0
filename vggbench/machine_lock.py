"""The machine's lock: one process at a time measures on a machine, whatever its checkout.

Two that measure at once disturb each other's timing. The lock is flock(2) on one file, which says
who holds it and is never deleted. The kernel lets go of it when its holder dies, so that what a
killed one left in the file is of no account. Beside it lies a second file, NAME.beside, whose lock
those share who go on in spite of the first. The library filelock, which holds the checkout's run
lock, is no help: some of its versions empty the file whenever another one tries it, the others
refuse a file that another account made in a shared folder.
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
from collections.abc import Iterator
from pathlib import Path

from .errors import VggbenchError, one_line

#: Names another file: a machine that is simulated has a lock of its own.
VARIABLE = "VGGBENCH_MACHINE_LOCK"

#: Where this is 1, what is measured at the same time is no reason to wait, and on record.
BESIDE_VARIABLE = "VGGBENCH_BESIDE"

#: Of all users and all logins of the machine, which TMPDIR is not.
FILE = Path("/tmp/vggbench-machine.lock")

#: Bytes of the file that are read, more than are ever written.
_READ = 65536

#: Descriptors of the file that this process has open.
_open: set[int] = set()

#: Who held the lock when this process went on without it.
_beside: list[str] = []


class RunInProgress(VggbenchError):
    """Another process measures, in this checkout or on this machine."""


class MachineLockError(VggbenchError):
    """The machine's lock cannot be used, held or not."""


def path() -> Path:
    return Path(os.environ.get(VARIABLE) or FILE).absolute()


@contextlib.contextmanager
def held(*, may_be_beside: bool = True) -> Iterator[None]:
    """Hold the machine's lock. Raises RunInProgress where another one measures and BESIDE_VARIABLE
    does not allow that, MachineLockError where its file is of no use. ``may_be_beside``: whether
    what is measured beside another one is of any use, so that the variable may allow it."""
    file = path()
    is_allowed = may_be_beside and os.environ.get(BESIDE_VARIABLE) == "1"
    with _opened(file) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(file, descriptor)
            if not is_allowed:
                raise _in_progress(holder, may_be_beside) from None
            _beside.append(holder)
            try:
                with _as_guest():
                    yield
            finally:
                _beside.remove(holder)
            return
        except OSError as err:
            raise _no_use(file, f"cannot be locked: {err.strerror}") from None
        guest = beside()
        if guest is not None and not is_allowed:
            raise _in_progress(guest, may_be_beside)  # it outlived whom it began beside
        _write(descriptor, of_this_process())
        try:
            yield
        finally:
            if descriptor in _open:
                _write(descriptor, "")


def beside(since: float | None = None) -> str | None:
    """Who else measures on this machine now, or began to after ``since`` (s since the epoch): the
    holder of the lock, where this process goes on in spite of it, or, of those that went on in
    spite of this process, the one that began last."""
    if _beside:
        return _beside[-1]
    file = _guests()
    if not file.exists():
        return None
    # Where it cannot be used nobody goes on in spite of the lock.
    with contextlib.suppress(MachineLockError), _opened(file) as descriptor:
        # A clock may have been set back since it was written.
        began = since is not None and since <= os.fstat(descriptor).st_mtime <= time.time()
        if began or _is_taken(descriptor):
            return _holder(file, descriptor)
    return None


@contextlib.contextmanager
def _as_guest() -> Iterator[None]:
    """Let the lock's holder know, by a lock that those who go on beside it share."""
    file = _guests()
    with _opened(file) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError as err:
            raise _no_use(file, f"cannot be locked: {err.strerror}") from None
        _write(descriptor, of_this_process())
        yield


def _guests() -> Path:
    file = path()
    return file.with_name(f"{file.name}.beside")


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def _in_progress(who: str, may_be_beside: bool) -> RunInProgress:
    how = (
        f"to measure beside it, which goes on record: {BESIDE_VARIABLE}=1"
        if may_be_beside
        else f"beside it nothing that this measures would count, whatever {BESIDE_VARIABLE} is"
    )
    return RunInProgress(
        f"another one measures on this machine: {who}; wait until it has ended, or end it, then "
        f"run this again; {how}"
    )


def of_this_process() -> str:
    """What a lock's file says of this process, which holds it: a line for ``who_holds``."""
    told = {
        "pid": os.getpid(),
        "command": one_line(shlex.join(sys.argv)),
        "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    return json.dumps(told) + "\n"


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[int]:
    """The file's descriptor, which no other program inherits and no forked process keeps."""
    # What another user put there to lead elsewhere is not followed: it will be written to.
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
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise _no_use(file, "is no file of its own")
        yield descriptor
    finally:
        if descriptor in _open:
            _open.remove(descriptor)
            os.close(descriptor)


def _made(file: Path, flags: int) -> int:
    try:
        descriptor = os.open(file, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(file, flags)  # another one made it meanwhile
    os.fchmod(descriptor, 0o666)  # for all users, whatever the umask
    return descriptor


def _forget() -> None:
    """In a forked process: the lock is its parent's, and must end with that."""
    for descriptor in _open:
        os.close(descriptor)
    _open.clear()


os.register_at_fork(after_in_child=_forget)


def _write(descriptor: int, text: str) -> None:
    # The lock holds on a full disk too; then it is not said who has it.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def _holder(file: Path, descriptor: int) -> str:
    """Who holds the lock, as far as the file says."""
    try:
        told = os.pread(descriptor, _READ, 0)
    except OSError:
        told = b""
    return who_holds(told, file)


def who_holds(content: bytes, file: Path) -> str:
    """Who holds a lock, as far as the ``content`` of its ``file`` says."""
    try:
        told = json.loads(content)
        text = f"process {told['pid']}, {told['command']}, since {told['started']}"
    except (ValueError, LookupError, TypeError, RecursionError):
        return f"a process that {file} does not name"
    # Another user may have written this: nothing of it may steer a terminal.
    return "".join(sign if sign.isprintable() else "?" for sign in one_line(text, 400))


def _no_use(file: Path, why: str) -> MachineLockError:
    return MachineLockError(
        f"{file}, the machine's lock, {why}; name another file: {VARIABLE}=/path/to/file"
    )
