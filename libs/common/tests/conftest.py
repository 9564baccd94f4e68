"""Fixtures of common's tests: an object store in a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import httpx
import pytest
from huntaze_common.secret import Secret
from huntaze_common.settings import Bucket
from huntaze_common.testing.web import Web, serving_web


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
