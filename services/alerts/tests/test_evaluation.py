"""A tick is a slot: once, in order, one at a time; sources fail alone; a quiet tick writes nothing."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from huntaze_alerts import store
from huntaze_alerts.errors import SlotInFuture
from huntaze_contracts.alerts import Level, MetricQuery, Rule

HOUR = timedelta(hours=1)


async def test_every_statement_prepares(world) -> None:
    """The server parses and types each; a renamed column fails here by name."""
    failed = {}
    async with world.pool.acquire() as connection:
        for name, statement in store.STATEMENTS.items():
            try:
                await connection.prepare(statement)
            except asyncpg.PostgresError as error:
                failed[name] = str(error)
    assert failed == {}


async def test_a_repeated_slot_does_nothing(world) -> None:
    """QStash delivers again; the answer is what the first delivery did."""
    await world.rule()
    world.slot += timedelta(minutes=5)
    await world.sample("r", 120)
    first = await world.again()
    second = await world.again()

    assert (first.skipped, first.fired) == (False, 1)
    assert (second.skipped, second.fired) == (True, 1)
    assert len(await world.notices("r")) == 1


async def test_a_late_slot_does_nothing(world) -> None:
    """A retry that comes hours later must not replay the past."""
    await world.rule()
    await world.tick()
    await world.sample("r", 120, ago=20)

    late = await world.again(world.slot - timedelta(minutes=15))

    assert late.skipped
    assert await world.state("r") == "ok"


async def test_slots_of_the_future_are_refused(world) -> None:
    """One check with a wrong clock would make every tick until then a late one."""
    with pytest.raises(SlotInFuture):
        await world.again(world.slot + 2 * HOUR)
    assert not (await world.tick()).skipped


async def test_concurrent_checkers_evaluate_once(world) -> None:
    """Eight deliveries of two slots at once: each slot once at most, and no notice twice."""
    await world.rule()
    world.slot += 5 * timedelta(minutes=5)
    await world.sample("r", 120, ago=22)
    slots = [world.slot - n * timedelta(minutes=5) for n in (4, 4, 4, 3, 4, 3, 4, 4)]

    done = await asyncio.gather(*(world.again(slot) for slot in slots))

    assert sum(tick.fired for tick in done if not tick.skipped) <= 1
    assert len([tick for tick in done if not tick.skipped]) <= 2
    assert len(await world.rows("SELECT FROM notification")) <= 1


async def test_a_quiet_tick_writes_nothing(world) -> None:
    """Neither state nor log nor outbox; and with nothing due, not even the log of evaluations."""
    await world.rule(every=3600)
    await world.feed("r", 120, minutes=60)
    tables = ("alert", "alert_event", "notification", "rule", "evaluation")

    async def changes() -> list[int]:
        return [
            await world.pool.fetchval(f"SELECT count(*) + coalesce(max(xmin::text::bigint), 0) FROM {table}")
            for table in tables
        ]

    before = await changes()
    assert (await world.tick()).rules == 0
    assert await changes() == before
    await world.sample("r", 130, ago=-54)
    assert (await world.tick(55)).rules == 1
    assert (await changes())[:4] == before[:4]


async def test_a_missing_source_harms_no_other_rule(world) -> None:
    """Its rules say what is wrong, keep their state, and get well by themselves."""
    await world.rule()
    await store.save_rule(world.pool, "jobs", None, job_rule())
    await world.admin.execute("ALTER TABLE ops_read.job_outcomes RENAME TO gone")
    try:
        world.slot += timedelta(minutes=5)
        await world.sample("r", 120)
        done = await world.again()
    finally:
        await world.admin.execute("ALTER TABLE ops_read.gone RENAME TO job_outcomes")

    assert (done.rules_failed, done.fired) == (1, 1)
    (row,) = await world.rows("SELECT id, error FROM rule WHERE error IS NOT NULL")
    assert row["id"] == "jobs"
    assert "job_outcomes" in row["error"]
    await world.tick()
    assert await world.rows("SELECT FROM rule WHERE error IS NOT NULL") == []


async def test_a_rule_that_breaks_arithmetic_is_alone_in_error(world) -> None:
    """Found by halving: the other seven of the same statement go on."""
    for name in "abcdefg":
        await world.rule(name)
        await world.sample(name, 120, ago=-4.5)
    await world.rule("bad", aggregation="ratio", part={"part": "yes"})
    await world.sample("bad", 7, ago=-4.5, labels={"part": "yes"})
    await world.sample("bad", 7, ago=-4.5)
    await world.pool.execute("UPDATE point SET total = 1e308 WHERE total = 7")

    done = await world.tick()

    assert (done.rules_failed, done.fired) == (1, 7)
    assert [row["id"] for row in await world.rows("SELECT id FROM rule WHERE error IS NOT NULL")] == ["bad"]


async def test_what_is_long_over_is_forgotten(world) -> None:
    """Half a year after its end an alert goes, with its log and notifications; what is open stays."""
    await world.rule()
    await world.rule("open")
    await world.sample("open", 120, ago=-4.5)
    await world.feed("r", 120, 50)
    await world.tick(181 * 24 * 60)
    await world.tick(24 * 60)

    assert [row["state"] for row in await world.rows("SELECT state FROM alert")] == ["firing"]
    assert await world.notices("r") == []
    assert await world.rows("SELECT FROM point") == []


async def test_late_samples_within_the_delay_are_seen(world) -> None:
    """The window ends a little before the slot, so what is under way is waited for."""
    await world.rule(delay=120)
    world.slot += timedelta(minutes=5)
    await world.sample("r", 120, ago=1)
    await world.again()
    assert await world.state("r") == "ok"

    await world.tick(2)
    assert await world.state("r") == "firing"


@pytest.mark.parametrize(
    ("aggregation", "query", "value"),
    [
        ("sum", {}, 60),
        ("count", {}, 4),
        ("avg", {}, 15),
        ("min", {}, 0),
        ("max", {}, 30),
        ("rate", {}, 60 / 300),
        ("ratio", {"part": {"result": "failure"}}, 0.5),
        ("avg", {"where": {"result": "failure"}}, 30),
    ],
)
async def test_aggregations(world, aggregation, query, value) -> None:
    """Extra labels do not hide a sample, which is what kept the peer's rules from ever firing."""
    await world.rule(aggregation=aggregation, comparison="ge", levels=level(-1e9), **query)
    for number, result in ((0, "success"), (10, "success"), (20, "success"), (30, "failure")):
        await world.sample("r", number, labels={"result": result, "code": str(number)}, ago=-4.5)

    await world.tick()

    assert (await world.rows("SELECT value FROM alert"))[0]["value"] == pytest.approx(value)


async def test_change_compares_with_what_was_before(world) -> None:
    """The average of the window against that of the baseline."""
    await world.rule(aggregation="change", baseline=600, comparison="ge", levels=level(50))
    for ago, value in ((12, 100), (8, 200), (2, 300)):
        await world.sample("r", value, ago=ago - 5)
    await world.tick()

    assert (await world.rows("SELECT value FROM alert"))[0]["value"] == pytest.approx(100)


async def test_percentiles_are_right_to_a_tenth(world) -> None:
    """Read off size classes, against the exact one."""
    await world.rule(aggregation="percentile", percentile=90, comparison="ge", levels=level(0.001))
    for n in range(1, 101):
        await world.sample("r", n / 100, kind="timing", ago=-4.5, labels={"n": str(n % 3)})
    await world.tick()

    assert (await world.rows("SELECT value FROM alert"))[0]["value"] == pytest.approx(0.9, rel=0.1)


async def test_a_schedule_that_did_not_run(world) -> None:
    """The dead man's switch: seconds since the last success, also when there never was one."""
    await store.save_rule(world.pool, "jobs", None, job_rule(aggregation="age", threshold=3 * 3600.0))
    await world.pool.execute("UPDATE rule SET created_at = $1", world.slot)
    await world.tick(120)
    assert await world.state("jobs") == "ok"
    await world.tick(120)
    assert await world.state("jobs") == "firing"

    await job(world, "daily.20260302T1400Z", "succeeded")
    await world.tick()
    assert await world.state("jobs") == "ok"
    await job(world, "other.20260302T1405Z", "succeeded")
    await world.tick(190)
    assert await world.state("jobs") == "firing"


async def test_the_share_of_failed_jobs(world) -> None:
    """Per worker, from the ledgers' outcomes."""
    failed = {"state": "failed"}
    query = MetricQuery(
        metric="job.finished", aggregation="ratio", part=failed, window=3600, delay=0, group_by=("worker",)
    )
    await store.save_rule(
        world.pool, "jobs", None, Rule(name="jobs", query=query, levels=level(0.4), min_samples=3)
    )
    for n in range(4):
        await job(world, f"v{n}", "failed" if n % 2 else "succeeded", worker="video")
        await job(world, f"t{n}", "succeeded", worker="trends")
    await job(world, "d", "failed", worker="data")
    await world.tick()

    assert [row["labels"] for row in await world.rows("SELECT labels FROM alert")] == ['{"worker": "video"}']


@pytest.mark.parametrize(
    ("rule", "column", "before", "after", "state"),
    [
        ("engagement-drop", "engagement", 1000, 600, "firing"),
        ("engagement-drop", "engagement", 1000, 900, "ok"),
        ("viral-post", "impressions", 1000, 5000, "firing"),
        ("viral-post", "impressions", 1000, 1500, "ok"),
        ("follower-spike", "followers", 1000, 1200, "firing"),
        ("follower-spike", "followers", 1000, 1010, "ok"),
    ],
)
async def test_what_users_are_told_of_themselves(
    installed, connect, rule, column, before, after, state
) -> None:
    """The three rules that the original has tables for and nothing evaluates."""
    world = await connect(installed)
    world.slot = datetime(2026, 3, 29, 10, tzinfo=UTC)
    for day in range(14, 30):
        figures = dict.fromkeys(("followers", "engagement", "posts", "reach", "impressions"), 500)
        figures[column] = before if day < 28 else after
        await world.admin.execute(
            "INSERT INTO app_read.analytics_snapshots VALUES ('ann', 'tiktok', $1, $2, $3, $4, $5, $6)",
            date(2026, 3, day),
            *figures.values(),
        )

    await world.tick(0)

    assert await world.state(rule) == state
    told = await world.rows("SELECT recipient FROM notification")
    assert [row["recipient"] for row in told] == (["ann"] if state == "firing" else [])


async def test_a_users_own_rule_replaces_the_platforms(world) -> None:
    """Other limits for one user, or none at all; everybody else keeps the platform's."""
    await world.rule("all", group_by=("subject",))
    await world.rule("anns", owner="ann", metric="test.all", replaces="all", levels=level(500))
    await world.rule("bobs", owner="bob", metric="test.all", replaces="all", enabled=False)
    for user in ("ann", "bob", "cleo"):
        await world.sample("all", 120, user_id=user, ago=-4.5)
    await world.tick()

    assert [row["subject"] for row in await world.rows("SELECT subject FROM alert")] == ["cleo"]


async def test_built_in_rules_are_whole(installed, connect) -> None:
    """Each decodes against the contract, says everything, and passes the checks of the API."""
    import json

    import msgspec
    from huntaze_alerts import rules

    world = await connect(installed)
    rows = await world.rows("SELECT id, definition FROM rule")
    assert len(rows) >= 20
    for row in rows:
        rule = msgspec.json.decode(row["definition"], type=Rule)
        rules.check(rule, owner=None)
        assert json.loads(msgspec.json.encode(rule)) == json.loads(row["definition"]), row["id"]


def level(threshold: float) -> tuple[Level, ...]:
    return (Level(severity="error", threshold=threshold),)


def job_rule(aggregation: str = "count", threshold: float = 100) -> Rule:
    query = MetricQuery(metric="job.finished", aggregation=aggregation, window=86_400, delay=0,
                        where={"schedule": "daily"} if aggregation == "age" else {})  # fmt: skip
    return Rule(name="jobs", query=query, comparison="ge", levels=level(threshold))


async def job(world, job_id: str, state: str, worker: str = "data-processing") -> None:
    await world.admin.execute("INSERT INTO ops_read.job_outcomes VALUES ($1, $2, $3, NULL, $4, 1.5, 1)",
                             worker, job_id, state, world.slot)  # fmt: skip
