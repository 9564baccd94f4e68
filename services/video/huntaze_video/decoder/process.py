"""The service's side of decoding: start the process, follow it, and stop it in every case."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path

import msgspec

from huntaze_video.decoder import wire
from huntaze_video.errors import (
    REFUSALS,
    DecoderCrashed,
    DecoderOverran,
    DecoderStopped,
    MediaRefused,
)
from huntaze_video.extraction import Extraction, ExtractRequest, Limits, Progress, Refusal, Task

_STDERR_TAIL = 2048


async def extract(
    source: Path, request: ExtractRequest, *, limits: Limits, on_progress: Callable[[Progress], None]
) -> Extraction:
    """Decode one local file in a process of its own and return what was asked for.

    ``on_progress`` is called about five times a second. Cancelling kills the process at once.

    Raises:
        MediaRefused: in one of its kinds; the file can't be processed.
        DecoderStopped: the process was stopped from outside or by the wall clock; try again later.
    """
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        process = await _start(descriptor)
        try:
            async with asyncio.timeout(limits.wall_seconds):
                return await _converse(
                    process, Task(descriptor=descriptor, request=request, limits=limits), on_progress
                )
        except TimeoutError as error:
            raise DecoderStopped(f"decoding took longer than {limits.wall_seconds:.0f} s") from error
        finally:
            await _stop(process)
    finally:
        os.close(descriptor)


async def _start(descriptor: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "huntaze_video.decoder",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(descriptor,),
        # A group of its own, to be killed as one. None of the service's environment, for it holds secrets;
        # one thread for numpy's algebra, whose pool would only take address space.
        start_new_session=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
    )


async def _converse(process: Process, task: Task, on_progress: Callable[[Progress], None]) -> Extraction:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    complaints = asyncio.create_task(_tail(process.stderr))
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its exit says more
            process.stdin.write(wire.frame(task))
            await process.stdin.drain()
            process.stdin.close()
        try:
            return await _answer(process.stdout, task.limits.answer_bytes, on_progress)
        except asyncio.IncompleteReadError:
            raise _post_mortem(await process.wait(), await complaints) from None
    finally:
        complaints.cancel()


async def _answer(
    stream: asyncio.StreamReader, most: int, on_progress: Callable[[Progress], None]
) -> Extraction:
    """Read answers up to the last one."""
    while True:
        length = int.from_bytes(await stream.readexactly(wire.HEADER), "big")
        if length > most:
            raise DecoderCrashed(f"the decoding process announced an answer of {length} bytes")
        try:
            answer = wire.decode_answer(await stream.readexactly(length))
        except msgspec.DecodeError as error:
            raise DecoderCrashed("the decoding process sent something that is no answer") from error
        match answer:
            case Progress():
                on_progress(answer)
            case Refusal():
                raise REFUSALS.get(answer.code, MediaRefused)(answer.message)
            case Extraction():
                return answer


def _post_mortem(status: int, complaints: str) -> MediaRefused | DecoderStopped:
    """Say why the process ended without an answer; ``status`` is negative for a signal."""
    match -status:
        case signal.SIGXCPU:
            return DecoderOverran("decoding used up the CPU time of one job")
        case signal.SIGKILL | signal.SIGTERM | signal.SIGINT | signal.SIGHUP:
            # The kernel kills the largest process when memory runs out: the machine's state, not the file's.
            return DecoderStopped("the decoding process was killed from outside")
        case number if number > 0:
            return DecoderCrashed(f"the decoding process died of {signal.Signals(number).name}")
        case _:
            last = complaints.strip().rpartition("\n")[2]
            return DecoderCrashed(f"the decoding process ended with status {status}: {last[:200]}")


async def _tail(stream: asyncio.StreamReader) -> str:
    """Read everything and keep the end of it."""
    kept = b""
    while chunk := await stream.read(_STDERR_TAIL):
        kept = (kept + chunk)[-_STDERR_TAIL:]
    return kept.decode(errors="replace")


async def _stop(process: Process) -> None:
    """Kill the process and all that it may have started, and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
