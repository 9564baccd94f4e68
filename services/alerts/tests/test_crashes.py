"""kill -9 of the service wherever it can be: no transition and no message is lost, and none happens twice."""

import asyncio
import base64
import os
import random
import time
from collections import Counter
from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from huntaze_alerts import store
from huntaze_alerts.delivery import IN_FLIGHT
from huntaze_alerts.vault import Vault
from huntaze_common.publishing import encode_job
from huntaze_common.secret import Secret
from huntaze_common.testing.killing import Target, Victim, kill_everywhere
from huntaze_common.testing.recording import recording_qstash
from huntaze_common.testing.signing import KEY, NEXT_KEY
from huntaze_common.testing.web import serving_web
from huntaze_contracts.alerts import CheckAlerts, DeliverNotifications, SendNotification
from huntaze_contracts.base import Payload

WORKER = "alert-checker"
SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
CHANNEL_KEY = Fernet.generate_key().decode()


def envelope(name: str, payload: Payload) -> bytes:
    return encode_job(WORKER, payload, job_id=name, user_id="ann", enqueued_at=datetime.now(UTC))


@pytest.fixture(scope="module")
def process() -> Generator[Victim]:
    """The process that lives and dies; its imports are paid once."""
    victim = Victim("huntaze_alerts.app:SERVICE", path=os.environ.get("PYTHONPATH", ""))
    yield victim
    victim.close()


@pytest.fixture
def nightly(request: pytest.FixtureRequest) -> bool:
    """Whether every step is tried (`--faults`), or every seventh."""
    return request.config.getoption("--faults")


@pytest.fixture
async def crash(installed, connect, process):
    """A world of its own for a process of the service, and where its messages go."""
    world = await connect(installed)
    await world.pool.execute("DELETE FROM rule")
    world.slot = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=3)
    async with serving_web() as web:
        web.page("/hook")
        with recording_qstash() as qstash:
            settings = {
                "ENVIRONMENT": "development",
                "DATABASE_URL": installed,
                "QSTASH_URL": qstash.url,
                "QSTASH_TOKEN": "token",
                "QSTASH_CURRENT_SIGNING_KEY": KEY,
                "QSTASH_NEXT_SIGNING_KEY": NEXT_KEY,
                "S3_BUCKET": "huntaze",
                "CHANNEL_KEY": CHANNEL_KEY,
                "SEND_SECONDS": "0.4",
            }
            world.web, world.target = web, Target(process, f"/api/workers/{WORKER}", settings)
            yield world
            await world.target.aclose()


async def test_kills_at_every_step_of_a_check(crash, nightly) -> None:
    """A slot each, killed at each await in turn: in the end every user's alert is there once, told once."""
    await crash.rule(group_by=("subject",), window=3 * 3600)
    for n in range(100):
        await crash.sample("r", 120, user_id=f"user-{n}", ago=0)

    def check(n: int) -> bytes:
        return envelope(f"check-{n}", CheckAlerts(slot=crash.slot + timedelta(minutes=n)))

    record = await kill_everywhere(crash.target, check, every=1 if nightly else 7)

    assert record.faults > (15 if nightly else 3)
    assert record.lost == 0
    counts = await crash.rows(
        "SELECT (SELECT count(*) FROM alert) AS alerts, (SELECT count(*) FROM notification) AS notifications,"
        " (SELECT count(*) FROM alert_event) AS events"
    )
    assert tuple(counts[0]) == (100, 100, 100)


async def test_kills_at_every_step_of_queueing_a_message(crash, nightly) -> None:
    """The data service's reports: each message is in the inbox once."""

    def message(n: int) -> bytes:
        return envelope(f"send-{n}", SendNotification(key=f"report-{n}", title="Your report is ready"))

    record = await kill_everywhere(crash.target, message, every=1 if nightly else 7)

    assert record.lost == 0
    keys = [row["dedup_key"] for row in await crash.rows("SELECT dedup_key FROM notification")]
    assert len(keys) == len(set(keys)) == record.jobs


async def test_kills_while_messages_are_sent(crash, nightly) -> None:
    """None is missed; repetitions carry the same key, and are no more than were in flight."""
    messages, wanted, seed = (3000, 12, time.time_ns()) if nightly else (80, 3, time.time_ns())
    chance = random.Random(seed)
    await queue_separately(crash, messages)
    kills = rounds = 0
    while await left(crash):
        assert rounds < 200, f"not done, seed {seed}"
        kill_at = chance.randrange(60, 25 * messages // wanted) if kills < wanted else None
        await crash.target.live(kill_at=kill_at)
        rounds += 1
        if await deliver_round(crash.target, rounds) is None:
            kills += 1

    keys = Counter(
        request.partition(b"webhook-id: ")[2].partition(b"\r\n")[0] for request in crash.web.requests
    )
    assert len(keys) == messages
    assert kills == wanted
    repeated = sum(keys.values()) - messages
    assert repeated <= IN_FLIGHT * kills, f"seed {seed}"
    print(f"{messages} messages, {kills} kills: missed 0, sent again {repeated}, under a new key 0")


async def queue_separately(world, messages: int) -> None:
    """Put messages into the outbox that are not sent together: as many deliveries."""
    secret = Vault(Secret(CHANNEL_KEY)).encrypt(SECRET)
    config = {"url": f"{world.web.url}/hook"}
    channel = store.Channel(id="c", owner=None, kind="webhook", name="c", config=config, secret=secret)
    await store.save_channel(world.pool, channel)
    await world.pool.execute(
        """
        WITH made AS (
            INSERT INTO delivery (channel_id, notifications, next_attempt_at, created_at)
            SELECT 'c', 1, now(), now() FROM generate_series(1, $1::integer) RETURNING id
        )
        INSERT INTO notification (dedup_key, channel_id, kind, severity, message, due_at, created_at,
                                  outgoing, delivery_id)
        SELECT 'm' || id, 'c', 'message', 1, '{"title": "hello"}', now(), now(), true, id FROM made
        """,
        messages,
    )


async def left(world) -> int:
    # The leases of those that died have to run out.
    await asyncio.sleep(0.05)
    return await world.pool.fetchval("SELECT count(*) FROM delivery WHERE status <> 'sent'")


async def deliver_round(target: Target, number: int) -> object:
    return await target.deliver(envelope(f"deliver-{number}", DeliverNotifications(round=number)))
