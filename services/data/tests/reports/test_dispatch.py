"""The dispatcher asks for each report once when it is due, and looks again for late data."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import msgspec
from huntaze_common.postgres import Pool
from huntaze_contracts.base import Envelope
from huntaze_contracts.data import DispatchReports, GenerateReport
from huntaze_data.reports.dispatching import LOOKS, PAGE, due_at
from huntaze_data.reports.preferences import Preferences
from huntaze_data.reports.store import Recipient
from hypothesis import given
from hypothesis import strategies as st

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
OLD = datetime(2020, 1, 1, tzinfo=UTC)
ZONES = st.sampled_from(["UTC", "Europe/Paris", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"])


def asked(world) -> list[tuple[str, GenerateReport]]:
    envelopes = [msgspec.json.decode(message.body, type=Envelope) for message in world.qstash.published]
    return [
        (each.user_id or "", msgspec.json.decode(each.payload, type=GenerateReport)) for each in envelopes
    ]


async def test_each_user_is_asked_for_in_the_morning_of_the_users_own_monday(world) -> None:
    await world.add_user("auckland", "Pacific/Auckland")
    await world.add_user("paris", "Europe/Paris")
    await world.add_user("los-angeles", "America/Los_Angeles")
    seen: dict[int, list[str]] = {}
    for hour in range(-12, 24):
        before = len(world.qstash.published)
        await world.done(DispatchReports(slot=MONDAY + timedelta(hours=hour)), f"d{hour + 12}", None)
        seen[hour] = [user for user, _ in asked(world)[before:]]
    assert {hour: users for hour, users in seen.items() if users} == {
        -7: ["auckland"],
        5: ["paris"],
        14: ["los-angeles"],
        17: ["auckland"],  # a day later: looked at again, for late data
    }


async def test_the_same_slot_again_asks_for_nothing(world) -> None:
    await world.add_user()
    slot = DispatchReports(slot=MONDAY + timedelta(hours=7))
    assert (await world.done(slot, "d1", None)).reports == 1
    assert (await world.done(slot, "d2", None)).reports == 0
    assert asked(world) == [("ann", GenerateReport(first=(MONDAY - timedelta(days=7)).date()))]


async def test_what_was_asked_for_can_be_made(world) -> None:
    await world.add_user()
    await world.add_messages(MONDAY - timedelta(days=1))
    await world.done(DispatchReports(slot=MONDAY + timedelta(hours=7)), "d1", None)
    answer = await world.deliver(world.qstash.published[0].body)
    assert answer.status_code == 200
    assert answer.json()["report"]["version"] == 1


async def test_choices_hold(world) -> None:
    await world.add_user()
    url, headers = f"{world.url}/report-preferences", world.token("ann")
    await world.http.put(url, json={"weekly": False, "monthDay": 23, "hour": 9}, headers=headers)
    await world.done(DispatchReports(slot=MONDAY + timedelta(hours=8)), "d1", None)
    assert asked(world) == []
    await world.done(DispatchReports(slot=MONDAY + timedelta(hours=9)), "d2", None)
    first = date(2026, 10, 23)
    assert asked(world) == [("ann", GenerateReport(kind="monthly", first=first))]


async def test_many_users_are_asked_for_in_pages(world, pool: Pool) -> None:
    await world.app.execute(
        "INSERT INTO app.users SELECT 'u' || lpad(n::text, 4, '0'), 'n', 'UTC', 'en', '2026-01-01Z'"
        "  FROM generate_series(1, $1) AS n",
        PAGE + 20,
    )
    first = await world.done(DispatchReports(slot=MONDAY + timedelta(hours=7)), "d1", None)
    assert (first.reports, first.complete) == (PAGE, False)
    follow_up = next(message for message in world.qstash.published if message.deduplication_id == "d1-page2")
    second = (await world.deliver(follow_up.body)).json()
    assert (second["reports"], second["complete"]) == (20, True)
    assert await pool.fetchval("SELECT count(DISTINCT user_id) FROM report") == PAGE + 20


@given(
    zone=ZONES,
    start=st.integers(0, 14 * 365 * 24).map(
        lambda hours: datetime(2021, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    ),
    month_day=st.integers(1, 31),
    weekday=st.integers(1, 7),
    hour=st.integers(0, 23),
    outage=st.integers(0, 60),
)
def test_hourly_slots_miss_no_report_even_after_an_outage(
    zone, start, month_day, weekday, hour, outage
) -> None:
    """Of 40 days with an outage in them, each period that ended is asked for, and none twice in a look."""
    preferences = Preferences(month_day=month_day, weekday=weekday, hour=hour)
    user = Recipient("u", zone, OLD, preferences)
    slots = [n for n in range(40 * 24) if not 500 <= n < 500 + outage]
    due = {asked for n in slots for asked in due_at(start + timedelta(hours=n), user)}
    weeks = sorted({each.period.first for each in due if each.period.kind == "weekly"})
    assert all(b - a == timedelta(days=7) for a, b in pairwise(weeks))
    assert len(weeks) >= 5
    assert any(each.period.kind == "monthly" for each in due)
    assert {each.look for each in due} <= set(range(LOOKS + 1))


def test_nobody_gets_a_report_of_the_time_before_they_joined() -> None:
    joined = MONDAY + timedelta(minutes=1)
    assert due_at(MONDAY + timedelta(hours=7), Recipient("u", "UTC", joined, Preferences())) == []
