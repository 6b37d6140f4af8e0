"""Run a program on a kernel whose flock(2) says that it is not there, as some file systems' does.

    python tests/no_flock.py PROGRAM [ARGUMENT ...]

A seccomp filter (seccomp(2)) does it, for the program and all that it starts.
"""

import ctypes
import errno
import os
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
#: linux/bpf_common.h: load a word, jump if it is equal, return.
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
#: linux/seccomp.h.
ALLOW, FAIL_WITH = 0x7FFF0000, 0x00050000
#: Of x86-64.
FLOCK = 73


class Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("first", ctypes.POINTER(Instruction)))


def forbid() -> None:
    """From now on, for this process and its children."""
    lines = (Instruction * 4)(
        Instruction(LOAD, 0, 0, 0),
        Instruction(IF_EQUAL, 0, 1, FLOCK),
        Instruction(RETURN, 0, 0, FAIL_WITH | errno.ENOSYS),
        Instruction(RETURN, 0, 0, ALLOW),
    )
    program = Program(len(lines), lines)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no privileges can be given up")
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no system call can be forbidden")


if __name__ == "__main__":
    forbid()
    os.execvp(sys.argv[1], sys.argv[1:])
