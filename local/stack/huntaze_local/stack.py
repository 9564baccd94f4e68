"""Everything on loopback: the database, the object store, QStash, the Apify stand-in and the four services.

The services are processes with nothing but environment variables, as in production.
"""

import asyncio
import base64
import os
import secrets
import tomllib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
import msgspec
from huntaze_common.publishing import QStashPublisher
from huntaze_common.secret import Secret
from huntaze_common.settings import Bucket
from huntaze_common.storage import S3ObjectStore, open_object_store
from huntaze_contracts.base import Envelope, Schedule
from huntaze_contracts.registry import WORKERS

from huntaze_local import appdb, database
from huntaze_local.postgres import Server, embedded_postgres
from huntaze_local.supervisor import Child, ChildFailed, Supervisor, python

BUCKET = "huntaze"

# The first of the four public identities of QStash's development servers: good for loopback only.
QSTASH_TOKEN = "eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0="  # noqa: S105
SIGNING_KEYS = ("sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r", "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs")

_PREFERRED_PORTS = {
    "qstash": 8080,
    "objects": 9000,
    "apify": 8090,
    "video": 8001,
    "trends": 8002,
    "data": 8003,
    "alerts": 8004,
    "console": 8005,
}
_REPOSITORY = Path(__file__).resolve().parents[3]
_SCHEDULES = _REPOSITORY / "deploy" / "schedules.toml"


@dataclass(frozen=True, slots=True)
class Stack:
    """The running platform and how to reach its parts."""

    supervisor: Supervisor
    server: Server
    urls: Mapping[str, str]
    """Base URL of each process, by name."""
    passwords: Mapping[str, str]
    status_token_key: str
    channel_key: str
    """Encrypts the secrets of the alerts service's channels."""
    object_keys: tuple[str, str]
    """Access key id and secret of the object store."""
    console_password: str

    def publisher(self) -> QStashPublisher:
        """Make a publisher that reaches the four workers through the local QStash."""
        workers = {name: self.urls[worker.service] for name, worker in WORKERS.items()}
        return QStashPublisher(token=QSTASH_TOKEN, url=self.urls["qstash"], worker_urls=workers)

    def object_store(self) -> AbstractAsyncContextManager[S3ObjectStore]:
        """Open the bucket of the local object store."""
        key_id, secret = self.object_keys
        bucket = Bucket(
            name=BUCKET,
            endpoint_url=self.urls["objects"],
            region="us-east-1",
            key_id=Secret(key_id),
            secret_key=Secret(secret),
        )
        return open_object_store(bucket)

    def dsn(self, role: str) -> str:
        """Return the address of the database for one of the services' roles."""
        return self.server.dsn_of(role, self.passwords[role])


@asynccontextmanager
async def running_stack(
    directory: Path,
    *,
    tell: Callable[[str], None],
    echo: Callable[[str], None] | None = None,
    today: date | None = None,
) -> AsyncGenerator[Stack]:
    """Start the platform with its data in ``directory``, and stop it when the block is left.

    Args:
        directory: holds the databases, the objects, the secrets and the logs between runs.
        tell: gets one line per step.
        echo: gets every line that a process writes; the logs have them in any case.
        today: the day up to which the sample data of the application reaches; the present one if absent.

    Raises:
        ChildFailed, PostgresError: something could not start; the message is for the person at the terminal.
    """
    directory.mkdir(parents=True, exist_ok=True)
    kept = _Kept.load(directory / "secrets.json")
    async with embedded_postgres(directory / "postgres") as server:
        tell(f"PostgreSQL          127.0.0.1:{server.port}")
        await _prepare_database(server, kept.passwords, today or datetime.now(UTC).date())
        async with Supervisor(directory / "logs", echo) as supervisor:
            urls = {
                name: f"http://127.0.0.1:{supervisor.choose_port(port)}"
                for name, port in _PREFERRED_PORTS.items()
            }
            stack = Stack(
                supervisor,
                server,
                urls,
                kept.passwords,
                kept.status_token_key,
                kept.channel_key,
                kept.object_keys,
                kept.console_password,
            )
            await _start_outside_world(stack, directory, tell)
            await asyncio.gather(*(_migrate(stack, name) for name in _services()))
            await _grant_views(server)
            await asyncio.gather(*(supervisor.start(_service(stack, name)) for name in _services()))
            for name in _services():
                tell(f"{name + ' service':<19} {urls[name]}")
            await apply_schedules(stack)
            await supervisor.start(_console(stack))
            tell(f"console             {urls['console']}")
            yield stack


async def apply_schedules(stack: Stack) -> None:
    """Make the schedules of deploy/schedules.toml; their ids are stable, so twice changes nothing."""
    async with aclosing(stack.publisher()) as publisher:
        for schedule_id, entry in tomllib.loads(_SCHEDULES.read_text(encoding="utf-8")).items():
            zone = entry.get("time_zone")
            cron = f"CRON_TZ={zone} {entry['cron']}" if zone else entry["cron"]
            envelope = Envelope(
                type=entry["worker"],
                schedule=Schedule(id=schedule_id, cron=cron),
                payload=msgspec.Raw(msgspec.json.encode(entry["payload"])),
            )
            await publisher.schedule(
                entry["worker"],
                schedule_id=schedule_id,
                cron=cron,
                body=msgspec.json.encode(envelope),
            )


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Secrets of this installation, made once."""

    passwords: dict[str, str]
    status_token_key: str
    channel_key: str = msgspec.field(default_factory=_fernet_key)
    console_password: str = msgspec.field(default_factory=lambda: secrets.token_urlsafe(15))
    object_keys: tuple[str, str]

    @classmethod
    def load(cls, path: Path) -> "_Kept":
        if path.exists():
            kept = msgspec.json.decode(path.read_bytes(), type=cls)
            kept.save(path)  # with what an older version did not know
            return kept
        kept = cls(
            passwords={role: secrets.token_urlsafe(24) for role in database.ROLES},
            status_token_key=secrets.token_urlsafe(32),
            object_keys=("local", secrets.token_urlsafe(24)),
        )
        kept.save(path)
        return kept

    def save(self, path: Path) -> None:
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(self))
        fresh.rename(path)


def _services() -> list[str]:
    return [worker.service for worker in WORKERS.values()]


async def _prepare_database(server: Server, passwords: Mapping[str, str], today: date) -> None:
    connection = await asyncpg.connect(server.dsn)
    try:
        await database.apply_roles(connection, passwords)
        await appdb.install(connection, today=today)
    finally:
        await connection.close()


async def _grant_views(server: Server) -> None:
    connection = await asyncpg.connect(server.dsn)
    try:
        await connection.execute(
            (_REPOSITORY / "deploy" / "database" / "0003_ops_read.sql").read_text("utf-8")
        )
    finally:
        await connection.close()


async def _start_outside_world(stack: Stack, directory: Path, tell: Callable[[str], None]) -> None:
    def port(name: str) -> str:
        return stack.urls[name].rpartition(":")[2]

    environment = _inherited()
    children = [
        Child(
            name="qstash",
            command=python(
                "qstash_local", "serve", "--port", port("qstash"), "--data", str(directory / "qstash.db")
            ),
            environment=environment,
            ready=f"{stack.urls['qstash']}/healthz",
        ),
        Child(
            name="objects",
            command=python(
                "huntaze_local.objectstore",
                *("--port", port("objects"), "--directory", str(directory / "objects"), "--bucket", BUCKET),
            ),
            environment={**environment, **_object_keys(stack)},
            ready=f"{stack.urls['objects']}/healthz",
        ),
        Child(
            name="apify",
            command=python("huntaze_local.apify", "--port", port("apify")),
            environment=environment,
            ready=f"{stack.urls['apify']}/healthz",
        ),
    ]
    await asyncio.gather(*(stack.supervisor.start(child) for child in children))
    tell(f"object store        {stack.urls['objects']}")
    tell(f"QStash              {stack.urls['qstash']}")
    tell(f"Apify (sample data) {stack.urls['apify']}")


async def _migrate(stack: Stack, name: str) -> None:
    owner = f"huntaze_{name}_owner"
    process = await asyncio.create_subprocess_exec(
        *python(f"huntaze_{name}", "contract"),  # nothing serves yet
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**_inherited(), "MIGRATION_DATABASE_URL": stack.dsn(owner)},
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise ChildFailed(f"the migrations of {name} failed:\n{output.decode(errors='replace')}")


def _service(stack: Stack, name: str) -> Child:
    url = stack.urls[name]
    return Child(
        name=name,
        command=python(f"huntaze_{name}", "serve"),
        environment={
            **_inherited(),
            "ENVIRONMENT": "development",
            "PUBLIC_BASE_URL": url,
            "HOST": "127.0.0.1",
            "PORT": url.rpartition(":")[2],
            "DATABASE_URL": stack.dsn(f"huntaze_{name}"),
            "QSTASH_URL": stack.urls["qstash"],
            "QSTASH_TOKEN": QSTASH_TOKEN,
            "QSTASH_CURRENT_SIGNING_KEY": SIGNING_KEYS[0],
            "QSTASH_NEXT_SIGNING_KEY": SIGNING_KEYS[1],
            "WORKER_URLS": _worker_urls(stack),
            "STATUS_TOKEN_KEY": stack.status_token_key,
            "CHANNEL_KEY": stack.channel_key,
            "LEASE_SECONDS": "10",  # shorter than QStash's first back-off: a killed job goes on at once
            "S3_BUCKET": BUCKET,
            "S3_ENDPOINT_URL": stack.urls["objects"],
            **_object_keys(stack),
            "APIFY_API_URL": stack.urls["apify"],
            "APIFY_TOKEN": "sample-data",
            **_optional(),
        },
        ready=f"{url}/readyz",
    )


def _console(stack: Stack) -> Child:
    url = stack.urls["console"]
    return Child(
        name="console",
        command=python("huntaze_console"),
        environment={
            **_inherited(),
            "PUBLIC_BASE_URL": url,
            "PORT": url.rpartition(":")[2],
            "QSTASH_URL": stack.urls["qstash"],
            "QSTASH_TOKEN": QSTASH_TOKEN,
            "WORKER_URLS": _worker_urls(stack),
            "STATUS_TOKEN_KEY": stack.status_token_key,
            "CONSOLE_PASSWORD": stack.console_password,
            "SCHEDULES_FILE": str(_SCHEDULES),
        },
        ready=f"{url}/healthz",
    )


def _worker_urls(stack: Stack) -> str:
    return ",".join(f"{worker.name}={stack.urls[worker.service]}" for worker in WORKERS.values())


def _object_keys(stack: Stack) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": stack.object_keys[0], "AWS_SECRET_ACCESS_KEY": stack.object_keys[1]}


def _inherited() -> dict[str, str]:
    """What a process needs of ours to run at all; no secret of the developer's shell gets further."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "PYTHONWARNINGS")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _optional() -> dict[str, str]:
    """Settings that a developer may set to use the real thing instead of leaving a step out."""
    kept = ("PHI4_ENDPOINT", "PHI4_API_KEY", "PHI4_MODEL")
    return {name: os.environ[name] for name in kept if name in os.environ}
