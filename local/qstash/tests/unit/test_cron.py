"""Cron, against a second implementation (croniter)."""

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st
from qstash_local.core.cron import next_after

INSTANTS = st.integers(
    int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2030, 1, 1, tzinfo=UTC).timestamp())
)


def field(low, high):
    """One cron field: a star, a step, a number, a range or a list."""
    number = st.integers(low, high)
    span = st.lists(number, min_size=2, max_size=2, unique=True).map(lambda pair: f"{min(pair)}-{max(pair)}")
    return st.one_of(
        st.just("*"),
        st.integers(2, high).map(lambda step: f"*/{step}"),
        number.map(str),
        span,
        st.lists(number, min_size=2, max_size=4, unique=True).map(
            lambda numbers: ",".join(map(str, sorted(numbers)))
        ),
    )


@settings(deadline=None)
@given(field(0, 59), field(0, 23), field(1, 28), field(1, 12), INSTANTS)
def test_the_next_instant_is_the_one_croniter_finds(minute, hour, day, month, start):
    expression = f"{minute} {hour} {day} {month} *"
    expected = croniter(expression, datetime.fromtimestamp(start, UTC)).get_next(datetime)
    assert next_after(expression, start * 1000) == expected.timestamp() * 1000


@settings(deadline=None)
@given(field(0, 59), field(0, 23), field(0, 6), INSTANTS)
def test_weekdays_agree_too(minute, hour, weekday, start):
    expression = f"{minute} {hour} * * {weekday}"
    expected = croniter(expression, datetime.fromtimestamp(start, UTC)).get_next(datetime)
    assert next_after(expression, start * 1000) == expected.timestamp() * 1000


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]), INSTANTS
)
def test_a_daily_job_keeps_its_wall_time_over_the_year(zone, start):
    """Noon is noon, in summer and in winter."""
    moment = datetime.fromtimestamp(
        next_after(f"CRON_TZ={zone} 0 12 * * *", start * 1000) / 1000, ZoneInfo(zone)
    )
    assert (moment.hour, moment.minute) == (12, 0)
    assert 0 < moment.timestamp() - start <= 25 * 3600


def test_an_hour_that_does_not_exist_is_not_skipped():
    """In Berlin, 29 March 2026 has no 2:30; the job of that night runs once, at 3 o'clock."""
    before = int(datetime(2026, 3, 29, 0, 0, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1000)
    first = next_after("CRON_TZ=Europe/Berlin 30 2 * * *", before)
    second = next_after("CRON_TZ=Europe/Berlin 30 2 * * *", first)
    assert datetime.fromtimestamp(first / 1000, ZoneInfo("Europe/Berlin")).date().isoformat() == "2026-03-29"
    assert (
        datetime.fromtimestamp(second / 1000, ZoneInfo("Europe/Berlin")).isoformat()
        == "2026-03-30T02:30:00+02:00"
    )


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(text):
    with suppress(ValueError):
        assert next_after(text, 0) > 0


@pytest.mark.parametrize(
    "text", ["CRON_TZ=../etc/passwd 0 0 * * *", "CRON_TZ= 0 0 * * *", "* * * * * *", "0 0 31 2 *"]
)
def test_bad_expressions_are_refused(text):
    with pytest.raises(ValueError):
        next_after(text, 0)
