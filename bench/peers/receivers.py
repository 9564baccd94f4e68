"""Receivers as tutorials write them: FastAPI, the official Receiver, asyncpg. Run as a victim process.

naive           does the work for every delivery
check-then-act  looks whether the job was done, works, and notes that it is (as django-qstash does)
mark-first      notes the job before the work, and skips what is noted (QStash's own recipe)
"""

import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
import msgspec
from fastapi import FastAPI, HTTPException, Request
from huntaze_common.testing.victim import serve_lives
from qstash import Receiver
from qstash.errors import SignatureError

TABLES = """
CREATE TABLE effect (job_id text NOT NULL);
CREATE TABLE total (n bigint NOT NULL);
INSERT INTO total VALUES (0);
CREATE TABLE processed (job_id text PRIMARY KEY);
"""


@asynccontextmanager
async def open_receiver(variant: str, settings: Mapping[str, str]) -> AsyncGenerator[FastAPI]:
    """Open one variant as an ASGI application."""
    receiver = Receiver(settings["QSTASH_CURRENT_SIGNING_KEY"], settings["QSTASH_NEXT_SIGNING_KEY"])
    pool = await asyncpg.create_pool(settings["DATABASE_URL"], min_size=1, max_size=5)
    app = FastAPI()

    @app.post("/api/workers/alert-checker")
    async def work(request: Request) -> dict[str, str]:
        body = await request.body()
        try:
            receiver.verify(signature=request.headers.get("upstash-signature", ""), body=body.decode())
        except SignatureError:
            raise HTTPException(401) from None
        await RECEIVERS[variant](pool, msgspec.json.decode(body)["jobId"])
        return {}

    yield app
    await pool.close()


async def _effects(pool: asyncpg.Pool, job_id: str) -> None:
    await pool.execute("INSERT INTO effect VALUES ($1)", job_id)
    await pool.execute("UPDATE total SET n = n + 1")


async def _check_then_act(pool: asyncpg.Pool, job_id: str) -> None:
    if not await pool.fetchval("SELECT 1 FROM processed WHERE job_id = $1", job_id):
        await _effects(pool, job_id)
        await pool.execute("INSERT INTO processed VALUES ($1) ON CONFLICT DO NOTHING", job_id)


async def _mark_first(pool: asyncpg.Pool, job_id: str) -> None:
    mark = "INSERT INTO processed VALUES ($1) ON CONFLICT DO NOTHING RETURNING 1"
    if await pool.fetchval(mark, job_id):
        await _effects(pool, job_id)


RECEIVERS = {"naive": _effects, "check-then-act": _check_then_act, "mark-first": _mark_first}

if __name__ == "__main__":
    serve_lives(partial(open_receiver, sys.argv[1]), int(sys.argv[2]))
