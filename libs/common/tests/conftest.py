"""Fixtures of common's tests: an object store in a process of its own, and a service in this one."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn
from huntaze_common.postgres import migrate
from huntaze_common.publishing import encode_job
from huntaze_common.run import Handler, Run
from huntaze_common.secret import Secret
from huntaze_common.service import Service, running
from huntaze_common.settings import Bucket
from huntaze_common.testing import counting
from huntaze_common.testing.recording import RecordingQStash, recording_qstash
from huntaze_common.testing.signing import KEY, NEXT_KEY, signed_headers
from huntaze_common.testing.web import Web, serving_web
from huntaze_common.tokens import make_token
from huntaze_contracts.alerts import CheckAlerts

STATUS_KEY = Secret("status-token-key-of-the-tests-0123456789")


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Generator[Bucket]:
    """An empty bucket in the local stack's store, which checks signatures."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    arguments = ["--port", str(port), "--directory", str(tmp_path_factory.mktemp("objects"))]
    keys = {"AWS_ACCESS_KEY_ID": "test-key", "AWS_SECRET_ACCESS_KEY": "test-secret"}
    process = subprocess.Popen(
        [sys.executable, "-m", "huntaze_local.objectstore", *arguments, "--bucket", "private"],
        env={"PATH": os.environ.get("PATH", ""), **keys},
        cwd=Path(__file__).parent,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_answers(f"{url}/healthz", process)
        yield Bucket(
            name="private",
            endpoint_url=url,
            region="us-east-1",
            key_id=Secret(keys["AWS_ACCESS_KEY_ID"]),
            secret_key=Secret(keys["AWS_SECRET_ACCESS_KEY"]),
        )
    finally:
        process.terminate()
        process.wait(10)


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait for a server that was just started."""
    give_up = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < give_up:
        try:
            httpx.get(url, trust_env=False).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{url} does not answer")


@pytest.fixture
async def web() -> AsyncGenerator[Web]:
    """A web server that does what a test tells it."""
    async with serving_web() as site:
        yield site


@dataclass(frozen=True, slots=True)
class Running:
    """The counting service on a port of this machine, with a database and a QStash of its own."""

    http: httpx.AsyncClient
    dsn: str
    qstash: RecordingQStash

    async def deliver(
        self, body: bytes, path: str = "/api/workers/alert-checker", **how: Any
    ) -> httpx.Response:
        """Deliver a signed body; ``how`` as for `signed_headers`."""
        headers = signed_headers(body, f"{self.http.base_url}".rstrip("/") + path, **how)
        return await self.http.post(path, content=body, headers=headers)

    @staticmethod
    def job(job_id: str, **more: Any) -> bytes:
        """Make the envelope of a job of the user u1."""
        envelope = {"user_id": "u1", "enqueued_at": datetime.now(UTC), **more}
        return encode_job("alert-checker", CheckAlerts(), job_id=job_id, **envelope)

    @staticmethod
    def bearer(user_id: str = "u1", *, operator: bool = False) -> dict[str, str]:
        """Make the header of a user's request."""
        expires = datetime.now(UTC) + timedelta(minutes=1)
        token = make_token(STATUS_KEY, user_id=user_id, expires=expires, operator=operator)
        return {"authorization": f"Bearer {token}"}

    async def sql(self, statement: str, *arguments: object) -> Any:
        """Run one statement and return its rows."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetch(statement, *arguments)
        finally:
            await connection.close()


@pytest.fixture
async def service(database: str, tmp_path: Path) -> AsyncGenerator[Running]:
    """The running service that counts, as `python -m huntaze_… serve` would run it."""
    async with serving(counting.SERVICE, database, tmp_path) as handle:
        yield handle


@pytest.fixture
def serve(database: str, tmp_path: Path) -> Callable[[Handler], AbstractAsyncContextManager[Running]]:
    """Run the service with a job function of the test's own, and maybe with other fields."""

    def serve_with(handle: Handler, **fields: Any) -> AbstractAsyncContextManager[Running]:
        async def call(job: Any, run: Run, _deps: Any) -> Any:
            return await handle(job, run)

        return serving(replace(counting.SERVICE, handle=call, **fields), database, tmp_path)

    return serve_with


@asynccontextmanager
async def serving(service: Service[Any, Any], database: str, directory: Path) -> AsyncGenerator[Running]:
    """Make the service's schema in an empty database, and serve it on a free port."""
    connection = await asyncpg.connect(database)
    await connection.execute(
        f"CREATE SCHEMA counting; ALTER DATABASE {database.rpartition('/')[2]} SET search_path = counting"
    )
    await connection.close()
    await migrate(database, "huntaze_common.testing", schema="counting")
    with socket.create_server(("127.0.0.1", 0)) as listener, recording_qstash() as qstash:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = counting.CountingSettings(
            environment="development",
            public_base_url=url,
            database_url=Secret(database),
            qstash_url=qstash.url,
            qstash_token=Secret("token"),
            qstash_current_signing_key=Secret(KEY),
            qstash_next_signing_key=Secret(NEXT_KEY),
            status_token_key=STATUS_KEY,
            object_directory=directory,
        )
        async with running(service, settings) as (app, _, _), served(app, listener):
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
                handle = Running(http, database, qstash)
                await handle.sql(counting.TABLES.partition(";")[0])
                await handle.sql("CREATE TABLE total AS SELECT 0::bigint AS n")
                yield handle


@asynccontextmanager
async def served(app: Any, listener: socket.socket) -> AsyncGenerator[None]:
    """Serve an application on a listening socket."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", access_log=False))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
