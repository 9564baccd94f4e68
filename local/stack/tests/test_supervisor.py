"""The supervisor, with children that behave and children that don't."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
from huntaze_local.supervisor import Child, ChildFailed, Supervisor, python

FOREVER = "import time; print('up', flush=True); time.sleep(1000)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {FOREVER}"

# A stack that tells the process id of its only child and then waits.
PARENT = """
import asyncio, sys
from pathlib import Path
from huntaze_local.supervisor import Child, Supervisor

async def yes():
    return True

async def main():
    async with Supervisor(Path(sys.argv[1])) as supervisor:
        command = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(1000)"]
        await supervisor.start(Child(name="child", command=command, environment={}, ready=yes))
        await asyncio.sleep(1000)
    print("left", supervisor.interrupted_by, flush=True)

asyncio.run(main())
"""


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncGenerator[Supervisor]:
    """A supervisor whose logs are in ``tmp_path``."""
    async with Supervisor(tmp_path) as running:
        yield running


def says_up(logs: Path, name: str) -> Callable[[], Awaitable[bool]]:
    """Make a question: has the child said that it is up?"""
    log = logs / f"{name}.log"

    async def ask() -> bool:
        return log.exists() and "up" in log.read_text()

    return ask


def child(logs: Path, name: str, program: str, **changes: object) -> Child:
    fields: dict[str, object] = {
        "name": name,
        "command": [sys.executable, "-c", program],
        "environment": {},
        "ready": says_up(logs, name),
    }
    return Child(**(fields | changes))  # type: ignore[arg-type]


async def test_a_child_is_ready_when_its_address_answers(supervisor: Supervisor, tmp_path: Path) -> None:
    """Each part of the platform tells by /readyz or /healthz."""
    port = supervisor.choose_port(0)
    command = python("http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path))
    url = f"http://127.0.0.1:{port}/"
    await supervisor.start(Child(name="web", command=command, environment={}, ready=url))
    await supervisor.stop()
    assert '"GET / HTTP/1.1" 200' in (tmp_path / "web.log").read_text()


async def test_a_child_that_ends_before_it_is_ready_is_quoted(supervisor: Supervisor, tmp_path: Path) -> None:
    """The reason stands in its own output; nobody should have to look for the log."""
    program = "import sys; print('no such database'); sys.exit(3)"
    expected = "(?s)bad ended with exit code 3 before it was ready. It said last:.*no such database"
    with pytest.raises(ChildFailed, match=expected):
        await supervisor.start(child(tmp_path, "bad", program))


async def test_a_child_that_is_never_ready_is_stopped(supervisor: Supervisor, tmp_path: Path) -> None:
    """A hanging start must end."""
    with pytest.raises(ChildFailed, match=r"mute was not ready after 0.2 s"):
        await supervisor.start(child(tmp_path, "mute", "import time; time.sleep(1000)", ready_within=0.2))


async def test_a_death_is_reported_and_nothing_is_restarted(supervisor: Supervisor, tmp_path: Path) -> None:
    """Also where a grandchild still holds the pipe of the log."""
    program = "import os, sys; print('up', flush=True); os.system('setsid sleep 20 &'); sys.exit(7)"
    await supervisor.start(child(tmp_path, "brief", program))
    async with asyncio.timeout(10):
        failure = await supervisor.failure()
    assert "brief ended by itself with exit code 7" in str(failure)
    assert "up" in str(failure)


async def test_kill9_and_restart_make_a_second_life(supervisor: Supervisor, tmp_path: Path) -> None:
    """An end that was asked for is no failure."""
    await supervisor.start(child(tmp_path, "cat", FOREVER))
    await supervisor.kill9("cat")
    (tmp_path / "cat.log").unlink()
    await supervisor.restart("cat")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await supervisor.failure()


async def test_children_stop_in_reverse_order(tmp_path: Path) -> None:
    """A service must not lose its database before it has finished."""
    program = (
        "import signal, sys, time\n"
        "def leave(*_): print('stopped', time.monotonic_ns(), flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        f"{FOREVER}"
    )
    async with Supervisor(tmp_path) as supervisor:
        for name in ("first", "second", "third"):
            await supervisor.start(child(tmp_path, name, program))
    ends = {path.stem: int(path.read_text().split()[-1]) for path in tmp_path.glob("*.log")}
    assert sorted(ends, key=ends.__getitem__) == ["third", "second", "first"]


async def test_a_stubborn_child_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    """Ctrl-C twice: the second one waits for nobody."""
    await supervisor.start(child(tmp_path, "mule", STUBBORN))
    stopping = asyncio.create_task(supervisor.stop())
    await asyncio.sleep(0)
    supervisor.interrupted_by = signal.SIGINT
    began = time.monotonic()
    os.kill(os.getpid(), signal.SIGINT)
    await stopping
    assert time.monotonic() - began < 5
    supervisor.interrupted_by = None


async def test_a_line_without_end_does_not_stop_the_log(supervisor: Supervisor, tmp_path: Path) -> None:
    """Logs are hostile input too."""
    program = "print('x' * 3_000_000, flush=True); print('up', flush=True); import time; time.sleep(1000)"
    await supervisor.start(child(tmp_path, "long", program))
    assert "too long to keep" in (tmp_path / "long.log").read_text()


async def test_lines_are_echoed_with_their_childs_name(tmp_path: Path) -> None:
    """`./dev up` shows all logs in one place."""
    lines: list[str] = []
    async with Supervisor(tmp_path, lines.append) as supervisor:
        await supervisor.start(child(tmp_path, "video", FOREVER))
    assert lines == ["video    | up"]


async def test_ports_are_the_preferred_ones_where_free(supervisor: Supervisor) -> None:
    """And never the same twice, though neither is in use yet."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert supervisor.choose_port(port) != port
    assert supervisor.choose_port(port) == port
    assert supervisor.choose_port(port) != port


def run_parent(tmp_path: Path) -> tuple["subprocess.Popen[str]", int]:
    """Start a stack, and return it with the process id of its child."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    log = tmp_path / "child.log"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (log.exists() and log.read_text().strip()):
        time.sleep(0.02)
    return parent, int(log.read_text())


def has_ended(pid: int) -> bool:
    """Wait until a process that is not ours has ended; a zombie has."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            Path(f"/proc/{pid}/exe").readlink()
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux")
def test_children_die_with_a_stack_that_is_killed(tmp_path: Path) -> None:
    """Otherwise the next start would find its ports taken."""
    parent, pid = run_parent(tmp_path)
    with parent:
        parent.kill()
    assert has_ended(pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_everything_cleanly(tmp_path: Path, signum: int) -> None:
    """Ctrl-C at a terminal, SIGTERM from whoever runs us: no traceback, nothing left."""
    parent, pid = run_parent(tmp_path)
    with parent:
        parent.send_signal(signum)
        assert parent.stdout is not None
        assert parent.stdout.read() == f"left {int(signum)}\n"
        assert parent.wait(10) == 0
    assert has_ended(pid)
