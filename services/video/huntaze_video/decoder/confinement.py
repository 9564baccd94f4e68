"""What the decoding process takes away from itself before it looks at a file.

Resource limits everywhere; on Linux also no new privileges, death with the parent, and a system call filter
(seccomp) that allows what decoding needs and nothing else: no file can be opened, no socket made, no process
started or touched. The filter needs no privilege and no namespace, so that it also works inside a container.
What is left to a decoder that has been taken over: the CPU seconds and the memory of its job, the bytes of
its own input, and a pipe on which the service accepts nothing but well-formed answers.
"""

import ctypes
import os
import platform
import resource
import struct
import sys

from huntaze_video.extraction import Limits

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SIGKILL = 9
_SECCOMP_MODE_FILTER = 2
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_EPERM, _ENOSYS = 1, 38
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_AT_NUMBER, _AT_ARCHITECTURE, _AT_FIRST_ARGUMENT = 0, 4, 16
_CLONE_THREAD = 0x00010000
_CLONE3 = 435

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# System calls by name, with their numbers from the kernel's tables for x86_64
# (arch/x86/entry/syscalls/syscall_64.tbl) and aarch64 (include/uapi/asm-generic/unistd.h).
_ALLOWED = {
    # the input, the answers, and asking the service for more of the input
    "read": (0, 63), "write": (1, 64), "pread64": (17, 67), "lseek": (8, 62), "close": (3, 57),
    "fstat": (5, 80), "newfstatat": (262, 79),
    # memory
    "mmap": (9, 222), "munmap": (11, 215), "mremap": (25, 216), "mprotect": (10, 226), "brk": (12, 214),
    "madvise": (28, 233), "mbind": (237, 235), "get_mempolicy": (239, 236),
    # threads
    "futex": (202, 98), "set_robust_list": (273, 99), "rseq": (334, 293), "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123), "getcpu": (309, 168), "membarrier": (324, 283), "gettid": (186, 178),
    "exit": (60, 93), "exit_group": (231, 94),
    # signals to itself, clocks, randomness, its own cost
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "restart_syscall": (219, 128), "getpid": (39, 172),
    "clock_gettime": (228, 113), "clock_nanosleep": (230, 115), "nanosleep": (35, 101),
    "gettimeofday": (96, 169), "getrandom": (318, 278), "getrusage": (98, 165),
}  # fmt: skip
_CLONE = (56, 220)
_TGKILL = (234, 131)


class _Program(ctypes.Structure):
    """``struct sock_fprog``: the length of a filter and its instructions."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def confine(limits: Limits) -> None:
    """Give up everything that decoding does not need; can't be undone in this process.

    Raises:
        OSError: the kernel refused a step. The caller must not go on: a half-confined decoder is none.
    """
    _limit_resources(limits)
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        machine = platform.machine()
        if machine in _ARCHITECTURES:
            _filter_calls(machine)


def _limit_resources(limits: Limits) -> None:
    for which, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),  # everything leaves through the pipe
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_AS, limits.address_space),
    ):
        _, hard = resource.getrlimit(which)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(which, (ceiling, ceiling))
        except ValueError:
            if sys.platform == "linux":  # macOS has no limit on address space
                raise
    # The soft limit's SIGXCPU is what the parent recognises; the hard one is for a handler that ignores it.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 5))
    if sys.platform != "linux":  # threads don't count there, and there is no filter for new processes
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


def _filter_calls(machine: str) -> None:
    program = _assemble(machine)
    instructions = ctypes.create_string_buffer(program)
    filter_ = _Program(len(program) // 8, ctypes.cast(instructions, ctypes.c_void_p))
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_))


def _assemble(machine: str) -> bytes:
    """Return the filter as instructions of classic BPF: ``struct sock_filter``, eight bytes each.

    A refused call fails with EPERM and does not kill, so that a library that only tries goes on without.
    """
    column = list(_ARCHITECTURES).index(machine)
    code = [
        (_LOAD, 0, 0, _AT_ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _AT_NUMBER),
        # Without clone3 the C library falls back to clone, whose flags a filter can read.
        (_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ERRNO | _ENOSYS),
    ]
    for numbers in _ALLOWED.values():
        code += [(_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _ALLOW)]
    code += [
        # A thread may be made, a process not.
        (_EQUAL, 0, 3, _CLONE[column]),
        (_LOAD, 0, 0, _AT_FIRST_ARGUMENT),
        (_ANY_BIT, 4, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        # abort() signals its own process; no other may be signalled.
        (_EQUAL, 0, 3, _TGKILL[column]),
        (_LOAD, 0, 0, _AT_FIRST_ARGUMENT),
        (_EQUAL, 0, 1, os.getpid()),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _prctl(option: int, argument: int, pointer: object = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
    if option == _PR_SET_SECCOMP:
        libc.prctl.argtypes = (
            ctypes.c_int,
            ctypes.c_ulong,
            ctypes.c_void_p,
            ctypes.c_ulong,
            ctypes.c_ulong,
        )
    if libc.prctl(option, argument, pointer, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) was refused")
