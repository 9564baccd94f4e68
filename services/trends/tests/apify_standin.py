"""A stand-in of the Apify API with faults, over real HTTP. It shares no code with what it tests."""

import asyncio
import base64
import gzip
import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import uvicorn


@dataclass
class Run:
    """One run that was started, and so is paid for."""

    id: str
    actor: str
    input: Any
    options: dict[str, str]
    webhooks: list[dict[str, Any]]
    rows: list[bytes]
    started_at: datetime
    status: str = "RUNNING"

    def shown(self) -> dict[str, Any]:
        ended = self.status not in ("READY", "RUNNING")
        return {
            "id": self.id, "actId": self.actor, "userId": "u", "status": self.status,
            "startedAt": self.started_at.isoformat(),
            "finishedAt": (self.started_at + timedelta(seconds=30)).isoformat() if ended else None,
            "meta": {"origin": "API"}, "stats": {}, "buildId": "b", "buildNumber": "1.0.1", "usageTotalUsd": 0.25 if ended else 0.0,
            "options": {"build": "latest", "timeoutSecs": 900, "memoryMbytes": 1024, "diskMbytes": 2048},
            "defaultKeyValueStoreId": f"kv-{self.id}", "defaultDatasetId": f"ds-{self.id}",
            "defaultRequestQueueId": f"rq-{self.id}",
        }  # fmt: skip


@dataclass
class Apify:
    """The account: what its runs find, what goes wrong, and what was asked."""

    now: Callable[[], datetime]
    rows: list[bytes] = field(default_factory=list)
    """What the next run finds."""
    status: str = "SUCCEEDED"
    """How runs end."""
    hides: int = 0
    """How many rows of a dataset are counted and not shown yet."""
    faults: dict[str, list[str]] = field(default_factory=dict)
    """For 'start', 'items' and 'run': what the next requests meet, in turn."""
    runs: list[Run] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    on_start: Callable[[Run], Any] | None = None
    """Awaited before the start is answered."""
    url: str = ""

    def end(self) -> None:
        """Let all runs end."""
        for run in self.runs:
            if run.status == "RUNNING":
                run.status = self.status

    async def ring(self, run: Run, *, event: str | None = None) -> httpx.Response:
        """Call the run's webhook, as Apify does when it has ended."""
        (hook,) = run.webhooks
        event = event or f"ACTOR.RUN.{run.status.replace('-', '_')}"
        assert event in hook["eventTypes"]
        body = hook["payloadTemplate"].replace("{{eventData.actorRunId}}", json.dumps(run.id))
        body = body.replace("{{resource.defaultDatasetId}}", json.dumps(f"ds-{run.id}"))
        headers = {"content-type": "application/json", **json.loads(hook["headersTemplate"])}
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            return await client.post(hook["requestUrl"], content=body, headers=headers)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        body += message.get("body", b"")
        headers = dict(scope["headers"])
        assert headers[b"authorization"] == b"Bearer test-token"
        if headers.get(b"content-encoding") == b"gzip":
            body = gzip.decompress(body)
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        self.requests.append((scope["method"], scope["path"]))
        await self._route(scope["method"], scope["path"], query, body, send)

    async def _route(self, method: str, path: str, query: dict[str, str], body: bytes, send: Any) -> None:
        match method, path.removeprefix("/v2/").split("/"):
            case "POST", ["actors" | "acts", actor, "runs"]:
                await self._start(actor, query, body, send)
            case "GET", ["actors" | "acts", actor, "runs"]:
                found = [run.shown() for run in self.runs if run.actor == actor][::-1]
                page = {"items": found, "total": len(found), "offset": 0, "limit": 100, "desc": True}
                await answer(send, 200, {"data": {**page, "count": len(found)}})
            case "GET", ["actor-runs", run_id, "key-value-store", "records", "INPUT"]:
                await answer(send, 200, self._run(run_id).input)
            case "GET", ["actor-runs", run_id]:
                if not await self._fault("run", send):
                    await answer(send, 200, {"data": self._run(run_id).shown()})
            case "GET", ["datasets", dataset_id]:
                await self._dataset(self._run(dataset_id.removeprefix("ds-")), send)
            case "GET", ["datasets", dataset_id, "items"]:
                await self._items(self._run(dataset_id.removeprefix("ds-")), query, send)
            case _:
                await answer(send, 404, {"error": {"type": "record-not-found", "message": path}})

    async def _start(self, actor: str, query: dict[str, str], body: bytes, send: Any) -> None:
        fault = self._next_fault("start")
        if fault in ("429", "400", "500"):
            await answer(send, int(fault), {"error": {"type": f"e{fault}", "message": "no"}})
            return
        run = Run(
            id=f"run{len(self.runs)}", actor=actor, input=json.loads(body), options=query,
            webhooks=json.loads(base64.b64decode(query.get("webhooks", "W10="))), rows=list(self.rows),
            started_at=self.now(),
        )  # fmt: skip
        self.runs.append(run)
        if self.on_start:
            await self.on_start(run)
        if fault == "500 although started":
            await answer(send, 500, {"error": {"type": "internal", "message": "oops"}})
        else:
            await answer(send, 201, {"data": run.shown()})

    async def _dataset(self, run: Run, send: Any) -> None:
        at = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
        await answer(send, 200, {"data": {
            "id": f"ds-{run.id}", "userId": "u", "createdAt": at, "modifiedAt": at, "accessedAt": at,
            "itemCount": len(run.rows), "cleanItemCount": len(run.rows), "consoleUrl": "https://example.com",
        }})  # fmt: skip

    async def _items(self, run: Run, query: dict[str, str], send: Any) -> None:
        shown = run.rows[: len(run.rows) - self.hides]
        page = shown[int(query.get("offset", 0)) :][: int(query["limit"])]
        fault = self._next_fault("items")
        if fault in ("429", "500"):
            await answer(send, int(fault), {"error": {"type": "e", "message": "no"}})
            return
        if fault == "short page":
            page = page[: max(1, len(page) // 2)]
        content = b"".join(row + b"\n" for row in page)
        if fault == "cut in a row":
            content = content[: len(content) * 2 // 3]
        if fault == "slow":
            await asyncio.sleep(0.3)
        # The length that was promised shows the client a body that broke off; a cut one looks whole.
        length = len(content) + (1000 if fault == "broken off" else 0)
        await send_raw(send, 200, content, "application/x-ndjson", length)

    async def _fault(self, where: str, send: Any) -> bool:
        fault = self._next_fault(where)
        if fault:
            await answer(send, int(fault), {"error": {"type": "e", "message": "no"}})
        return bool(fault)

    def _next_fault(self, where: str) -> str | None:
        waiting = self.faults.get(where)
        return waiting.pop(0) if waiting else None

    def _run(self, run_id: str) -> Run:
        return self.runs[int(re.sub(r"\D", "", run_id))]


async def answer(send: Any, status: int, content: Any) -> None:
    body = json.dumps(content).encode()
    await send_raw(send, status, body, "application/json; charset=utf-8", len(body))


async def send_raw(send: Any, status: int, body: bytes, kind: str, length: int) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if length > len(body):
        await send({"type": "http.response.body", "body": body, "more_body": True})
        raise ConnectionResetError("the stand-in breaks off")
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(app: Any, port: int = 0) -> AsyncGenerator[str]:
    """Serve an application on a free port of 127.0.0.1."""
    config = uvicorn.Config(app, port=port, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
        if task.done():
            task.result()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
