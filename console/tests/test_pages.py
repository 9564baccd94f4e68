"""What pages say, without a browser."""

from datetime import UTC, datetime

import pytest
from huntaze_cli.failures import CommandFailed
from huntaze_console.markup import duration, render
from huntaze_console.schedules import next_fires
from hypothesis import given
from hypothesis import strategies as st


@given(st.floats(0, 1e9))
def test_a_duration_has_no_unit_that_is_full(seconds: float) -> None:
    units = {"ms": 1000, "s": 60, "min": 60, "h": 24, "d": 1e9}
    parts = duration(seconds).split()
    for number, unit in zip(parts[::2], parts[1::2], strict=True):
        assert 0 <= float(number) <= units[unit]


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0.25, "250 ms"), (75, "1 min 15 s"), (90_000, "1 d 1 h")]
)
def test_a_duration_is_read_easily(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_the_next_fires_are_in_the_schedules_zone() -> None:
    """Half past two, which one night skips, is three o'clock then."""
    fires = next_fires("CRON_TZ=Europe/Paris 30 2 * * *", datetime(2027, 3, 27, tzinfo=UTC))

    at = ["03-27 01:30", "03-28 01:00", "03-29 00:30", "03-30 00:30", "03-31 00:30"]
    assert [f"{each:%m-%d %H:%M}" for each in fires] == at


@pytest.mark.parametrize("cron", ["", "nonsense", "CRON_TZ=Nowhere/Land 0 0 * * *", "0 0 30 2 *"])
def test_what_never_fires_has_no_next_time(cron: str) -> None:
    assert next_fires(cron, datetime(2026, 1, 1, tzinfo=UTC)) == []


def test_a_failure_is_told_without_markup() -> None:
    shown = render("unreachable.html", {"failure": CommandFailed("<script>", hint="<b>")})

    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
