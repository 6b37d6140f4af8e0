"""Locks for what one process at a time may do in a folder: flock(2), which ends with its holder.

Where a file system has no flock, ``take`` raises LockUnusable. The mere presence of a file cannot
stand for a lock: it would outlive a holder that was killed, and keep everybody out from then on.
"""

from __future__ import annotations

import errno
from pathlib import Path

from filelock import BaseFileLock, FileLock

from .errors import VggbenchError

#: The errors of flock(2) on a file system that has no locks; the last one may be NFS's.
_CANNOT = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK})


class LockUnusable(VggbenchError):
    """Files cannot be locked in a folder, because its file system has no flock."""


def take(file: Path, timeout_s: float = 0) -> BaseFileLock:
    """The lock on ``file``, held until it is released or this process ends.

    Raises filelock.Timeout where another process holds the lock for longer than ``timeout_s``
    seconds, LockUnusable where the file system has no flock, and OSError where the file cannot be
    made.
    """
    lock = FileLock(file, timeout=timeout_s, fallback_to_soft=False)
    try:
        lock.acquire()
    except OSError as err:
        if err.errno not in _CANNOT:
            raise
        raise LockUnusable(
            f"{file} cannot be locked ({err.strerror}): its file system has no flock; "
            f"have the folder on another one"
        ) from None
    return lock
