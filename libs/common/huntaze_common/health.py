"""Liveness and readiness: /healthz says the loop turns, /readyz that a delivery would be taken."""

import time
from collections.abc import Callable

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from huntaze_common.postgres import TRANSIENT_ERRORS, Pool

# Probes come every few seconds from several places; the database need not answer each.
_CACHE_SECONDS = 2.0


def health_routes(pool: Pool, is_draining: Callable[[], bool]) -> list[HTTPRouteHandler]:
    """Make both routes."""
    checked_at, database_ok = 0.0, False

    @get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @get("/readyz", include_in_schema=False)
    async def readyz() -> Response[dict[str, str]]:
        nonlocal checked_at, database_ok
        if is_draining():
            return Response({"status": "draining"}, status_code=503)
        now = time.monotonic()
        if now - checked_at > _CACHE_SECONDS:
            database_ok, checked_at = await _answers(pool), now
        if not database_ok:
            return Response({"status": "database unreachable or not migrated"}, status_code=503)
        return Response({"status": "ready"})

    return [healthz, readyz]


async def _answers(pool: Pool) -> bool:
    try:
        # Also the proof that the ledger's migrations ran.
        return await pool.fetchval("SELECT to_regclass('job') IS NOT NULL", timeout=2)
    except TRANSIENT_ERRORS:
        return False
