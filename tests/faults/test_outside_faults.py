"""F7, F8: the object store and a link's server fail, are slow, cut, hang, die; over real HTTP."""

import asyncio
import contextlib
import hashlib
import os
import socket
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from huntaze_common.testing.killing import Record, Victim
from huntaze_common.testing.web import Web, response_head, serving_web

BUSY_MACHINE = 2.0
"""Seconds that the other tests of a run may cost."""
KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "object-store-secret"}
CONTENT = bytes(range(256)) * 4096 * 9
"""9 MiB: goes up in two parts."""


class Store:
    """The local object store as a process, and a proxy before it that can be told to fail."""

    def __init__(self, directory: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.directory = directory
        self.process: asyncio.subprocess.Process | None = None
        self.fault: tuple[str, str] | None = None
        """A method and what its requests meet."""
        self.met = 0
        self.url = ""

    async def start(self) -> None:
        command = [sys.executable, "-m", "huntaze_local.objectstore", "--port", str(self.port)]
        command += ["--directory", str(self.directory), "--bucket", "private"]
        self.process = await asyncio.create_subprocess_exec(
            *command, env={"PATH": os.environ.get("PATH", ""), **KEYS}
        )
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    await client.get(f"http://127.0.0.1:{self.port}/healthz")
                    return
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one request on, over a connection of its own, unless its method is to fail."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"100-continue" in head.lower():
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            body = await reader.readexactly(int(length or 0))
            method = head.partition(b" ")[0].decode()
            fault = self.fault[1] if self.fault and self.fault[0] == method else ""
            self.met += bool(fault)
            await self._answer(fault, _closing(head) + body, writer)
        writer.close()

    async def _answer(self, fault: str, request: bytes, writer: asyncio.StreamWriter) -> None:
        if fault in {"500", "503"}:
            writer.write(response_head(f"{fault} x", {"content-length": "0"}))
            return
        if fault == "reset":
            writer.transport.abort()
            return
        if fault == "slow":
            await asyncio.sleep(0.5)
        reader, out = await asyncio.open_connection("127.0.0.1", self.port)
        out.write(request[: len(request) // 2 if fault == "killed" else None])
        await out.drain()
        if fault == "killed":
            await self.kill()
            writer.transport.abort()
        else:
            answer = await reader.read()
            writer.write(answer[: len(answer) // 2] if fault == "cut" else answer)
            await writer.drain()
        out.close()


def _closing(head: bytes) -> bytes:
    """Ask the store to close after its answer, and not to wait for a 100 that the proxy has sent."""
    lines = [
        line for line in head[:-4].split(b"\r\n") if not line.lower().startswith((b"connection:", b"expect:"))
    ]
    return b"\r\n".join([*lines, b"connection: close", b"", b""])


@asynccontextmanager
async def running_store(directory: Path) -> AsyncGenerator[Store]:
    store = Store(directory)
    await store.start()
    proxy = await asyncio.start_server(store.serve, "127.0.0.1", 0, limit=1 << 24)
    store.url = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    try:
        yield store
    finally:
        proxy.close()
        await store.kill()


@pytest.fixture(scope="module")
def reaching():
    victim = Victim("huntaze_common.testing.reaching:SERVICE")
    yield victim
    victim.close()


@pytest.fixture
async def outside(laboratory, tmp_path, reaching) -> AsyncGenerator[tuple[Any, Store, Web, Path]]:
    """A worker of the reaching service, the store that it uses, and the server that its link leads to."""
    (tmp_path / "temporary").mkdir()
    async with running_store(tmp_path / "store") as store, serving_web() as web:
        web.page("/file", CONTENT)
        settings = {
            **KEYS,
            "S3_BUCKET": "private",
            "S3_ENDPOINT_URL": store.url,
            "LINK": f"{web.url}/file",
            "TEMPORARY": str(tmp_path / "temporary"),
        }
        async with laboratory.worker(reaching, **settings) as worker:
            await worker.live(lease=30)
            yield worker, store, web, tmp_path / "temporary"


STORE_FAULTS = [
    *(
        (method, fault)
        for method in ("HEAD", "PUT", "POST", "GET")
        for fault in ("500", "503", "reset", "slow")
    ),
    *(("POST", "cut"), ("GET", "cut"), ("PUT", "killed")),
]


async def test_faults_of_the_object_store(laboratory, volume, outside) -> None:
    """F7: at each step of an upload in parts and of reading back; a job is done once, its object whole."""
    worker, store, web, temporary = outside
    record = Record()
    times = []
    for method, fault in STORE_FAULTS[:: volume(3, 1)] * volume(1, 5):
        content = CONTENT + str(record.jobs).encode()
        web.page("/file", content)
        job = laboratory.job(f"{method}-{fault}-{record.jobs}")
        store.fault, store.met = (method, fault), 0
        refused = await worker.deliver(job)
        assert refused is not None
        assert store.met, (method, fault)
        # What is only slow, or cut behind all that was said, is no failure.
        assert refused.status_code in ({503} if fault in {"500", "503", "reset", "killed"} else {200, 503})
        store.fault = None
        if fault == "killed":
            await store.start()
        record.jobs += 1
        record.faults += 1
        record.deliveries += 1
        times.append(await laboratory.until_done(worker, job, record))
        assert _kept(store, content)
    record.recovery_p99 = max(times)
    assert list(temporary.iterdir()) == []
    assert (await laboratory.conclude("F7 object store fails, cuts, is killed", record)).jobs == record.jobs


def _kept(store: Store, content: bytes) -> bool:
    """Look into the store's directory: the object that the key names has the bytes that the key names."""
    digest = hashlib.sha256(content).hexdigest()
    names = [name for name in store.directory.rglob("*.json") if f"kept/{digest}" in name.read_text()]
    blobs = [blob.read_bytes() for blob in store.directory.rglob("*.blob")]
    return len(names) == 1 and blobs.count(content) == 1


HEAD = response_head("200 OK", {"content-length": str(len(CONTENT))})
DOWNSTREAM = {
    "429": ([response_head("429 x", {"content-length": "0", "retry-after": "17"})], 429),
    "500": ([response_head("500 x", {"content-length": "0"})], 503),
    "503": ([response_head("503 x", {"content-length": "0"})], 503),
    "hangs": ([60.0], 503),
    "hangs in the body": ([HEAD, CONTENT[:1000], 60.0], 503),
    "trickles": ([HEAD, *(piece for n in range(200) for piece in (CONTENT[n : n + 1], 0.1))], 503),
    "cut": ([HEAD, CONTENT[: len(CONTENT) // 2]], 503),
    "no HTTP": ([b"\x00\xff" * 100], 503),
    "redirects for ever": ([response_head("302 x", {"content-length": "0", "location": "/file"})], 489),
    "gone": ([response_head("410 x", {"content-length": "0"})], 489),
}


async def test_faults_of_a_downstream_service(laboratory, volume, outside) -> None:
    """F8: the answer says what QStash is to do, the deadline holds, and the job gets done when it passes."""
    worker, _, web, temporary = outside
    record = Record()
    for name, (pieces, status) in list(DOWNSTREAM.items()) * volume(1, 10):
        job = laboratory.job(f"{name.replace(' ', '-')}-{record.jobs}")
        web.pages["/file"] = pieces
        began = time.monotonic()
        refused = await worker.deliver(job)
        assert time.monotonic() - began < 2.0 + 1.0 + BUSY_MACHINE, name  # 2.0: DOWNLOAD_SECONDS
        assert refused is not None
        assert refused.status_code == status, (name, refused.text)
        if status == 429:
            assert 17 <= int(refused.headers["retry-after"]) <= 22
        web.page("/file", CONTENT)
        record.jobs += 1
        record.faults += 1
        record.deliveries += 1
        await laboratory.until_done(worker, job, record)
    assert list(temporary.iterdir()) == []
    assert (await laboratory.conclude("F8 downstream fails, hangs, cuts", record)).jobs == record.jobs
