"""The service's side of decoding: start the process, follow it, and stop it in every case."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from typing import Protocol

import msgspec

from huntaze_video.decoder import wire
from huntaze_video.errors import (
    REFUSALS,
    DecoderCrashed,
    DecoderOverran,
    DecoderStopped,
    MediaRefused,
)
from huntaze_video.extraction import Extraction, ExtractRequest, Limits, Mode, Need, Progress, Refusal, Task

_STDERR_TAIL = 2048


class Input(Protocol):
    """A local file whose bytes may still have to be fetched; see `huntaze_video.spool.Spool`."""

    @property
    def descriptor(self) -> int:
        """Of the open file."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the whole."""
        ...

    async def require(self, start: int, length: int, *, ahead: bool) -> None:
        """Return when a range can be read from the file; with ``ahead``, the rest will be wanted, too."""
        ...


async def extract(
    source: Input, request: ExtractRequest, *, limits: Limits, on_progress: Callable[[Progress], None]
) -> Extraction:
    """Decode one video in a process of its own and return what was asked for.

    ``on_progress`` is called about five times a second. Cancelling kills the process at once.

    Raises:
        MediaRefused: in one of its kinds; the file can't be processed.
        DecoderStopped: the process was stopped from outside or by the wall clock; try again later.
        Whatever ``source.require`` raises.
    """
    task = Task(descriptor=source.descriptor, size=source.size, request=request, limits=limits)
    process = await _start(source.descriptor)
    try:
        async with asyncio.timeout(limits.wall_seconds):
            return await _Conversation(process, source, on_progress).run(task)
    except TimeoutError as error:
        raise DecoderStopped(f"decoding took longer than {limits.wall_seconds:.0f} s") from error
    finally:
        await _stop(process)


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


class _Conversation:
    """One task and its answers."""

    def __init__(self, process: Process, source: Input, on_progress: Callable[[Progress], None]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._say, self._hear, self._complaints = process.stdin, process.stdout, process.stderr
        self._source = source
        self._on_progress = on_progress
        self._to_the_end = True

    async def run(self, task: Task) -> Extraction:
        """Hand the task over and follow it to its end."""
        complaints = asyncio.create_task(_tail(self._complaints))
        self._to_the_end = task.request.mode is not Mode.PREVIEW
        try:
            await self._send(wire.frame(task))
            while True:
                extraction = await self._next(task.limits.answer_bytes)
                if extraction is not None:
                    return extraction
        except asyncio.IncompleteReadError:
            raise _post_mortem(await self._process.wait(), await complaints) from None
        finally:
            complaints.cancel()

    async def _next(self, most: int) -> Extraction | None:
        """Read one answer and do what it asks for; return it if it is the last."""
        length = int.from_bytes(await self._hear.readexactly(wire.HEADER), "big")
        if length > most:
            raise DecoderCrashed(f"the decoding process announced an answer of {length} bytes")
        try:
            answer = wire.decode_answer(await self._hear.readexactly(length))
        except msgspec.DecodeError as error:
            raise DecoderCrashed("the decoding process sent something that is no answer") from error
        match answer:
            case Extraction():
                return answer
            case Refusal():
                raise REFUSALS.get(answer.code, MediaRefused)(answer.message)
            case Progress():
                self._on_progress(answer)
            case Need():
                if not 0 <= answer.start < answer.start + answer.length <= self._source.size:
                    raise DecoderCrashed("the decoding process asked for bytes that the file does not have")
                await self._source.require(answer.start, answer.length, ahead=self._to_the_end)
                await self._send(b"\x01")
        return None

    async def _send(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its exit says more
            self._say.write(data)
            await self._say.drain()


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
