"""Durations, against sums of their parts."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qstash_local.core.durations import parse_duration

UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(list(UNITS))), min_size=1, max_size=5))
def test_a_duration_is_the_sum_of_its_parts(parts):
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert parse_duration(text) == sum(number * UNITS[unit] for number, unit in parts)


@given(st.integers(0, 10**9))
def test_a_bare_integer_counts_seconds(number):
    assert parse_duration(str(number)) == number * 1000


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1d10h30m", 124_200_000),
        ("1h30m3s", 5_403_000),
        ("1.5h", 5_400_000),
        ("6m5s", 365_000),
        ("1500us", 2),
        ("10ns", 0),
    ],
)
def test_known_durations(text, milliseconds):
    assert parse_duration(text) == milliseconds


@given(st.text(max_size=80))
def test_no_text_breaks_the_parser(text):
    with suppress(ValueError):
        assert parse_duration(text) >= 0


@pytest.mark.parametrize(
    "text", ["", " ", "s", "-1s", "1w", "1 s 2", "１s", "1s" * 40, "1e3s", "1m\x00", "٣s"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError):
        parse_duration(text)
