"""Our endpoint with a no-op job: without the ledger, with two bare commits in its place, or whole."""

import argparse
import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import uvicorn
import uvloop
from huntaze_common import logs
from huntaze_common.lifecycle import Delivered, Hints, Lifecycle
from huntaze_common.metrics import Metrics
from huntaze_common.run import Run
from huntaze_common.secret import Secret
from huntaze_common.service import Service, running
from huntaze_common.settings import WorkerSettings
from huntaze_common.signature import SignatureVerifier
from huntaze_common.signed_requests import SignedRequests
from huntaze_common.testing.signing import KEY, NEXT_KEY
from huntaze_common.worker import WorkerEndpoint
from huntaze_contracts.alerts import AlertsChecked, CheckAlerts
from huntaze_contracts.registry import WORKERS
from litestar import Litestar
from litestar.handlers import asgi

WORKER = WORKERS["alert-checker"]


class _DecodeOnly(Lifecycle):
    """The lifecycle without its ledger: for this comparison only."""

    async def deliver(self, body: bytes, *, signed_at: float, hints: Hints) -> Delivered:
        self.decode(body)
        return Delivered("done", b"{}")


class _TwoCommits(Lifecycle):
    """The lifecycle with what no ledger can do without: a commit before the work and one after it."""

    async def deliver(self, body: bytes, *, signed_at: float, hints: Hints) -> Delivered:
        envelope, _ = self.decode(body)
        await self._pool.execute("INSERT INTO bare VALUES ($1, false)", envelope.job_id)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("UPDATE bare SET done = true WHERE id = $1", envelope.job_id)
        return Delivered("done", b"{}")


async def _job(job: CheckAlerts, run: Run, _deps: None) -> AlertsChecked:
    return AlertsChecked(slot=run.now())


@asynccontextmanager
async def _no_deps(_settings: WorkerSettings, _pool: Any) -> AsyncGenerator[None]:
    yield None


SERVICE = Service("bench", WORKER.name, "huntaze_common.testing", WorkerSettings, _job, _no_deps)


async def main(port: int, dsn: str | None, bare: bool) -> None:
    """Serve until killed."""
    logs.configure("bench", "warning")
    if dsn is None or bare:
        pool = dsn and await asyncpg.create_pool(dsn, min_size=16, max_size=16)
        await _serve(_without_ledger(_TwoCommits if bare else _DecodeOnly, port, pool), port)
        return
    settings = WorkerSettings(
        environment="development",
        public_base_url=f"http://127.0.0.1:{port}",
        database_url=Secret(dsn),
        database_pool_size=16,
        qstash_token=Secret("token"),
        qstash_current_signing_key=Secret(KEY),
        qstash_next_signing_key=Secret(NEXT_KEY),
    )
    async with running(SERVICE, settings) as (app, _endpoint, _lifecycle):
        await _serve(app, port)


def _without_ledger(kind: type[Lifecycle], port: int, pool: Any) -> Litestar:
    metrics = Metrics("bench", WORKER.name)
    lifecycle = kind(
        worker=WORKER,
        handler=_job,
        ledger=None,
        heart=None,
        pool=pool,
        publisher=None,
        metrics=metrics,
        clock=time.time,
    )
    verifier = SignatureVerifier(KEY, NEXT_KEY, clock=time.time)
    requests = SignedRequests(verifier, f"http://127.0.0.1:{port}{WORKER.path}", max_body=WORKER.max_body)
    route = asgi(WORKER.path, copy_scope=False)(WorkerEndpoint(lifecycle, requests, metrics).__call__)
    return Litestar([route], openapi_config=None, logging_config=None)


async def _serve(app: Litestar, port: int) -> None:
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, access_log=False, log_config=None, loop="uvloop"
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dsn")
    parser.add_argument("--bare", action="store_true")
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(arguments.port, arguments.dsn, arguments.bare))
