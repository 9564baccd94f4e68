"""What is on disk stays true: restarts, kills, a full disk, a second server, clocks that jump."""

import asyncio
import contextlib
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from qstash_local.core.clock import Clock
from qstash_local.core.plans import PLANS, Plan
from qstash_local.server import running
from qstash_local.settings import Settings


def test_everything_accepted_survives_a_kill(start, destination, reply):
    """Messages, schedules, queues, groups, keys, dead letters and the log are all there again."""
    destination.answers("/dead", reply(status=500))
    server = start("--control")
    server.sdk.message.publish(url=f"{destination.url}/dead", retries=0)
    server.idle()
    server.sdk.schedule.create(destination="https://a.example", cron="1 1 1 1 1", schedule_id="s")
    server.sdk.schedule.pause("s")
    server.sdk.url_group.upsert_endpoints("g", [{"url": "https://a.example"}])
    server.sdk.queue.upsert("q", parallelism=3, paused=True)
    held = server.sdk.message.enqueue(queue="q", url=f"{destination.url}/held").message_id
    later = server.sdk.message.publish(url=f"{destination.url}/later", delay="2s").message_id
    events = len(server.sdk.log.list().logs)
    server.stop(signal.SIGKILL)

    server = start("--control")
    assert [entry.response_status for entry in server.sdk.dlq.list().messages] == [500]
    assert [(each.schedule_id, each.paused) for each in server.sdk.schedule.list()] == [("s", True)]
    assert [group.name for group in server.sdk.url_group.list()] == ["g"]
    assert (server.sdk.queue.get("q").parallelism, server.sdk.queue.get("q").lag) == (3, 1)
    assert len(server.sdk.log.list().logs) == events
    server.sdk.queue.resume("q")
    assert destination.wait("/held")[0].header("Upstash-Message-Id") == held
    assert destination.wait("/later")[0].header("Upstash-Message-Id") == later


def test_a_message_in_flight_is_delivered_again_with_its_id(start, destination, reply, request):
    hold = threading.Event()
    request.addfinalizer(hold.set)
    destination.answers("/x", reply(hold=hold), reply())
    server = start()
    message_id = server.sdk.message.publish(url=f"{destination.url}/x").message_id
    destination.wait("/x")
    server.stop(signal.SIGKILL)

    server = start()
    assert [each.header("Upstash-Message-Id") for each in destination.wait("/x", 2)] == [message_id] * 2
    assert [each.header("Upstash-Retried") for each in destination.at("/x")] == ["0", "0"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_cleanly(start, how):
    server = start()
    server.sdk.message.publish(url="https://a.example", delay="1h")
    began = time.monotonic()

    assert server.stop(how) == 0
    assert time.monotonic() - began < 5


def test_a_second_server_on_the_same_file_is_refused(start, tmp_path):
    start()
    command = [
        sys.executable,
        "-m",
        "qstash_local",
        "serve",
        "--port",
        "0",
        "--data",
        str(tmp_path / "qstash.db"),
    ]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert second.returncode == 1
    assert second.stderr.strip().endswith("is in use by another qstash-local server")
    assert "Traceback" not in second.stderr


def test_a_file_that_is_not_ours_is_refused(tmp_path):
    (tmp_path / "qstash.db").write_bytes(b"not a database " * 100)
    command = [
        sys.executable,
        "-m",
        "qstash_local",
        "serve",
        "--port",
        "0",
        "--data",
        str(tmp_path / "qstash.db"),
    ]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert answer.returncode == 1
    assert "cannot be used as a data file" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_taken_port_is_an_error_in_one_line(start):
    port = start().url.rpartition(":")[2]
    command = [sys.executable, "-m", "qstash_local", "serve", "--port", port, "--data", ":memory:"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (answer.returncode, answer.stderr.count("\n")) == (1, 1)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux's prlimit")
def test_a_full_disk_refuses_and_loses_nothing(start, destination, tmp_path):
    """507 while nothing can be written; what was accepted is delivered once there is room again."""
    server = start("--control", "--quiet")
    accepted = [
        server.sdk.message.publish(url=f"{destination.url}/x", delay="1s", body=str(n)).message_id
        for n in range(20)
    ]
    written = max(path.stat().st_size for path in tmp_path.iterdir())
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (written + 40_000, resource.RLIM_INFINITY))
    for _ in range(20):
        answer = server.http.post(f"/v2/publish/{destination.url}/y", content=b"x" * 10_000)
        if answer.status_code == 507:
            break
    assert answer.status_code == 507
    assert "nothing was accepted" in answer.json()["error"]

    resource.prlimit(
        server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    )
    delivered = {request.header("Upstash-Message-Id") for request in destination.wait("/x", 20)}
    assert delivered == set(accepted)
    assert server.http.post(f"/v2/publish/{destination.url}/y").status_code == 200


class Wall:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


@contextlib.asynccontextmanager
async def served(data: Path, wall: Wall, plan: Plan = PLANS["payg"]):
    """Run a server in this process, on a wall clock of the test's own."""
    settings = Settings(data=data, plan=plan)
    async with running(settings, Clock(wall)) as parts:
        transport = httpx.ASGITransport(parts.app)
        headers = {"Authorization": f"Bearer {settings.identity.token}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://server", headers=headers
        ) as client:
            yield client


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
async def test_a_jump_of_the_clock_neither_loses_nor_doubles(tmp_path, destination, jump):
    """Immediate, delayed and scheduled messages around a jump of an hour: each once."""
    wall = Wall()
    async with served(tmp_path / "q.db", wall) as client:

        async def publish(path, **headers):
            answer = await client.post(f"/v2/publish/{destination.url}{path}", headers=headers)
            assert answer.status_code == 200

        await client.post(f"/v2/schedules/{destination.url}/tick", headers={"Upstash-Cron": "* * * * *"})
        await publish("/delayed", **{"Upstash-Delay": "30m"})
        await publish("/soon", **{"Upstash-Delay": "1s"})
        wall.offset = jump
        await publish("/now")
        await _until(lambda: destination.at("/now"))
        if jump < 0:
            wall.offset = 0.0
        await _until(lambda: destination.at("/soon"))
        wall.offset = max(jump, 0) + 1900
        await _until(lambda: destination.at("/delayed"))

    for path in ("/now", "/soon", "/delayed"):
        assert len(destination.at(path)) == 1
    ids = [each.header("Upstash-Message-Id") for each in destination.at("/tick")]
    assert len(ids) == len(set(ids)) <= 3


async def test_what_was_due_when_the_clock_went_back_does_not_wait_again(tmp_path, destination, reply):
    """A message that had no room before the jump gets its turn after it, though its time is an hour ahead."""
    wall, hold = Wall(), threading.Event()
    destination.answers("/hold", reply(hold=hold))
    try:
        async with served(tmp_path / "q.db", wall, plan=PLANS["free"]) as client:
            for path in ["/hold"] * PLANS["free"].parallelism + ["/x"]:
                answer = await client.post(f"/v2/publish/{destination.url}{path}")
                assert answer.status_code == 200
            await _until(lambda: len(destination.at("/hold")) == PLANS["free"].parallelism)
            wall.offset = -3600
            hold.set()
            await _until(lambda: destination.at("/x"))
    finally:
        hold.set()


async def _until(condition, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
