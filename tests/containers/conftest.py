"""The platform as containers, built from this checkout: only with --containers, because it takes minutes.

Without a Docker engine that answers, build-support/engine.sh brings one up (root on Debian).
"""

import asyncio
import os
import shlex
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from huntaze_common.publishing import encode_job
from huntaze_common.secret import Secret
from huntaze_common.settings import Bucket
from huntaze_common.storage import open_object_store
from huntaze_common.tokens import make_token
from huntaze_contracts.registry import WORKERS
from pytest_docker.plugin import Services

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy" / "compose.yaml"
UNAVAILABLE = 69


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say why these tests don't run, and give those that do the time that images take."""
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.docker)
        item.add_marker(pytest.mark.timeout(900))
        if not config.getoption("--containers"):
            item.add_marker(pytest.mark.skip(reason="builds and runs containers: ask with --containers"))


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine, the machine's own or ours, in this process's environment."""
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        return
    script = str(ROOT / "build-support" / "engine.sh")
    up = subprocess.run(["bash", script, "up"], capture_output=True, text=True, check=False)
    if up.returncode == UNAVAILABLE:
        pytest.skip(up.stderr.strip().splitlines()[-1])
    assert up.returncode == 0, up.stderr
    exports = subprocess.run(["bash", script, "env"], capture_output=True, text=True, check=True).stdout
    os.environ.update(entry.split("=", 1) for entry in shlex.split(exports)[1:])


@pytest.fixture(scope="session")
def images(engine: None) -> str:
    """The five images, built from this checkout; returns their tag."""
    subprocess.run(
        ["sh", str(ROOT / "build-support" / "images.sh")], env={**os.environ, "TAG": "test"}, check=True
    )
    for service in ("video", "trends", "data", "alerts"):
        subprocess.run(["docker", "tag", f"huntaze/{service}:test", f"huntaze/{service}:next"], check=True)
    return "test"


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Secrets of this run's own."""
    directory = tmp_path_factory.mktemp("secrets")
    subprocess.run(["sh", str(COMPOSE.parent / "compose" / "make-secrets.sh"), str(directory)], check=True)
    return directory


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    """pytest-docker: the file that operators use."""
    return str(COMPOSE)


@pytest.fixture(scope="session")
def docker_compose_command(images: str, secrets: Path) -> str:
    """pytest-docker: with this run's images and secrets, on ports that the engine chooses."""
    settings = {"TAG": images, "SECRETS": secrets, "QSTASH_PORT": 0, "POSTGRES_PORT": 0, "OBJECTS_PORT": 0}
    if "POSTGRES_IMAGE" in os.environ:
        settings["POSTGRES_IMAGE"] = os.environ["POSTGRES_IMAGE"]
    file = secrets / "compose.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return f"docker compose --env-file {file}"


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    """pytest-docker: start everything and wait until it is healthy."""
    return ["up --detach --wait --quiet-pull"]


@dataclass(frozen=True, slots=True)
class Platform:
    """The running containers, seen as an operator and as a producer see them."""

    services: Services
    secrets: Path
    project: str

    def compose(self, command: str) -> str:
        """Run ``docker compose`` on this platform and return its output."""
        return self.services._docker_compose.execute(command).decode()

    def url(self, service: str, port: int = 8000) -> str:
        """Return where a container's port is to be reached; containers change, so it is asked each time."""
        endpoint = self.compose(f"port {service} {port}").strip()
        return f"http://{endpoint}"

    def secret(self, name: str) -> str:
        """Read one of this run's secrets."""
        return (self.secrets / name).read_text()

    def dsn(self, database: str = "huntaze") -> str:
        """Return the administrator's address of a database."""
        address = self.url("postgres", 5432).removeprefix("http://")
        return f"postgresql://postgres:{self.secret('postgres_password')}@{address}/{database}"

    def object_store(self) -> Any:
        """Open the platform's bucket."""
        return open_object_store(
            Bucket(
                name="huntaze",
                endpoint_url=self.url("objects", 9000),
                region="us-east-1",
                key_id=Secret(self.secret("objects_key_id")),
                secret_key=Secret(self.secret("objects_secret_key")),
            )
        )

    def operator(self) -> dict[str, str]:
        """Make the header that the status API and the metrics want."""
        expires = datetime.now(UTC) + timedelta(hours=1)
        key = Secret(self.secret("status_token_key"))
        return {"authorization": f"Bearer {make_token(key, user_id='tests', expires=expires, operator=True)}"}

    def huntaze(self, command: str, *, files: Path | None = None) -> str:
        """Run the operator's command where the workers are reached; ``files`` is what it sees as /files."""
        mount = f"--user {os.getuid()}:{os.getgid()} --volume {files}:/files" if files else ""
        return self.compose(f"run --rm --no-deps -T {mount} operator {command}")

    def roll(self, service: str, tag: str) -> None:
        """Put another version in a worker's place, as the guide says."""
        script = ["sh", str(COMPOSE.parent / "compose" / "roll.sh"), service]
        options = ["--env-file", str(self.secrets / "compose.env"), "-p", self.project]
        environment = {**os.environ, f"{service.upper()}_TAG": tag}
        subprocess.run([*script, *options], env=environment, check=True)

    def qstash(self, path: str, **parameters: Any) -> Any:
        """Ask the platform's QStash."""
        headers = {"authorization": f"Bearer {self.secret('qstash_token')}"}
        answer = httpx.get(self.url("qstash", 8080) + path, params=parameters, headers=headers)
        return answer.raise_for_status().json()

    def hold_back(self, worker: str, *, hold: bool) -> None:
        """Stop a worker's deliveries, or let them go on."""
        headers = {"authorization": f"Bearer {self.secret('qstash_token')}"}
        verb = "pause" if hold else "resume"
        url = f"{self.url('qstash', 8080)}/v2/flowControl/{worker}/{verb}"
        httpx.post(url, headers=headers).raise_for_status()

    def publish(self, worker: str, payload: Any, job_id: str, *, flow: str | None = None) -> None:
        """Publish a job as a producer in any language does: over HTTP, through the platform's QStash."""
        target = WORKERS[worker]
        headers = {
            "authorization": f"Bearer {self.secret('qstash_token')}",
            "content-type": "application/json",
            "upstash-retries": str(target.retries),
            "upstash-timeout": f"{target.timeout}s",
            "upstash-deduplication-id": job_id,
        }
        if flow:
            headers |= {"upstash-flow-control-key": worker, "upstash-flow-control-value": flow}
        body = encode_job(worker, payload, job_id=job_id, user_id="tests", enqueued_at=datetime.now(UTC))
        destination = f"http://{target.service}:8000{target.path}"
        answer = httpx.post(
            f"{self.url('qstash', 8080)}/v2/publish/{destination}", content=body, headers=headers
        )
        assert answer.status_code in {200, 201}, answer.text

    def query(self, statement: str, *arguments: Any, database: str = "huntaze") -> list[asyncpg.Record]:
        """Ask the database as its administrator."""

        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.dsn(database))
            try:
                return await connection.fetch(statement, *arguments)
            finally:
                await connection.close()

        return asyncio.run(run())

    def finished(
        self, service: str, prefix: str, *, count: int = 1, state: str = "%", seconds: float = 300
    ) -> list[asyncpg.Record]:
        """Wait until ``count`` jobs, ``prefix`` or ``prefix``-1 and so on, are over, and return their ledger rows.

        With ``state``, until they are over in that state.
        """
        mine = "job_id = $1 OR starts_with(job_id, $1 || '-')"
        over = "finished_at IS NOT NULL AND state LIKE $2"
        statement = f"SELECT * FROM {service}.job WHERE ({mine}) AND {over}"
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                rows = self.query(statement, prefix, state)
            except (OSError, asyncpg.PostgresError):  # the database may be what the test restarts
                rows = []
            if len(rows) >= count:
                return rows
            time.sleep(0.5)
        raise AssertionError(
            f"{len(rows)} of {count} jobs {prefix}… are done; {self.compose(f'logs --tail 30 {service}')}"
        )


@pytest.fixture(scope="session")
def platform(docker_services: Services, secrets: Path, docker_compose_project_name: str) -> Platform:
    """Everything that deploy/compose.yaml starts, healthy."""
    return Platform(docker_services, secrets, docker_compose_project_name)
