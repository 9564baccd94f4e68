"""Every transition of an alert, by example; `test_state_model.py` tries random sequences against a model."""

from itertools import pairwise

import pytest
from huntaze_contracts.alerts import Escalation, Flapping, Level

HIGH, MIDDLE, LOW = 120, 95, 50


@pytest.mark.parametrize(
    ("fields", "values", "states"),
    [
        ({}, [HIGH, HIGH, LOW], ["firing", "firing", "ok"]),
        ({"hold": 600}, [HIGH, HIGH, HIGH], ["pending", "pending", "firing"]),
        ({"hold": 600}, [HIGH, LOW, HIGH], ["pending", "ok", "pending"]),
        ({"hold": 600, "clear": 90}, [HIGH, MIDDLE], ["pending", "ok"]),
        ({"hold": 600}, [HIGH, None, HIGH], ["pending", "pending", "firing"]),
        ({"hold": 600, "no_data": "ok"}, [HIGH, None], ["pending", "ok"]),
        ({"clear": 90}, [HIGH, MIDDLE, LOW], ["firing", "firing", "ok"]),
        ({"keep_firing": 600}, [HIGH, LOW, LOW, LOW], ["firing", "recovering", "recovering", "ok"]),
        ({"keep_firing": 600}, [HIGH, LOW, HIGH], ["firing", "recovering", "firing"]),
        ({"keep_firing": 600, "clear": 90}, [HIGH, LOW, MIDDLE], ["firing", "recovering", "firing"]),
        ({"keep_firing": 600}, [HIGH, LOW, None, None], ["firing", "recovering", "recovering", "recovering"]),
        ({}, [HIGH, None, None, None], ["firing"] * 4),
        ({"no_data": "ok", "missing": 600}, [HIGH, None, None, None], ["firing", "firing", "firing", "ok"]),
        ({"no_data": "ok", "missing": 0}, [HIGH, None], ["firing", "ok"]),
        ({"no_data": "alert"}, [None, LOW, None], ["firing", "ok", "firing"]),
        ({"no_data": "alert", "hold": 300}, [None, None, LOW], ["pending", "firing", "ok"]),
        ({"min_samples": 2}, [HIGH, HIGH], ["ok", "ok"]),
        ({"comparison": "lt"}, [HIGH, LOW, HIGH], ["ok", "firing", "ok"]),
        ({"comparison": "lt", "clear": 110}, [LOW, 105, HIGH], ["firing", "firing", "ok"]),
    ],
)
async def test_transitions(world, fields, values, states) -> None:
    """The table of `transition` in queries.sql, row by row."""
    await world.rule(**fields)

    assert await world.feed("r", *values) == states


@pytest.mark.parametrize(
    ("comparison", "value", "state"),
    [("gt", 100, "ok"), ("ge", 100, "firing"), ("lt", 100, "ok"), ("le", 100, "firing")],
)
async def test_a_value_on_the_threshold(world, comparison: str, value: float, state: str) -> None:
    """Off by one equality, and a limit of zero errors would never or always fire."""
    await world.rule(comparison=comparison)

    assert await world.feed("r", value) == [state]


async def test_the_reference_sequence(world) -> None:
    """hold 10 min, keepFiring 5 min, reminder 15 min: the sequence that the design was checked with."""
    await world.rule(hold=600, keep_firing=300, repeat=900, repeat_max=900, clear=90)

    states = await world.feed(
        "r", 120, 120, 120, 95, 80, 80, 120, 120, 120, 120, 120, 120, None, None, 50, 50
    )

    assert states == [
        *["pending", "pending", "firing", "firing", "recovering", "ok"],
        *[
            "pending",
            "pending",
            "firing",
            "firing",
            "firing",
            "firing",
            "firing",
            "firing",
            "recovering",
            "ok",
        ],
    ]
    assert await world.notices("r") == ["firing", "resolved", "firing", "reminder", "resolved"]


async def test_reminders_become_rarer(world) -> None:
    """Each waits twice as long as the one before, up to the limit; nobody reads the fiftieth."""
    await world.rule(repeat=600, repeat_max=1200)

    await world.feed("r", *[HIGH] * 11)

    rows = await world.rows("SELECT kind, created_at FROM notification ORDER BY id")
    waits = [(b["created_at"] - a["created_at"]).seconds for a, b in pairwise(rows)]
    assert waits == [600, 1200, 1200]


async def test_a_worse_level_is_told_and_a_milder_one_is_not(world) -> None:
    """One rule has several severities; who was told of the error knows of the warning."""
    levels = (Level(severity="warning", threshold=100), Level(severity="critical", threshold=200))
    await world.rule(levels=levels)

    await world.feed("r", 150, 250, 150, 50)

    assert await world.notices("r") == ["firing", "worse", "resolved"]
    events = await world.rows("SELECT kind FROM alert_event ORDER BY id")
    assert [event["kind"] for event in events] == ["firing", "worse", "severity", "resolved"]


async def test_nobody_acknowledges(world) -> None:
    """A critical alert that nobody looks at is told to others, once."""
    await world.rule(
        levels=(Level(severity="critical", threshold=100),),
        escalation=Escalation(after=600, channels=("log",)),
    )

    await world.feed("r", *[HIGH] * 6)

    told = await world.rows("SELECT kind, channel_id FROM notification ORDER BY id")
    assert [tuple(row) for row in told] == [("firing", "in-app"), ("escalation", "log")]


async def test_flapping_is_told_once(world) -> None:
    """An alert that comes and goes all night makes three messages and then one, not forty."""
    await world.rule(flapping=Flapping(changes=2, window=3600))

    await world.feed("r", *[HIGH, LOW] * 20)
    assert await world.notices("r") == ["firing", "resolved", "firing", "resolved", "flapping"]

    await world.feed("r", *[LOW] * 13)
    assert (await world.notices("r"))[5:] == ["resolved"]
    assert await world.state("r") == "ok"


async def test_a_long_pause_does_not_count_as_hold(world) -> None:
    """While nobody evaluated, nobody saw that the condition held."""
    await world.rule(hold=600)

    assert await world.feed("r", HIGH) == ["pending"]
    assert await world.feed("r", HIGH, HIGH, minutes=60) == ["pending", "pending"]
    assert await world.feed("r", HIGH, HIGH) == ["pending", "firing"]


@pytest.mark.parametrize("change", ["disabled", "changed"])
async def test_a_rule_that_is_gone_or_changed_ends_its_alert(world, change: str) -> None:
    """Whoever was told that it fires is told that it does no longer."""
    await world.rule()
    await world.rule("other")
    await world.feed("r", HIGH)
    await world.rule(**({"enabled": False} if change == "disabled" else {"repeat": 9000}))
    await world.tick()

    ended = await world.rows("SELECT reason FROM alert WHERE state = 'resolved'")
    assert ended[0]["reason"] == ("rule_removed" if change == "disabled" else "rule_changed")
    assert (await world.notices("r"))[:2] == ["firing", "resolved"]


async def test_one_alert_per_instance(world) -> None:
    """Each user and platform has an alert of its own, opened and closed by itself."""
    await world.rule(group_by=("subject", "platform"))
    for user, platform, value in [("ann", "tiktok", 120), ("ann", "youtube", 10), ("bob", "tiktok", 130)]:
        await world.sample("r", value, user_id=user, labels={"platform": platform, "app": "ios"})

    await world.tick(1)

    rows = await world.rows("SELECT subject, labels FROM alert ORDER BY subject")
    assert [tuple(row) for row in rows] == [
        ("ann", '{"platform": "tiktok"}'),
        ("bob", '{"platform": "tiktok"}'),
    ]
