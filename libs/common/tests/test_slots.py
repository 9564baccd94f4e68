"""Slots of schedules: the last fire before an instant, found backwards, against fires found forwards."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from cronsim import CronSim
from huntaze_common.errors import PayloadInvalid
from huntaze_common.slots import slot_in, slot_job_id, slot_of
from huntaze_contracts.base import Schedule
from hypothesis import given, settings
from hypothesis import strategies as st

SAMPLES = [
    "* * * * *",
    "*/5 * * * *",
    "7 * * * *",
    "30 2 * * *",
    "0 0 1 * *",
    "15 4 * * 1-5",
    "59 23 31 12 *",
    "0 9,17 * * 0",
]
DAILY = st.one_of(
    st.sampled_from(["0 * * * *", "*/20 * * * *", "30 1-3 * * *", "0 */2 * * *"]),
    st.builds("{} {} * * *".format, st.integers(0, 59), st.integers(0, 23)),
    st.builds("{}-59/{} */{} * * *".format, st.integers(0, 30), st.integers(1, 40), st.integers(1, 12)),
)
CRONS = st.one_of(DAILY, st.sampled_from(SAMPLES))
INSTANTS = st.integers(1_700_000_000, 1_900_000_000).map(lambda n: datetime.fromtimestamp(n, UTC))
CHANGES = [
    ("Europe/Paris", "2026-03-29T01:00:00+00:00"),
    ("Europe/Paris", "2026-10-25T01:00:00+00:00"),
    ("America/New_York", "2026-03-08T07:00:00+00:00"),
    ("America/New_York", "2026-11-01T06:00:00+00:00"),
    ("Australia/Adelaide", "2026-10-03T16:30:00+00:00"),
    ("Australia/Adelaide", "2026-04-04T16:30:00+00:00"),
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def slot(cron: str, instant: datetime) -> datetime:
    return slot_of(Schedule(id="s", cron=cron), instant.timestamp())


@given(CRONS, INSTANTS)
@settings(max_examples=150)
def test_the_slot_is_the_last_fire_of_another_library(cron: str, instant: datetime) -> None:
    """croniter counts forwards from the slot: the next fire must lie behind the instant."""
    found = slot(cron, instant)
    assert found <= instant
    assert croniter.match(cron, found)
    assert croniter(cron, found).get_next(datetime) > instant


@given(DAILY, st.sampled_from(CHANGES), st.integers(-7200, 7200))
def test_the_slot_is_the_last_one_counted_forwards_when_clocks_change(
    cron: str, change: tuple[str, str], seconds: int
) -> None:
    """Hours that come twice or never, in both halves of the world, and half an hour beside UTC."""
    zone, instant = ZoneInfo(change[0]), at(change[1]) + timedelta(seconds=seconds)
    fires = CronSim(cron, (instant - timedelta(days=2)).astimezone(zone))
    before = itertools.takewhile(lambda fire: fire <= instant, (fire.astimezone(UTC) for fire in fires))
    assert slot(f"CRON_TZ={zone.key} {cron}", instant) == max(before)


@given(CRONS, INSTANTS, st.floats(0, 59))
def test_a_late_signature_in_the_same_minute_fills_the_same_slot(
    cron: str, instant: datetime, late: float
) -> None:
    fired = slot(cron, instant)
    assert slot(cron, fired + timedelta(seconds=late)) == fired


@given(CRONS, INSTANTS, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_slots_never_go_backwards(cron: str, instant: datetime, later: timedelta) -> None:
    assert slot(cron, instant) <= slot(cron, instant + later)


@pytest.mark.parametrize(
    ("cron", "instant", "expected"),
    [
        ("*/5 * * * *", "2026-11-23T10:05:00+00:00", "2026-11-23T10:05:00+00:00"),
        ("*/5 * * * *", "2026-11-23T10:04:59.999+00:00", "2026-11-23T10:00:00+00:00"),
        (" 0 3 * * * ", "2026-11-23T02:59:00+00:00", "2026-11-22T03:00:00+00:00"),
        ("0 0 29 2 *", "2027-05-01T00:00:00+00:00", "2024-02-29T00:00:00+00:00"),
        ("CRON_TZ=Asia/Kolkata 0 3 * * *", "2026-11-23T00:00:00+00:00", "2026-11-22T21:30:00+00:00"),
        # Clocks go forward at 02:00 on 2026-03-29 and back at 03:00 on 2026-10-25.
        ("CRON_TZ=Europe/Paris 0 9 * * *", "2026-03-28T12:00:00+00:00", "2026-03-28T08:00:00+00:00"),
        ("CRON_TZ=Europe/Paris 0 9 * * *", "2026-03-29T12:00:00+00:00", "2026-03-29T07:00:00+00:00"),
        ("CRON_TZ=Europe/Paris 0 9 * * *", "2026-10-25T12:00:00+00:00", "2026-10-25T08:00:00+00:00"),
        ("CRON_TZ=Europe/Paris 0 * * * *", "2026-10-25T00:30:00+00:00", "2026-10-25T00:00:00+00:00"),
        ("CRON_TZ=Europe/Paris 0 * * * *", "2026-10-25T01:30:00+00:00", "2026-10-25T01:00:00+00:00"),
    ],
)
def test_known_slots(cron: str, instant: str, expected: str) -> None:
    assert slot(cron, at(instant)) == at(expected)


@pytest.mark.parametrize(
    "zone", ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
@pytest.mark.parametrize("cron", ["0 9 * * *", "30 1 * * *", "30 2 * * *", "0 3 * * *"])
def test_a_daily_job_has_a_slot_a_day_through_the_year(zone: str, cron: str) -> None:
    """Also on the days that have 23 and 25 hours, where its hour may be missing or come twice."""
    days: dict[object, int] = {}
    instant = at("2026-01-01T00:00:00+00:00")
    seen: set[datetime] = set()
    while instant < at("2027-01-01T00:00:00+00:00"):
        seen.add(slot(f"CRON_TZ={zone} {cron}", instant))
        instant += timedelta(hours=3)
    for found in seen:
        day = found.astimezone(ZoneInfo(zone)).date()
        days[day] = days.get(day, 0) + 1
    assert set(days.values()) == {1}
    assert 365 <= len(days) <= 367


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "x",
        "* * * *",
        "60 * * * *",
        "0 0 30 2 *",
        "CRON_TZ= * * * * *",
        "CRON_TZ=Mars/Base * * * * *",
        "CRON_TZ=../../etc/passwd * * * * *",
        "CRON_TZ=UTC",
        "@reboot",
        "9" * 200,
    ],
)
def test_a_schedule_that_never_fires_is_refused_by_name(cron: str) -> None:
    with pytest.raises(PayloadInvalid, match=r"^schedule\.cron"):
        slot(cron, at("2026-11-23T00:00:00+00:00"))


@given(st.text(max_size=200))
def test_no_cron_text_is_a_crash(cron: str) -> None:
    try:
        found = slot(cron, at("2026-11-23T00:00:00+00:00"))
    except PayloadInvalid:
        return
    assert found.tzinfo is UTC


@given(CRONS, INSTANTS)
def test_a_slots_name_leads_back_to_it(cron: str, instant: datetime) -> None:
    schedule = Schedule(id="alerts.every-5", cron=cron)
    fired = slot(cron, instant)
    assert slot_in(slot_job_id(schedule, fired), schedule) == fired


@pytest.mark.parametrize(
    "job_id",
    [
        "",
        "s",
        "s.",
        "s.2026",
        "t.20261123T1005Z",
        "s.20261123T1005",
        "s.2026113T1005Z",
        "s.20261123T2505Z",
        "x.s.20261123T1005Z",
    ],
)
def test_another_name_is_no_slot_of_a_schedule(job_id: str) -> None:
    with pytest.raises(PayloadInvalid, match="jobId"):
        slot_in(job_id, Schedule(id="s", cron="* * * * *"))
