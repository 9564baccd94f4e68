"""The embedded PostgreSQL server: real processes, killed in every way."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from huntaze_local.lock import InUse
from huntaze_local.postgres import PostgresError, embedded_postgres

# A stack that commits rows as fast as it can, and tells each one after its commit.
COMMITTING_STACK = """
import asyncio, sys
from pathlib import Path
import asyncpg
from huntaze_local.postgres import embedded_postgres

async def main():
    async with embedded_postgres(Path(sys.argv[1])) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE TABLE told (number integer)")
        number = 0
        while True:
            await connection.execute("INSERT INTO told VALUES ($1)", number)
            print(number, flush=True)
            number += 1

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cluster for the tests that only start and stop it: making one takes most of a second."""
    return tmp_path_factory.mktemp("postgres")


async def start_and_ask(home: Path, question: str = "SELECT 1") -> object:
    async with embedded_postgres(home) as server:
        connection = await asyncpg.connect(server.dsn)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()


async def test_data_and_password_stay_between_runs(home: Path) -> None:
    """A second `./dev up` finds what the first one left."""
    await start_and_ask(home, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert await start_and_ask(home, "SELECT answer FROM kept") == 42
    assert (home / "superuser.password").stat().st_mode & 0o777 == 0o600


async def test_only_the_password_opens_the_server(home: Path) -> None:
    """Everybody on the machine can reach the port."""
    async with embedded_postgres(home) as server:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.dsn_of("postgres", "guessed"))


async def test_durability_is_on_and_it_listens_on_loopback(home: Path) -> None:
    """Only memory is sized for development."""
    async with embedded_postgres(home) as server:
        connection = await asyncpg.connect(server.dsn)
        settings = ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "server_encoding")
        shown = [await connection.fetchval(f"SHOW {name}") for name in settings]
        await connection.close()
    assert shown == ["on", "on", "on", "127.0.0.1", "UTF8"]


async def test_a_second_stack_on_the_same_directory_is_refused(home: Path) -> None:
    """Two servers on one cluster would destroy it; the message names who has it."""
    async with embedded_postgres(home):
        with pytest.raises(InUse, match=f"in use by process {os.getpid()}"):
            await start_and_ask(home)


async def test_a_cluster_of_another_version_is_refused(tmp_path: Path) -> None:
    """PostgreSQL's own words would be in a log that nobody reads."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("16\n")
    (tmp_path / "superuser.password").write_text("secret")
    with pytest.raises(
        PostgresError, match=r"made by PostgreSQL 16, which the installed PostgreSQL 18 can't"
    ):
        await start_and_ask(tmp_path)


async def test_a_taken_port_is_named(home: Path) -> None:
    """The default is often taken by another PostgreSQL."""
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(PostgresError, match=f"can't listen on port {port}: Address already in use"):
            async with embedded_postgres(home, port):
                pass


async def test_a_stale_process_id_of_somebody_else_does_not_block_the_start(home: Path) -> None:
    """After a crash and a reboot, the number in postmaster.pid may be anybody's; here it is ours."""
    await start_and_ask(home)
    stale = home / "data" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{home / 'data'}\n1\n5432\n\n127.0.0.1\n1 1\nready\n")
    assert await start_and_ask(home) == 1


async def test_a_making_that_was_interrupted_is_begun_anew(tmp_path: Path) -> None:
    """Half a cluster must never be taken for a whole one."""
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")
    assert await start_and_ask(tmp_path) == 1
    assert not (tmp_path / "data.new").exists()


async def test_the_loss_of_the_server_is_reported(home: Path) -> None:
    """Whoever runs the stack must not find out by a timeout."""
    async with embedded_postgres(home) as server:
        pid = int((home / "data" / "postmaster.pid").read_text().splitlines()[0])
        exited = asyncio.create_task(server.exited())
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            await exited
    assert await start_and_ask(home) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux")
def test_kill_9_of_the_stack_loses_no_commit_and_leaves_no_server(tmp_path: Path) -> None:
    """The server follows its stack within moments, and the next stack finds every row that was told."""
    command = [sys.executable, "-c", COMMITTING_STACK, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stack:
        assert stack.stdout is not None
        for line in stack.stdout:
            if line.strip() == "200":
                break
        pid = int((tmp_path / "data" / "postmaster.pid").read_text().splitlines()[0])
        stack.kill()
        told = [int(line) for line in stack.stdout]
    last = told[-1] if told else 200
    kept = asyncio.run(start_and_ask(tmp_path, "SELECT array_agg(number ORDER BY number) FROM told"))
    assert kept[: last + 1] == list(range(last + 1))  # type: ignore[index]
    assert len(kept) <= last + 2  # type: ignore[arg-type]
    assert not Path("/proc", str(pid), "exe").exists()  # at most a zombie that nobody has waited for
