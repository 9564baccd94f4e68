"""The server is killed at random moments while everything is in flight: nothing accepted is lost.

A small run by default; `pytest --faults` makes 200 kills over 2,000 messages and 50 schedules.
"""

import contextlib
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import httpx
import pytest

RATE, PARALLELISM = 20, 2


@dataclass
class Size:
    kills: int
    messages: int
    schedules: int


@dataclass
class Observed:
    """What the destination saw: per path and body, in order; and how many calls of a key overlapped."""

    bodies: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    open_calls: Counter = field(default_factory=Counter)
    most_open: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def observing(destination, reply, observed):
    """Let the destination keep count, fail what is to fail, and take its time over one key."""

    def remember(request):
        with observed.lock:
            observed.bodies[request.path].append(request.body.decode())
        return reply(status=500, headers={"Retry-After": "0"}) if request.path == "/dead" else reply()

    def bounded(request):
        # Only calls of the same server process count: what a killed one left open is not in its power.
        run = request.header("Upstash-Region")
        with observed.lock:
            observed.open_calls[run] += 1
            observed.most_open = max(observed.most_open, observed.open_calls[run])
        time.sleep(0.01)
        with observed.lock:
            observed.open_calls[run] -= 1
        return remember(request)

    for path in (
        "/plain",
        "/delayed",
        "/dead",
        "/cb",
        "/work",
        "/rate",
        "/queue0",
        "/queue1",
        "/queue2",
        "/tick",
    ):
        destination.replies[path] = remember
    destination.replies["/bounded"] = bounded


def publication(destination, number):
    """Return path and options of the n-th message: every kind in turn."""
    url, kind = destination.url, number % 8
    if kind < 3:
        return f"enqueue/queue{kind}/{url}/queue{kind}", {}
    options = [
        ("/plain", {}),
        ("/delayed", {"Upstash-Delay": f"{number % 5 * 200}ms"}),
        ("/dead", {"Upstash-Retries": "1"}),
        ("/work", {"Upstash-Callback": f"{url}/cb"}),
        (
            (
                "/bounded",
                {
                    "Upstash-Flow-Control-Key": "calls",
                    "Upstash-Flow-Control-Value": f"parallelism={PARALLELISM}",
                },
            )
            if number % 16 < 8
            else (
                "/rate",
                {"Upstash-Flow-Control-Key": "rate", "Upstash-Flow-Control-Value": f"rate={RATE},period=1s"},
            )
        ),
    ]
    path, headers = options[kind - 3]
    return f"publish/{url}{path}", headers


class Publisher(threading.Thread):
    """Publishes every message until it is accepted once, through whatever server runs."""

    def __init__(self, destination, count, servers, pause):
        super().__init__(daemon=True)
        self.accepted: dict[int, str] = {}
        self._destination, self._count, self._servers, self._pause = destination, count, servers, pause
        self._http = httpx.Client(timeout=5)
        self.error: Exception | None = None

    def run(self):
        try:
            with self._http:
                self._publish_all()
        except Exception as error:  # handed to the test's own thread
            self.error = error

    def _publish_all(self):
        for number in range(self._count):
            while number not in self.accepted:
                self._publish(number)
            time.sleep(self._pause)

    def _publish(self, number):
        server = self._servers[-1]
        path, headers = publication(self._destination, number)
        # An answer may be lost with the server: the id makes asking again harmless.
        headers = {
            "Authorization": f"Bearer {server.token}",
            "Upstash-Deduplication-Id": str(number),
            **headers,
        }
        try:
            answer = self._http.post(f"{server.url}/v2/{path}", headers=headers, content=str(number))
        except httpx.TransportError:
            time.sleep(0.01)
            return
        assert answer.status_code in (200, 202), answer.text
        self.accepted[number] = answer.json()["messageId"]


@pytest.mark.timeout(1800)
def test_random_kills_lose_nothing(start, destination, reply, request):
    full = request.config.getoption("--faults", default=False)
    size = Size(200, 2_000, 50) if full else Size(6, 160, 5)
    rng, observed = random.Random(4711), Observed()
    observing(destination, reply, observed)
    servers = [start("--control", "--region", "run-0")]
    for number in range(size.schedules):
        servers[0].sdk.schedule.create(
            destination=f"{destination.url}/tick", cron="* * * * *", schedule_id=f"s{number}"
        )
    # Spread over the kills, a bit more than half a second each, so that every one hits work in flight.
    publisher = Publisher(destination, size.messages, servers, pause=0.6 * size.kills / size.messages)
    publisher.start()
    for number in range(size.kills):
        time.sleep(rng.uniform(0.02, 0.5))
        servers[-1].stop(signal.SIGKILL)
        servers.append(start("--control", "--region", f"run-{number + 1}"))
    publisher.join(600)
    assert publisher.error is None
    last = servers[-1]
    last.http.post("/control/clock/advance", json={"by": "10m"}, timeout=300).raise_for_status()

    accepted = publisher.accepted
    assert len(accepted) == len(set(accepted.values())) == size.messages
    check_delivered(observed, accepted, destination, last)
    check_order(observed, accepted)
    check_limits(observed, last)
    check_schedules(last, size.schedules)


def check_delivered(observed, accepted, destination, server):
    """Accepted is delivered or dead-lettered; the dead letters are exactly the messages meant to fail."""
    expected = defaultdict(set)
    for number in accepted:
        path = publication(destination, number)[0].partition(destination.url)[2]
        expected[path].add(str(number))
    for path, numbers in expected.items():
        assert numbers == set(observed.bodies[path]), path
    dead, cursor = [], None
    while True:
        page = server.sdk.dlq.list(cursor=cursor)
        dead += [entry.message_id for entry in page.messages]
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(dead) == sorted(accepted[int(number)] for number in expected["/dead"])
    sources = {body.partition('"sourceMessageId":"')[2].partition('"')[0] for body in observed.bodies["/cb"]}
    assert sources == {accepted[int(number)] for number in expected["/work"]}


def check_order(observed, accepted):
    """A queue's message may come twice after a kill, but never after its successor."""
    for queue in range(3):
        numbers = [int(body) for body in observed.bodies[f"/queue{queue}"]]
        assert numbers == sorted(numbers)


def check_schedules(server, count):
    """Every schedule is there, and made one message for each minute that had come, never two."""
    assert len(server.sdk.schedule.list()) == count
    for number in range(count):
        page = server.http.get(f"/v2/events?scheduleId=s{number}&state=CREATED").json()
        minutes = [event["time"] // 60_000 for event in page["events"]]
        assert len(minutes) == len(set(minutes)) == max(minutes) - min(minutes) + 1 >= 10


def check_limits(observed, server):
    """Never more calls at once than allowed, and never more starts in a window, over all restarts."""
    assert 0 < observed.most_open <= PARALLELISM
    starts, cursor = [], ""
    while cursor is not None:
        query = f"flowControlKey=rate&state=ACTIVE&order=earliestFirst&cursor={cursor}"
        page = server.http.get(f"/v2/events?{query}").json()
        starts += [event["time"] for event in page["events"]]
        cursor = page.get("cursor")
    while starts:
        window = [at for at in starts if at < starts[0] + 1000]
        assert len(window) <= RATE
        starts = starts[len(window) :]


def test_a_kill_during_a_schedules_instant_fires_it_once(start, destination):
    """An instant and its message are one transaction: never two messages for one instant."""
    server = start("--control")
    server.sdk.schedule.create(destination=f"{destination.url}/tick", cron="* * * * *")
    now = server.control("clock/pause")["now"]
    with contextlib.suppress(httpx.TransportError):
        killer = threading.Timer(0.005, server.process.send_signal, (signal.SIGKILL,))
        killer.start()
        server.http.post("/control/clock/advance", json={"by": (60_000 - now % 60_000) / 1000})
    killer.join()
    server.stop(signal.SIGKILL)
    server = start("--control")
    events = server.http.get("/v2/events?state=CREATED").json()["events"]
    assert len(events) <= 1
