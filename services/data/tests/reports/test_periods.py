"""Periods tile time: whatever the anchor, the zone and the night the clocks change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from huntaze_data.reports.periods import Anchors, Period, chosen, holding, midnight, newest, preceding
from hypothesis import given
from hypothesis import strategies as st

ZONES = st.sampled_from(sorted(available_timezones() - {"localtime"})).map(ZoneInfo)
DAYS = st.dates(date(2001, 1, 1), date(2050, 1, 1))
ANCHORS = st.builds(Anchors, st.integers(1, 7), st.integers(1, 31))
KINDS = st.sampled_from(["weekly", "monthly"])
MOMENTS = st.integers(978_307_200, 2_524_608_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(day=DAYS, kind=KINDS, anchors=ANCHORS)
def test_each_day_lies_in_one_period_and_periods_touch(day: date, kind, anchors: Anchors) -> None:
    period = holding(day, kind, anchors)
    assert period.first <= day <= period.last
    assert {holding(each, kind, anchors) for each in period.days} == {period}
    before = preceding(period, anchors)
    assert before.last + timedelta(days=1) == period.first
    assert len(period) == 7 if kind == "weekly" else 28 <= len(period) <= 31 + 3


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        ("2027-02-15", "2027-01-31", "2027-02-27"),
        ("2027-02-28", "2027-02-28", "2027-03-30"),
        ("2028-02-29", "2028-02-29", "2028-03-30"),
        ("2027-04-30", "2027-04-30", "2027-05-30"),
        ("2027-01-01", "2026-12-31", "2027-01-30"),
    ],
)
def test_a_month_anchored_on_the_31st_begins_on_the_last_day_of_a_shorter_one(day, first, last) -> None:
    expected = Period("monthly", date.fromisoformat(first), date.fromisoformat(last))
    assert holding(date.fromisoformat(day), "monthly", Anchors(month_day=31)) == expected


@given(now=MOMENTS, zone=ZONES, kind=KINDS, anchors=ANCHORS, hour=st.integers(0, 23))
def test_the_newest_period_is_over_and_its_successor_is_not(now, zone, kind, anchors, hour: int) -> None:
    period = newest(kind, now, zone, anchors, hour=hour)
    assert period.end(zone) <= now
    following = holding(period.last + timedelta(days=1), kind, anchors)
    assert following.end(zone) + timedelta(hours=25) > now or hour == 0
    if hour == 0:
        assert following.end(zone) > now


@given(day=DAYS, zone=ZONES)
def test_a_day_begins_at_its_first_instant(day: date, zone: ZoneInfo) -> None:
    """A microsecond before, it is an earlier day; the instants of two days are never in the wrong order."""
    begin = midnight(day, zone)
    assert begin.astimezone(zone).date() >= day
    assert (begin - timedelta(microseconds=1)).astimezone(zone).date() < day
    assert begin <= midnight(day + timedelta(days=1), zone)


@given(first=DAYS, length=st.integers(1, 366), zone=ZONES, anchors=ANCHORS, late=st.integers(0, 10**6))
def test_a_custom_period_is_compared_with_as_many_days(first, length, zone, anchors, late: int) -> None:
    last = first + timedelta(days=length - 1)
    now = midnight(last + timedelta(days=1), zone) + timedelta(seconds=late)
    period = chosen("custom", first, last, now, zone, anchors)
    assert len(period) == len(preceding(period, anchors)) == length


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", "2026-10-25", 25),
        ("Europe/Paris", "2026-03-29", 23),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("America/Santiago", "2026-09-06", 23),
        ("Asia/Kathmandu", "2026-10-25", 24),
        ("Pacific/Apia", "2011-12-30", 0),
    ],
)
def test_days_have_as_many_hours_as_the_zone_gives_them(zone: str, day: str, hours: float) -> None:
    at = date.fromisoformat(day)
    period = Period("custom", at, at)
    assert period.end(ZoneInfo(zone)) - period.begin(ZoneInfo(zone)) == timedelta(hours=hours)
