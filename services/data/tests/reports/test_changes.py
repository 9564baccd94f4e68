"""Changes are told where chance hardly explains them, and only there."""

import random
from datetime import date, timedelta

import pytest
from huntaze_data.reports.changes import Watched, find_changes
from huntaze_data.reports.significance import deviations, holm, poisson_tail, shift_p
from hypothesis import given
from hypothesis import strategies as st

WEEK = [date(2026, 11, 16) + timedelta(days=number) for number in range(7)]
VALUES = st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=40)


def watched(now, before, baseline, **parts) -> Watched:
    return Watched("reach", "Reach", "count", tuple(now), tuple(before), tuple(baseline), parts)


def test_a_lasting_change_is_told_with_what_it_comes_from() -> None:
    before, now = [100.0, 104, 98, 101, 97, 103, 99], [150.0, 152, 149, 155, 151, 148, 154]
    parts = {
        "tiktok": (tuple(v - 50 for v in now), tuple(v - 50 for v in before)),
        "youtube": ((50,) * 7, (50,) * 7),
    }
    (change,) = find_changes([watched(now, before, [], **parts)], WEEK)
    assert change.direction == "up"
    assert change.text == "Reach rose: 151 a day on average, against 100 before"
    assert change.reason.endswith("of the difference comes from TikTok")


def test_a_certain_but_small_change_is_not_told() -> None:
    before, now = [100.0, 101, 100, 101, 100, 101, 100], [104.0, 105, 104, 105, 104, 105, 104]
    assert find_changes([watched(now, before, [])], WEEK) == ()


def test_unusual_days_in_a_row_are_one_change() -> None:
    now = [100.0, 101, 99, 5, 5, 6, 5]
    (change,) = find_changes([watched(now, [], [100.0, 102, 98, 101] * 7)], WEEK)
    assert (change.direction, change.day) == ("down", WEEK[3])
    assert "from 19 Nov to 22 Nov" in change.text


def test_with_too_few_days_nothing_is_claimed() -> None:
    assert find_changes([watched([1.0, 900], [1.0, 1], [1.0] * 13)], WEEK[:2]) == ()


@pytest.mark.parametrize("mean", [4, 40, 4000])
def test_reports_of_mere_chance_seldom_tell_of_changes(mean: int) -> None:
    """Six series of one rate: in fewer than one report of ten something is told."""
    draw = random.Random(mean)
    told = 0
    for _ in range(300):
        series = [
            [float(round(draw.gauss(mean, mean**0.5 + mean * 0.1))) for _ in range(35)] for _ in range(6)
        ]
        told += bool(find_changes([watched(days[28:], days[21:28], days[:28]) for days in series], WEEK))
    assert told < 30


@given(now=VALUES, before=VALUES)
def test_the_test_does_not_care_which_side_comes_first(now, before) -> None:
    p = shift_p(now, before)
    assert p == pytest.approx(shift_p(before, now))
    assert 0 <= p <= 1


def test_the_test_agrees_with_a_published_table() -> None:
    """U = 0 of 7 and 7 has an exact two-sided p of 2/3432; the approximation is near it, on the safe side."""
    p = shift_p([1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14])
    assert 2 / 3432 < p < 0.003


@given(st.lists(st.floats(0, 1), max_size=8))
def test_correction_only_raises_and_keeps_the_order(p_values) -> None:
    corrected = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, corrected, strict=True))
    ordered = sorted(zip(p_values, corrected, strict=True))
    assert [q for _, q in ordered] == sorted(q for _, q in ordered)


def test_a_series_that_never_moved_has_no_unusual_day_because_of_a_little() -> None:
    assert all(abs(z) < 5 for z in deviations([1.0, 2, 0], [0.0] * 28))
    assert deviations([None, 5.0], [0.0] * 13) == [None, None]


def test_the_tail_of_rare_events() -> None:
    assert poisson_tail(0, 3) == 1
    assert poisson_tail(1, 0) == 0
    assert poisson_tail(5, 2.0) == pytest.approx(0.0526530, abs=1e-6)


def test_a_payment_now_and_then_is_not_unusual() -> None:
    """Where most days bring nothing, only what dwarfs the largest of them stands out."""
    baseline = [0.0] * 20 + [118.0, 5, 60, 2, 9, 30, 7, 11]
    assert abs(deviations([69.1], baseline)[0] or 0) < 5
    assert (deviations([1000.0], baseline)[0] or 0) > 5
