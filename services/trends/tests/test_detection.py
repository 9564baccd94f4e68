"""Detection: what is a trend, and what must never be one."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from huntaze_trends.detection import benjamini_hochberg, burst_weights, detect, tail_probability
from huntaze_trends.posts import Post
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def post(number: int, age_h: float, *tags: str, author: str | None = None, promoted: bool = False) -> Post:
    return Post(
        platform="tiktok",
        external_id=str(number),
        author=author or f"author-{number}",
        text="",
        tags=tags,
        created_at=NOW - timedelta(hours=age_h),
        promoted=promoted,
        views=0,
        likes=None,
        comments=None,
        shares=None,
        saves=None,
    )


def steady(per_day: int = 40, seed: int = 1) -> list[Post]:
    """Two weeks of posts on ten even topics."""
    chance = random.Random(seed)
    return [
        post(n, chance.uniform(0.01, 14 * 24 - 0.01), f"topic{chance.randrange(10)}")
        for n in range(14 * per_day)
    ]


def rising(count: int = 12, author: str | None = None, start: int = 100_000) -> list[Post]:
    return [post(start + n, n + 0.5, "newthing", author=author) for n in range(count)]


def states(posts: list[Post]) -> dict[str, str]:
    return {topic.name: topic.state for topic in detect(posts, now=NOW, own_tags=frozenset())}


def test_a_topic_that_rises_among_many_authors_is_a_trend() -> None:
    (topic,) = detect(steady() + rising(), now=NOW, own_tags=frozenset())
    assert (topic.name, topic.state, topic.posts, topic.authors) == ("newthing", "emerging", 12, 12)
    assert topic.ratio_low > 5
    assert any("expected" in reason for reason in topic.reasons)


def test_one_author_posting_fifty_times_is_no_trend() -> None:
    assert "newthing" not in states(steady() + rising(50, author="one"))


def test_steady_topics_raise_few_alarms() -> None:
    """The false alarms of 200 windows without any trend, which must stay below the design's 0.05 a window."""
    alarms = sum(state != "watch" for seed in range(200) for state in states(steady(seed=seed)).values())
    assert alarms <= 10


def test_a_query_does_not_find_itself() -> None:
    assert detect(steady() + rising(), now=NOW, own_tags=frozenset({"newthing"})) == []


def test_without_history_nothing_is_claimed() -> None:
    assert set(states(rising())) == set()  # the only tag there is says nothing
    few = [post(n, n / 2, f"t{n % 6}") for n in range(40)]
    assert set(states(few).values()) == {"insufficient_history"}


@pytest.mark.parametrize("posts", [[], [post(1, 1)], [post(1, 400, "old")], [post(1, -5, "future")]])
def test_next_to_nothing_is_no_error(posts: list[Post]) -> None:
    assert detect(posts, now=NOW, own_tags=frozenset()) == []


def test_promoted_posts_do_not_count() -> None:
    promoted = [post(200_000 + n, n + 0.5, "newthing", promoted=True) for n in range(12)]
    assert "newthing" not in states(steady() + promoted)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_order_of_posts_changes_nothing(seed: int) -> None:
    posts = steady() + rising()
    shuffled = posts.copy()
    random.Random(seed).shuffle(shuffled)
    arguments = {"now": NOW, "own_tags": frozenset[str]()}
    assert detect(posts, **arguments) == detect(shuffled, **arguments)


@given(x=st.integers(0, 60), n=st.integers(1, 500), base_x=st.integers(0, 300), base_n=st.integers(300, 5000))
def test_more_posts_are_never_less_significant(x: int, n: int, base_x: int, base_n: int) -> None:
    p = tail_probability(x, n, base_x, base_n)
    assert 0 <= tail_probability(x + 1, n, base_x, base_n) <= p <= 1
    assert tail_probability(0, n, base_x, base_n) == 1


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=20))
def test_q_values_are_never_below_p_values(p_values: dict[str, float]) -> None:
    q_values = benjamini_hochberg(p_values)
    assert q_values.keys() == p_values.keys()
    assert all(p_values[name] <= q_values[name] + 1e-12 for name in p_values)
    ranked = sorted(p_values, key=p_values.__getitem__)
    assert [q_values[name] for name in ranked] == sorted(q_values.values())


def test_a_burst_has_weight_while_it_lasts() -> None:
    weights = burst_weights([(1, 40)] * 10 + [(12, 40)] + [(1, 40)] * 3, 0.025)
    assert weights[:10] == [0] * 10
    assert weights[10] > 5
    assert weights[-1] == 0
