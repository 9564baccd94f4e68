"""A service as one value, and its command line: `serve`, `migrate` and `contract`.

What a new worker must bring is the fields of `Service`; everything else is here once.
"""

import argparse
import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeVar

import structlog
from huntaze_contracts.registry import WORKERS
from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler, asgi

from huntaze_common import logs, postgres, server
from huntaze_common.callbacks import MAX_BODY as MAX_CALLBACK
from huntaze_common.callbacks import FailureCallback
from huntaze_common.errors import ConfigurationError
from huntaze_common.health import health_routes
from huntaze_common.ledger.claims import Ledger
from huntaze_common.ledger.heart import Heart
from huntaze_common.lifecycle import Lifecycle
from huntaze_common.metrics import Metrics
from huntaze_common.operating_api import Links, operating_routes
from huntaze_common.postgres import Pool
from huntaze_common.problems import PROBLEMS
from huntaze_common.publishing import FAILURE_CALLBACK_PATH, QStashPublisher
from huntaze_common.settings import (
    WorkerSettings,
    from_environment,
    parse_worker_urls,
    read_variable,
    refuse_public_keys,
)
from huntaze_common.signature import SignatureVerifier
from huntaze_common.signed_requests import SignedRequests
from huntaze_common.status_api import status_routes, visible_jobs
from huntaze_common.tokens import TokenReader
from huntaze_common.worker import WorkerEndpoint

S = TypeVar("S", bound=WorkerSettings)
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Service(Generic[S, D]):
    """One deployable worker."""

    name: str
    """Short name: its database schema, its image, its log field."""
    worker: str
    """The worker's name in `huntaze_contracts.registry`."""
    package: str
    """The import package, whose `migrations/` directory holds its tables."""
    settings: type[S]
    handle: Callable[[Any, Any, D], Any]
    """The job function: payload, run, dependencies → result."""
    open: Callable[[S, Pool], AbstractAsyncContextManager[D]]
    """Opens the dependencies from the settings and closes them again."""
    routes: Sequence[HTTPRouteHandler] = field(default=())
    """Routes beside the worker's own; their handlers take the dependencies as `deps`."""
    objects: Callable[[D], Links] | None = None
    """Where the objects are that its results name; None when they name none."""


@asynccontextmanager
async def running(
    service: Service[S, D],
    settings: S,
    *,
    clock: Callable[[], float] = time.time,
) -> AsyncGenerator[tuple[Litestar, WorkerEndpoint, Lifecycle]]:
    """Open everything a service needs, and yield its application.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """
    refuse_public_keys(settings)
    lease = timedelta(seconds=settings.lease_seconds)
    worker = WORKERS[service.worker]
    base_url = settings.public_base_url.rstrip("/")
    dsn = settings.database_url.reveal()
    publisher = QStashPublisher(
        token=settings.qstash_token.reveal(),
        url=settings.qstash_url,
        worker_urls={**parse_worker_urls(settings.worker_urls), worker.name: base_url},
    )
    verifier = SignatureVerifier(
        settings.qstash_current_signing_key.reveal(), settings.qstash_next_signing_key.reveal(), clock=clock
    )
    metrics = Metrics(service.name, worker.name)
    tokens = TokenReader(settings.status_token_key, clock=clock)
    pool = await postgres.open_pool(dsn, size=settings.database_pool_size, name=f"huntaze-{service.name}")
    heart = Heart(dsn, lease=lease, name=f"huntaze-{service.name}")
    heart.start()
    try:
        async with service.open(settings, pool) as deps:
            ledger = Ledger(pool, lease=lease, owner=f"{socket.gethostname()}:{os.getpid()}")
            lifecycle = Lifecycle(
                worker=worker,
                handler=partial(_call, service.handle, deps),
                ledger=ledger,
                heart=heart,
                pool=pool,
                publisher=publisher,
                metrics=metrics,
                clock=clock,
            )
            visible = visible_jobs(ledger, tokens)
            deliveries = SignedRequests(verifier, base_url + worker.path, max_body=worker.max_body)
            endpoint = WorkerEndpoint(lifecycle, deliveries, metrics)
            callbacks = SignedRequests(verifier, base_url + FAILURE_CALLBACK_PATH, max_body=MAX_CALLBACK)
            app = Litestar(
                [
                    asgi(worker.path, copy_scope=False)(endpoint.__call__),
                    asgi(FAILURE_CALLBACK_PATH, copy_scope=False)(
                        FailureCallback(ledger, callbacks).__call__
                    ),
                    *status_routes(
                        ledger=ledger, pool=pool, publisher=publisher, tokens=tokens, visible=visible
                    ),
                    *operating_routes(
                        pool=pool,
                        tokens=tokens,
                        visible=visible,
                        links=service.objects(deps) if service.objects else None,
                        clock=clock,
                    ),
                    *metrics.routes(pool, tokens),
                    *health_routes(pool, lambda: endpoint.draining),
                    *service.routes,
                ],
                dependencies={"deps": Provide(lambda: deps, sync_to_thread=False)},
                exception_handlers=PROBLEMS,
                openapi_config=None,
                logging_config=None,
            )
            yield app, endpoint, lifecycle
    finally:
        heart.stop()
        await publisher.aclose()
        await pool.close()


async def _call(handle: Callable[[Any, Any, D], Any], deps: D, payload: Any, run: Any) -> Any:
    return await handle(payload, run, deps)


def command_line(service: Service[S, D], arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run ``python -m huntaze_<name> serve|migrate|contract`` and return the exit code."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {service.package}", description=f"The {service.worker} worker."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve the worker's endpoint; settings come from the environment")
    commands.add_parser(
        "migrate",
        help="add to the service's schema what this version needs; run before it serves,"
        " with MIGRATION_DATABASE_URL of the schema's owner",
    )
    commands.add_parser(
        "contract",
        help="migrate, and take away what only older versions need; run when none of them serves any more and"
        " none will again",
    )
    command = parser.parse_args(arguments).command
    try:
        if command in {"migrate", "contract"}:
            return _migrate(service, environment, contract=command == "contract")
        settings = from_environment(service.settings, environment)
        logs.configure(service.name, settings.log_level)
        with asyncio.Runner(loop_factory=server.new_event_loop) as runner:
            return runner.run(_serve(service, settings))
    except ConfigurationError as error:
        sys.stderr.write(f"{service.package}: {error}\n")
        return 78  # EX_CONFIG


def _migrate(service: Service[Any, Any], environment: Mapping[str, str], *, contract: bool) -> int:
    try:
        dsn = read_variable("MIGRATION_DATABASE_URL", environment)
        dsn = dsn or read_variable("DATABASE_URL", environment)
    except OSError as error:
        raise ConfigurationError(f"MIGRATION_DATABASE_URL_FILE: {error.strerror}") from None
    if not dsn:
        raise ConfigurationError("MIGRATION_DATABASE_URL is missing")
    applied = asyncio.run(postgres.migrate(dsn, service.package, schema=service.name, contract=contract))
    sys.stdout.write("\n".join(applied or ["nothing to do"]) + "\n")
    return 0


async def _serve(service: Service[S, D], settings: S) -> int:
    async with running(service, settings) as (app, endpoint, lifecycle):
        structlog.get_logger().info("serving", worker=service.worker, port=settings.port)
        await server.serve(
            app,
            host=settings.host,
            port=settings.port,
            grace=settings.shutdown_grace,
            on_stop=partial(_drain, endpoint, lifecycle),
        )
    return 0


async def _drain(endpoint: WorkerEndpoint, lifecycle: Lifecycle, grace: float) -> None:
    endpoint.draining = True
    await lifecycle.shut_down(grace)
