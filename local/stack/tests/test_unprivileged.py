"""PostgreSQL refuses root; the stack does not. These run where the tests run as root (containers do)."""

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import asyncpg
import pytest
from huntaze_local.postgres import embedded_postgres
from huntaze_local.unprivileged import UNSHARE

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")

NO_NAMESPACES = """
from pathlib import Path
from huntaze_local.unprivileged import account_for
account_for(Path({path!r}), Path("/usr/bin"))
"""


@pytest.fixture
def open_directory() -> Generator[Path]:
    """A directory that everybody may enter; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def namespaces_work() -> bool:
    return subprocess.run([*UNSHARE, "true"], check=False, capture_output=True).returncode == 0


async def owner_of_a_running_server(directory: Path) -> int:
    async with embedded_postgres(directory) as server:
        connection = await asyncpg.connect(server.dsn)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        pid = (directory / "data" / "postmaster.pid").read_text().splitlines()[0]
        return Path("/proc", pid).stat().st_uid


async def test_root_runs_it_as_nobody_or_in_a_namespace(open_directory: Path) -> None:
    """A container, then a clone under a closed /root; opening and closing a parent must not cost the data."""
    nobody = pwd.getpwnam("nobody").pw_uid
    assert await owner_of_a_running_server(open_directory) == nobody
    assert (open_directory / "data").stat().st_uid == nobody
    assert (open_directory / "superuser.password").stat().st_uid == 0
    if not namespaces_work():
        pytest.skip("no user namespaces here")
    open_directory.chmod(0o700)
    assert await owner_of_a_running_server(open_directory) == 0
    open_directory.chmod(0o755)
    assert await owner_of_a_running_server(open_directory) == nobody


async def test_root_runs_it_as_the_owner_of_the_directory(open_directory: Path) -> None:
    """After `sudo ./dev up` the user can still start it without sudo."""
    daemon = pwd.getpwnam("daemon").pw_uid
    os.chown(open_directory, daemon, -1)
    assert await owner_of_a_running_server(open_directory) == daemon


@pytest.mark.skipif(not namespaces_work(), reason="no user namespaces here")
def test_where_nothing_works_the_message_says_what_to_do(open_directory: Path) -> None:
    """Seen in containers that forbid namespaces; made here by a namespace that allows no further ones."""
    open_directory.chmod(0o700)
    program = NO_NAMESPACES.format(path=str(open_directory))
    shell = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -c "$1"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", shell, sys.executable, program]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"may not enter {open_directory}" in done.stderr
    assert "run as an ordinary user, or move the repository" in done.stderr
