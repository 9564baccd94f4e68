"""Scores of posts and forecasts of their views: always by parts, and never more than is known."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from huntaze_trends.forecast import Growth, GrowthModel
from huntaze_trends.posts import Post
from huntaze_trends.virality import LEAST_COHORT, Measured, Virality, virality
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def measured(
    number: int, views: int | None, *, age_h: float = 48, author: str = "", **fields: object
) -> Measured:
    captured = {key: fields.pop(key) for key in ("views_before", "captured_before") if key in fields}
    made = NOW - timedelta(hours=age_h)
    post = Post(
        platform="tiktok",
        external_id=str(number),
        author=author or f"author-{number}",
        text="",
        created_at=made,
        views=views,
        **fields,  # type: ignore[arg-type]
    )
    return Measured(post, NOW, **captured)  # type: ignore[arg-type]


def cohort(count: int = 2 * LEAST_COHORT, seed: int = 3) -> list[Measured]:
    """Posts of the same age, whose views are log-normal."""
    chance = random.Random(seed)
    return [measured(n, int(chance.lognormvariate(7, 1))) for n in range(count)]


def score_of(post: Measured, others: list[Measured]) -> Virality:
    return virality([*others, post])[-1]


def test_many_more_views_than_usual_are_viral() -> None:
    usual, hit = (score_of(measured(-1, views), cohort()) for views in (1_100, 500_000))
    assert hit.viral
    assert not usual.viral
    assert usual.score is not None
    assert hit.score is not None
    assert 40 < usual.score < 60 < 99 < hit.score


def test_a_large_author_does_not_go_viral_with_what_is_usual_for_it() -> None:
    chance = random.Random(5)
    posts = [
        measured(n, int(followers * chance.lognormvariate(0, 0.3)), followers=followers)
        for n in range(600)
        for followers in [10 ** chance.randrange(2, 7)]
    ]
    assert not score_of(measured(-1, 1_000_000, followers=1_000_000), posts).viral
    assert score_of(measured(-1, 1_000_000, followers=1_000), posts).viral


def test_an_author_is_compared_with_its_own_posts() -> None:
    own = [measured(10_000 + n, 900, author="me") for n in range(9)]
    known = score_of(measured(-1, 9_000, author="me"), cohort() + own)
    unknown = score_of(measured(-1, 9_000), cohort())
    assert known.author_multiple is not None
    assert 4 < known.author_multiple < 12  # ten times, drawn towards what is usual for all
    assert unknown.author_multiple is None
    assert "author" in unknown.missing


def test_a_small_cohort_tells_nothing() -> None:
    found = virality(cohort(LEAST_COHORT - 1))
    assert {each.score for each in found} == {None}
    assert {each.viral for each in found} == {False}
    assert all({"cohort", "author", "momentum", "forecast"} <= set(each.missing) for each in found)


def test_two_snapshots_tell_how_fast_a_post_grows() -> None:
    before = NOW - timedelta(hours=10)
    grown = measured(-1, 3_000, views_before=1_000, captured_before=before)
    shrunk = measured(-2, 900, views_before=1_000, captured_before=before)
    found = virality([*cohort(), grown, shrunk])
    assert (found[-2].velocity_per_h, found[-2].velocity_basis) == (200, "snapshots")
    assert found[-2].momentum == pytest.approx(math.log(3) / 10)
    assert (found[-1].velocity_per_h, found[-1].momentum, found[-1].count_corrected) == (0, 0, True)


@pytest.mark.parametrize("views", [None, 0])
def test_hidden_and_zero_views_are_no_error(views: int | None) -> None:
    found = score_of(measured(-1, views, likes=4), cohort())
    assert found.engagement_rate is None
    assert not found.viral
    assert ("cohort" in found.missing) == (views is None)


def test_where_views_are_not_shown_likes_are_compared() -> None:
    chance = random.Random(7)
    posts = [measured(n, None, likes=int(chance.lognormvariate(5, 1))) for n in range(400)]
    found = score_of(measured(-1, None, likes=90_000), posts)
    assert (found.basis, found.viral) == ("likes", True)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_posts_changes_no_score(order: random.Random) -> None:
    posts = cohort(300)
    shuffled = order.sample(posts, len(posts))
    by_id = {m.post.external_id: score for m, score in zip(shuffled, virality(shuffled), strict=True)}
    for each, score in zip(posts, virality(posts), strict=True):
        assert by_id[each.post.external_id].score == pytest.approx(score.score)


def examples(count: int, factor: float = 2.0) -> list[Growth]:
    chance = random.Random(11)
    return [
        Growth(48, views, 24, int(views * factor * chance.lognormvariate(0, 0.1)), 24, int(views / factor))
        for views in (chance.randrange(500, 50_000) for _ in range(count))
    ]


def test_a_forecast_says_what_happened_to_others() -> None:
    model = GrowthModel(examples(400), hours=24)
    one = model.forecast(views=1_000, age_h=48)
    two = model.forecast(views=1_000, age_h=48, views_before=500, hours_before=24)
    assert one is not None
    assert two is not None
    assert (one.basis, two.basis) == ("one snapshot", "two snapshots")
    for forecast in (one, two):
        assert forecast.low < forecast.expected < forecast.high
        assert 1_800 < forecast.expected < 2_200


def test_too_few_examples_and_posts_without_views_have_no_forecast() -> None:
    assert GrowthModel(examples(49), hours=24).forecast(views=1_000, age_h=48) is None
    assert GrowthModel(examples(60), hours=24).forecast(views=0, age_h=48) is None


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 2**62), st.floats(0, 1e4), st.integers(0, 2**62), st.floats(1, 1e3))
def test_a_forecast_is_never_below_what_is_there(views: int, age: float, before: int, hours: float) -> None:
    model = GrowthModel(examples(80), hours=72)
    forecast = model.forecast(views=views, age_h=age, views_before=before, hours_before=hours)
    assert forecast is not None
    assert views * (1 - 1e-9) <= forecast.low <= forecast.expected <= forecast.high
