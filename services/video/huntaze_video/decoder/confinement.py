"""What the decoding process takes away from itself before it looks at a file.

Resource limits everywhere; on Linux also no new privileges, death with the parent, and a system call filter
(seccomp) that refuses sockets, new processes, other programs and every way into other processes. The filter
needs no privilege and no namespace, so that it also works inside a container. What is left to a decoder that
has been taken over: the CPU seconds and the memory of its job, the bytes of its own input, and a pipe on
which the service accepts nothing but well-formed answers.
"""

import ctypes
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
_LD_WORD, _JEQ, _JSET, _RETURN = 0x20, 0x15, 0x45, 0x06
_AT_NUMBER, _AT_ARCHITECTURE, _AT_FIRST_ARGUMENT = 0, 4, 16
_CLONE_THREAD = 0x00010000
_X32_CALLS = 0x40000000

# Numbers from the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h.
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_REFUSED = {
    # socket, fork, vfork, execve, ptrace, kill, unshare, process_vm_readv and _writev, bpf, execveat,
    # userfaultfd, setns, io_uring_setup, pidfd_open, perf_event_open, add_key, request_key, keyctl, mount
    "x86_64": (41, 57, 58, 59, 101, 62, 272, 310, 311, 321, 322, 323, 308, 425, 434, 298, 248, 249, 250, 165),
    "aarch64": (198, 221, 117, 129, 97, 270, 271, 280, 281, 282, 268, 425, 434, 241, 217, 218, 219, 40),
}


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
    cpu = limits.cpu_seconds
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
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))
    if sys.platform != "linux":  # threads don't count there, and there is no filter for new processes
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


def _filter_calls(machine: str) -> None:
    program = _assemble(machine)
    instructions = ctypes.create_string_buffer(program)
    filter_ = _Program(len(program) // 8, ctypes.cast(instructions, ctypes.c_void_p))
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_))


def _assemble(machine: str) -> bytes:
    """Return the filter as instructions of classic BPF: ``struct sock_filter``, eight bytes each."""
    refused = _REFUSED[machine]
    code = [
        (_LD_WORD, 0, 0, _AT_ARCHITECTURE),
        (_JEQ, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LD_WORD, 0, 0, _AT_NUMBER),
        # The x32 numbers would be a second name for every call.
        (_JSET, 0, 1, _X32_CALLS),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        # Without clone3 the C library falls back to clone, whose flags a filter can read.
        (_JEQ, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ERRNO | _ENOSYS),
    ]
    for number in refused:
        code += [(_JEQ, 0, 1, number), (_RETURN, 0, 0, _ERRNO | _EPERM)]
    code += [
        (_JEQ, 0, 3, _CLONE[machine]),
        (_LD_WORD, 0, 0, _AT_FIRST_ARGUMENT),
        (_JSET, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _prctl(option: int, argument: int, pointer: object = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
    if option == _PR_SET_SECCOMP:
        libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong)
    if libc.prctl(option, argument, pointer, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) was refused")
