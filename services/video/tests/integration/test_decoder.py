"""The decoding process, from outside: it can do little, and it can always be stopped."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import clips
import pytest
from huntaze_video.decoder import process
from huntaze_video.errors import (
    DecoderCrashed,
    DecoderOverran,
    DecoderStopped,
    MediaTooLarge,
    MediaUnsupported,
)
from huntaze_video.extraction import Extraction, ExtractRequest, Limits, Progress
from huntaze_video.spool import open_local

REQUEST = ExtractRequest()


async def extract(
    path: Path, request: ExtractRequest, *, limits: Limits, on_progress: Callable[[Progress], None]
) -> Extraction:
    """Extract from a local file."""
    with open_local(path) as source:
        return await process.extract(source, request, limits=limits, on_progress=on_progress)


def nothing(_: Progress) -> None:
    """Ignore progress."""


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute and a third that take seconds to decode."""
    frames = clips.scene(1, 50, size=(640, 360), speed=3) * 40
    return clips.write(tmp_path_factory.mktemp("long") / "long.mp4", frames)


def children() -> set[int]:
    """Return the decoding processes that this test process has."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True)
    lines = listed.stdout.decode().splitlines()
    return {int(line.split()[0]) for line in lines if "huntaze_video.decoder" in line}


async def test_a_video_is_extracted_in_another_process(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "a.mp4", clips.scene(1, 40) + clips.scene(2, 40))

    found = await extract(path, REQUEST, limits=Limits(), on_progress=nothing)

    assert [cut.end_frame for cut in found.transitions] == [40]
    assert found.cost.cpu_seconds > 0
    assert not children()


async def test_the_memory_is_that_of_the_decoder_alone(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "a.mp4", clips.scene(1, 4))
    held_by_the_parent = bytes(b"x" * (600 << 20))

    found = await extract(path, REQUEST, limits=Limits(), on_progress=nothing)

    assert 1 << 20 < found.cost.peak_memory < len(held_by_the_parent) // 2


async def test_progress_goes_by_decoded_time(long_clip: Path) -> None:
    seen: list[Progress] = []

    await extract(long_clip, REQUEST, limits=Limits(), on_progress=seen.append)

    assert [p.share for p in seen] == sorted(p.share for p in seen)
    assert all(abs(p.share - p.time / 80) < 0.01 for p in seen)
    assert len(seen) >= 2


async def test_cancelling_kills_the_process_within_a_second(long_clip: Path) -> None:
    started = asyncio.Event()

    def note(_: Progress) -> None:
        started.set()

    job = asyncio.create_task(extract(long_clip, REQUEST, limits=Limits(), on_progress=note))
    await started.wait()
    began = monotonic()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job

    assert monotonic() - began < 1
    assert not children()


async def test_the_deadline_kills_the_process(long_clip: Path) -> None:
    with pytest.raises(DecoderStopped):
        await extract(long_clip, REQUEST, limits=Limits(wall_seconds=0.5), on_progress=nothing)

    assert not children()


async def test_cpu_time_is_limited(long_clip: Path) -> None:
    with pytest.raises(DecoderOverran):
        await extract(long_clip, REQUEST, limits=Limits(cpu_seconds=1), on_progress=nothing)


async def test_memory_is_limited(tmp_path: Path) -> None:
    """Below what the libraries have mapped already: the first picture fails, in libav's code or in ours."""
    path = clips.write(tmp_path / "wide.mp4", clips.scene(1, 3, size=(1920, 1080)))

    with pytest.raises((MediaTooLarge, DecoderCrashed)):
        await extract(path, REQUEST, limits=Limits(address_space=64 << 20), on_progress=nothing)


def test_nothing_is_left_to_load_after_confinement(tmp_path: Path) -> None:
    """A library that loads a part of itself late would find its files closed to it."""
    pictures = clips.dissolve(clips.scene(1, 40), clips.scene(2, 40), 12)
    path = clips.write(tmp_path / "a.mkv", pictures, sound=1.0)
    program = (
        "import sys\n"
        "from huntaze_video.decoder.preload import preload\n"
        "from huntaze_video.extraction import ExtractRequest, ImageFormat, Limits\n"
        "from huntaze_video.extractor import extract\n"
        "preload(); before = set(sys.modules)\n"
        "for image_format in ImageFormat:\n"
        "    with open(sys.argv[1], 'rb') as source:\n"
        "        extract(source, ExtractRequest(image_format=image_format), Limits(), lambda _: None)\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )

    ended = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True)

    assert (ended.returncode, ended.stdout) == (0, "\n"), ended.stderr


@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGSEGV, DecoderCrashed), (signal.SIGABRT, DecoderCrashed), (signal.SIGKILL, DecoderStopped)],
)
async def test_a_dead_process_is_an_error_of_its_job(
    long_clip: Path, number: signal.Signals, error: type[Exception]
) -> None:
    """A crash is the file's fault; being killed from outside is the machine's."""

    def kill(_: Progress) -> None:
        for child in children():
            os.kill(child, number)

    with pytest.raises(error):
        await extract(long_clip, REQUEST, limits=Limits(), on_progress=kill)


async def test_a_refusal_keeps_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("#EXTM3U\n")

    with pytest.raises(MediaUnsupported, match="no MP4"):
        await extract(path, REQUEST, limits=Limits(), on_progress=nothing)


async def test_an_oversized_answer_is_not_read(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "a.mp4", clips.scene(1, 10))

    with pytest.raises(DecoderCrashed, match="announced"):
        await extract(path, REQUEST, limits=Limits(answer_bytes=1000), on_progress=nothing)


FORBIDDEN = {
    "a connection": "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "a local socket": "socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)",
    "a new process": "os.fork()",
    "another program": "os.execv('/bin/true', ['true'])",
    "a signal to its parent": "os.kill(os.getppid(), 0)",
    "a file to write": "os.open('/tmp/huntaze-confined', os.O_WRONLY | os.O_CREAT)",
    "a file to read": "os.open('/proc/self/environ', os.O_RDONLY)",
    "memory": "bytearray(4 << 30)",
    "a new name space": "ctypes.CDLL(None, use_errno=True).unshare(0x40000000) == 0 or sys.exit(7)",
}


@pytest.mark.skipif(sys.platform != "linux", reason="the system call filter is Linux's")
@pytest.mark.parametrize("attempt", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_a_confined_process_gets_no(attempt: str) -> None:
    program = (
        "import ctypes, os, socket, sys, threading\n"
        "from huntaze_video.decoder.confinement import confine\n"
        "from huntaze_video.extraction import Limits\n"
        "confine(Limits())\n"
        "worker = threading.Thread(target=print, args=('threads work',)); worker.start(); worker.join()\n"
        f"try:\n    {attempt}\n"
        "except (OSError, MemoryError):\n    sys.exit(7)\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (ended.returncode, ended.stdout) == (7, "threads work\n"), ended.stderr


async def test_the_process_sees_no_secret_of_the_service(
    long_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://canary")
    seen: list[bytes] = []

    def look(_: Progress) -> None:
        seen.extend(Path(f"/proc/{child}/environ").read_bytes() for child in children())

    await extract(long_clip, REQUEST, limits=Limits(), on_progress=look)

    assert seen
    assert not any(b"canary" in environment for environment in seen)
