"""The outbox: who is told, when, how often, and what is not told."""

import base64
from datetime import UTC, datetime, time, timedelta

import pytest
from huntaze_alerts import store
from huntaze_alerts.messages import Plain
from huntaze_contracts.alerts import Level

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
CRITICAL = (Level(severity="critical", threshold=100),)


async def hook(post, name: str = "c", **fields) -> None:
    """Make a webhook channel that takes everything."""
    post.web.page(f"/{name}")
    await post.channel("webhook", name, secret=SECRET, config={"url": f"{post.web.url}/{name}"}, **fields)


def sent(post) -> int:
    return len(post.web.requests)


@pytest.mark.parametrize(
    ("zone", "at", "due"),
    [
        ("UTC", "2026-03-02T21:59:00Z", "2026-03-02T21:59:00Z"),
        ("UTC", "2026-03-02T22:00:00Z", "2026-03-03T07:00:00Z"),
        ("UTC", "2026-03-03T06:59:00Z", "2026-03-03T07:00:00Z"),
        ("UTC", "2026-03-03T07:00:00Z", "2026-03-03T07:00:00Z"),
        ("Asia/Kolkata", "2026-03-02T16:30:00Z", "2026-03-03T01:30:00Z"),
        # The night on which clocks go forward has 23 hours, the one on which they go back 25.
        ("Europe/Paris", "2026-03-28T21:00:00Z", "2026-03-29T05:00:00Z"),
        ("Europe/Paris", "2026-10-24T20:00:00Z", "2026-10-25T06:00:00Z"),
        ("America/New_York", "2026-03-08T03:00:00Z", "2026-03-08T11:00:00Z"),
    ],
)
async def test_quiet_hours_are_the_users(post, zone: str, at: str, due: str) -> None:
    """22:00 to 07:00 in the user's own zone: held back, never dropped."""
    await hook(post, quiet_from=time(22), quiet_until=time(7), time_zone=zone)
    await post.world.rule(channels=("c",))
    post.world.slot = datetime.fromisoformat(at) - timedelta(minutes=5)
    await post.world.feed("r", 120)

    (row,) = await post.world.rows("SELECT due_at FROM notification")
    assert row["due_at"] == datetime.fromisoformat(due)


async def test_quiet_hours_hold_back_and_critical_alerts_do_not_wait(post) -> None:
    """Nothing at night but what can't wait; the rest in the morning, as one message."""
    await hook(post, quiet_from=time(22), quiet_until=time(7))
    post.world.slot = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
    for name, levels in (("a", None), ("b", None), ("worst", CRITICAL)):
        await post.world.rule(name, channels=("c",), **({"levels": levels} if levels else {}))
        await post.world.feed(name, 120)
    assert (await post.round()).sent == 1
    assert (await post.round(later=60)).sent == 0

    assert (await post.round(later=7 * 60)).sent == 1
    assert b'"total":2' in post.web.requests[-1]


async def test_what_is_over_before_it_was_told_is_not_told(post) -> None:
    """Held in the night and over by the morning: nobody is woken for history, and the log says why."""
    await hook(post, quiet_from=time(22), quiet_until=time(7))
    post.world.slot = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
    await post.world.rule(channels=("c",))
    await post.world.feed("r", 120, 50)

    assert (await post.round(later=10 * 60)).sent == 0
    rows = await post.world.rows("SELECT kind, dropped FROM notification")
    assert [tuple(row) for row in rows] == [("firing", "resolved before it was sent")]


async def test_a_digest_gathers(post) -> None:
    """A channel that wants one message an hour gets one message an hour."""
    await hook(post, digest=60)
    for name in "abc":
        await post.world.rule(name, channels=("c",))
        await post.world.feed(name, 120)
    assert (await post.round()).sent == 0

    assert (await post.round(later=60)).sent == 1
    assert b'"total":3' in post.web.requests[0]


async def test_a_channel_over_its_rate_gets_the_rest_together(post) -> None:
    """Two messages a minute: the third waits, and what comes meanwhile goes with it."""
    await hook(post, rate=2)
    for n in range(4):
        await store.queue_message(
            post.world.pool,
            key=f"m{n}",
            user_id="ann",
            channels=["c"],
            severity=1,
            message=Plain(title="hello"),
            now=post.world.now(),
        )
        await post.round()
    assert sent(post) == 2

    assert (await post.round(later=2)).sent == 1
    assert b'"total":2' in post.web.requests[-1]


async def test_a_dead_channel_holds_up_no_other(post) -> None:
    """Each fails for itself; three refusals in a row switch it off, and its owner finds out."""
    await hook(post, "good")
    await hook(post, "bad", owner=None)
    post.web.page("/bad", status="404 Not Found")
    await post.world.rule(channels=("good", "bad"))
    for _ in range(4):
        await post.world.feed("r", 120)
        await post.round()
        await post.world.feed("r", 50)

    rows = await post.world.rows("SELECT id, enabled FROM channel WHERE kind = 'webhook' ORDER BY id")
    assert [tuple(row) for row in rows] == [("bad", False), ("good", True)]
    (note,) = await post.world.rows("SELECT message FROM notification WHERE channel_id = 'in-app'")
    assert 'The channel \\"bad\\" was switched off' in note["message"]
    assert (await post.world.rows("SELECT count(*) FROM delivery WHERE status = 'dead'"))[0]["count"] == 3


async def test_a_failing_channel_is_asked_once_per_pause(post) -> None:
    """A broken destination with a hundred messages waiting is not asked a hundred times."""
    await hook(post, rate=600)
    post.web.page("/c", status="503 Service Unavailable")
    await post.world.rule(channels=("c",), window=60)
    for value in (120, 50) * 5:
        await post.world.feed("r", value, minutes=1, ago=1)
        await post.round()
    assert sent(post) <= 10

    post.web.page("/c")
    await post.round(later=30)
    assert {status for status, _ in await post.statuses()} == {"sent"}


async def test_after_a_day_a_message_is_given_up(post) -> None:
    """And counted, so that a rule can tell."""
    await hook(post)
    post.web.page("/c", status="503 Service Unavailable")
    await post.world.rule(channels=("c",))
    await post.world.feed("r", 120)
    for _ in range(4):
        await post.round(later=9 * 60)

    assert [status for status, _ in await post.statuses()] == ["dead"]
    metric = await post.world.rows(
        "SELECT sum(p.total) FROM point AS p JOIN series AS s ON s.id = p.series_id"
        " WHERE s.metric = 'alerts.messages_failed'"
    )
    assert metric[0]["sum"] == 4


async def test_milder_alerts_than_a_channel_wants_stay_out(post) -> None:
    """And it is told when one gets worse."""
    await hook(post, min_severity=4)
    levels = (Level(severity="warning", threshold=100), *(Level(severity="critical", threshold=200),))
    await post.world.rule(channels=("c",), levels=levels)
    await post.world.feed("r", 120, 250)
    await post.round()
    await post.world.feed("r", 50)

    assert await post.world.notices("r") == ["worse", "resolved"]


async def test_a_silence_keeps_quiet_and_the_end_is_still_told(post) -> None:
    """Who was told that it fires is told that it is over, whatever was silenced meanwhile."""
    await hook(post)
    await post.world.rule(channels=("c",), repeat=300, repeat_max=300)
    await post.world.feed("r", 120)
    await post.round()
    await silence(post.world, minutes=60, rule_id="r")
    await post.world.feed("r", 120, 120, 50)
    await post.round()

    assert await post.world.notices("r") == ["firing", "resolved"]
    assert sent(post) == 2


async def test_what_still_fires_when_a_silence_ends_is_told_then(post) -> None:
    """Late is better than never."""
    await hook(post)
    await silence(post.world, minutes=12)
    await post.world.rule(channels=("c",))
    await post.world.feed("r", 120, 120)
    assert await post.world.notices("r") == []

    await post.world.feed("r", 120)
    assert await post.world.notices("r") == ["firing"]


async def test_a_rule_that_depends_on_another_is_silent_while_that_fires(post) -> None:
    """The database is down: nobody needs to hear that jobs are slow as well."""
    await post.world.rule("cause")
    await post.world.rule("effect", depends_on="cause")
    await post.world.feed("cause", 120)
    for name in ("cause", "effect"):
        await post.world.sample(name, 120, ago=-4.5)
    await post.world.tick()
    assert await post.world.state("effect") == "firing"
    assert await post.world.notices("effect") == []

    await post.world.sample("effect", 120, ago=-4.5)
    await post.world.sample("cause", 50, ago=-4.5)
    await post.world.tick()
    await post.world.feed("effect", 120)
    assert await post.world.notices("effect") == ["firing"]


async def test_users_channels_are_told_of_what_concerns_them(post) -> None:
    """`@subject` is every channel of the user, and of nobody else."""
    await hook(post, "anns", owner="ann")
    await hook(post, "bobs", owner="bob")
    await post.world.rule(group_by=("subject",), channels=("in-app", "@subject"))
    await post.world.feed("r", 120, user_id="ann")

    rows = await post.world.rows("SELECT channel_id, recipient FROM notification ORDER BY channel_id")
    assert [tuple(row) for row in rows] == [("anns", ""), ("in-app", "ann")]


async def test_a_rule_can_not_use_a_channel_of_somebody_else(post) -> None:
    """Its id in the rule is not enough."""
    await hook(post, "bobs", owner="bob")
    await post.world.rule(owner="ann", channels=("bobs",))
    await post.world.feed("r", 120, user_id="ann")

    assert await post.world.notices("r") == []


async def test_a_sender_that_died_is_followed_by_another(post) -> None:
    """After the lease; the second attempt says that it may be a repetition, under the same key."""
    await hook(post)
    await post.world.rule(channels=("c",))
    await post.world.feed("r", 120)
    await post.round()
    await post.world.pool.execute(
        "UPDATE delivery SET status = 'waiting', lease_until = $1", post.world.now() + timedelta(seconds=45)
    )
    assert (await post.round()).sent == 0

    assert (await post.round(later=1)).sent == 1
    first, second = (
        request.partition(b"webhook-id: ")[2].partition(b"\r\n")[0] for request in post.web.requests
    )
    assert first == second
    assert b"(possibly repeated)" in post.web.requests[1]


async def silence(world, *, minutes: float, rule_id: str | None = None) -> None:
    await world.pool.execute(
        "INSERT INTO silence (rule_id, starts_at, ends_at, created_by) VALUES ($1, $2, $3, 'test')",
        rule_id,
        world.slot,
        world.slot + timedelta(minutes=minutes),
    )
