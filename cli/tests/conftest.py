"""A real local QStash in a process of its own, and the command as people run it."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from huntaze_cli.app import run
from qstash import QStash

WORKER_URLS = ",".join(
    f"{name}=http://127.0.0.1:9"
    for name in ("video-processing", "content-trends", "data-processing", "alert-checker")
)


@dataclass(frozen=True)
class Ran:
    """One run of the command."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Huntaze = Callable[..., Ran]


@pytest.fixture(scope="session")
def server() -> Generator[dict[str, str]]:
    """A local QStash; yields the settings that it prints."""
    command = [sys.executable, "-m", "qstash_local", "serve", "--port", "0", "--log-port", "0"]
    command += ["--data", ":memory:", "--quiet", "--control"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        settings = dict(line.strip().split("=", 1) for line in (server.stdout.readline() for _ in range(4)))
        server.stdout.readline()
        yield settings
        server.send_signal(signal.SIGTERM)


@pytest.fixture
def environment(server: dict[str, str]) -> dict[str, str]:
    """The settings of an operator, against an empty local QStash."""
    authorization = {"authorization": f"Bearer {server['QSTASH_TOKEN']}"}
    httpx.post(f"{server['QSTASH_URL']}/control/reset", headers=authorization).raise_for_status()
    return {**server, "WORKER_URLS": WORKER_URLS, "STATUS_TOKEN_KEY": "k" * 40}


@pytest.fixture
def qstash(environment: dict[str, str]) -> Generator[QStash]:
    """The official client of the same server, to look and to meddle."""
    client = QStash(environment["QSTASH_TOKEN"], base_url=environment["QSTASH_URL"], retry=False)
    yield client
    client.http._client.close()


@pytest.fixture
def offline(capsys: pytest.CaptureFixture[str]) -> Huntaze:
    """Run the command with no settings but those given."""

    def call(*arguments: str, **environment: str) -> Ran:
        code = run(arguments, environment)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def huntaze(environment: dict[str, str], offline: Huntaze) -> Huntaze:
    """Run the command against the local QStash; keywords change its environment."""
    return lambda *arguments, **changed: offline(*arguments, **{**environment, **changed})
