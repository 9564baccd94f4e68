"""Detection: what is a trend, what must never be one, and what must change nothing."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from huntaze_trends.bursts import alarms, burst_weights, running_scores
from huntaze_trends.columns import columns_of
from huntaze_trends.detection import Topic, detect
from huntaze_trends.near_duplicates import duplicate_groups
from huntaze_trends.posts import Post
from huntaze_trends.quality import assess
from huntaze_trends.significance import least_testable, q_values, tail_probabilities
from huntaze_trends.stages import life
from huntaze_trends.words import words
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def post(number: int, age_h: float, *tags: str, author: str | None = None, **fields: object) -> Post:
    made = {
        "platform": "tiktok",
        "external_id": str(number),
        "author": author or f"author-{number}",
        "text": "",
        "tags": tags,
        "created_at": NOW - timedelta(hours=age_h),
    }
    return Post(**{**made, **fields})


def steady(per_day: int = 40, seed: int = 1) -> list[Post]:
    """Two weeks of posts on ten even topics."""
    chance = random.Random(seed)
    return [
        post(n, chance.uniform(0.01, 14 * 24 - 0.01), f"topic{chance.randrange(10)}")
        for n in range(14 * per_day)
    ]


def rising(count: int = 12, author: str | None = None, start: int = 100_000, **fields: object) -> list[Post]:
    return [post(start + n, n % 23 + 0.5, "newthing", author=author, **fields) for n in range(count)]


def found(posts: list[Post], own: frozenset[str] = frozenset()) -> dict[str, Topic]:
    return {topic.name: topic for topic in detect(posts, until=NOW, own=own).topics}


def test_a_topic_that_rises_among_many_authors_is_a_trend() -> None:
    (topic,) = found(steady() + rising()).values()
    assert topic.is_news
    assert (topic.name, topic.state, topic.posts, topic.authors) == ("#newthing", "emerging", 12, 12)
    assert topic.ratio > topic.ratio_low > 5
    assert topic.since == NOW - timedelta(hours=24)
    assert len(topic.examples) == 5


@pytest.mark.parametrize("same_text", ["", "buy this thing now before it is too late my friends"])
def test_one_author_posting_fifty_times_is_no_trend(same_text: str) -> None:
    assert found(steady() + rising(50, author="one", text=same_text)) == {}


def test_the_same_text_by_many_authors_is_a_trend() -> None:
    """Copying a format is what a trend is; repeating oneself is not."""
    text = "three things that nobody told me about clay"
    topics = found(steady() + rising(text=text))
    assert topics["#newthing"].posts == 12
    assert "three things" in topics["#newthing"].also


def test_steady_topics_raise_few_alarms() -> None:
    """100 windows without any trend; the design allows 0.05 false alarms a window."""
    topics = [topic for seed in range(100) for topic in found(steady(seed=seed)).values()]
    assert sum(topic.state != "watch" for topic in topics) <= 5


def test_a_query_does_not_find_itself() -> None:
    assert found(steady() + rising(), frozenset({"#newthing"})) == {}
    said = found(steady() + rising(text="new wave pottery"), frozenset({"new", "wave"}))
    assert not {"new", "wave", "new wave"} & {name for t in said.values() for name in (t.name, *t.also)}


def test_without_history_nothing_is_claimed() -> None:
    detection = detect([post(n, n / 2, f"t{n % 6}") for n in range(40)], until=NOW)
    assert not detection.enough_history
    assert {topic.state for topic in detection.topics} == {"insufficient_history"}


@pytest.mark.parametrize(
    "posts", [[], [post(1, 1)], [post(1, 400, "old")], [post(1, -5, "future")], [post(1, 0)]]
)
def test_next_to_nothing_is_no_error(posts: list[Post]) -> None:
    assert detect(posts, until=NOW).topics == ()


def test_promoted_posts_do_not_count_and_are_told() -> None:
    assert found(steady() + rising(promoted=True)) == {}
    mixed = found(steady() + rising() + rising(4, start=300_000, promoted=True))
    assert mixed["#newthing"].posts == 12
    assert mixed["#newthing"].sponsored_share == pytest.approx(4 / 16)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_order_of_posts_changes_nothing(seed: int) -> None:
    posts = steady() + rising(text="some words that are said")
    shuffled = posts.copy()
    random.Random(seed).shuffle(shuffled)
    assert detect(posts, until=NOW) == detect(shuffled, until=NOW)


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(0.5, 2), seed=st.integers(0, 1000))
def test_a_larger_sample_of_everything_is_no_trend(factor: float, seed: int) -> None:
    """Scraping more in the last day must not make its topics rise."""
    older = [p for p in steady(100, seed) if p.created_at < NOW - timedelta(hours=24)]
    chance = random.Random(seed)
    day = [
        post(900_000 + n, chance.uniform(0.1, 23.9), f"topic{chance.randrange(10)}")
        for n in range(round(100 * factor))
    ]
    assert all(topic.state == "watch" or topic.ratio_low < 3 for topic in found(older + day).values())


def test_ratios_do_not_depend_on_the_size_of_the_sample() -> None:
    def world(size: int) -> list[Post]:
        posts = [post(n, 24 + n * 312 / (130 * size), f"t{n % 10}") for n in range(130 * size)]
        posts += [post(10**6 + n, 0.5 + n * 23 / (10 * size), f"t{n % 10}") for n in range(10 * size)]
        return (
            posts
            + [post(2 * 10**6 + n, 0.2 + n * 23 / (4 * size), "new") for n in range(4 * size)]
            + [post(3 * 10**6 + n, 30 + n * 300 / size, "new") for n in range(size)]
        )

    small, large = found(world(4))["#new"], found(world(8))["#new"]
    assert large.ratio == pytest.approx(small.ratio, rel=0.15)
    assert large.share == pytest.approx(small.share, rel=0.02)


def test_windows_are_short_where_there_are_enough_posts() -> None:
    detection = detect(steady(1300), until=NOW)
    assert detection.width == timedelta(hours=6)
    assert detect(steady(400), until=NOW).width == timedelta(hours=24)


@pytest.mark.parametrize(
    ("latest", "stage"),
    [
        ([1, 1, 1, 1, 1, 1, 1, 12], "emerging"),
        ([1, 1, 6, 8, 10, 12, 15, 19], "rising"),
        ([1, 14, 20, 20, 20, 20, 20, 20], "peaking"),
        ([1, 30, 40, 30, 24, 19, 15, 12], "fading"),
    ],
)
def test_every_stage_is_reached(latest: list[int], stage: str) -> None:
    series, totals = np.array([[1] * 48 + latest]), np.full(56, 300)
    weights, _ = burst_weights(series, totals, np.arange(56) < 55)
    course = life(series[0], totals, weights[0], width_h=6)
    assert course.stage == stage
    assert (course.half_life_h is not None) == (stage == "fading")


def exact_tail(x: int, n: int, base_x: int, base_n: int) -> float:
    """Sum the negative binomial term by term, as an independent check."""
    shape, success = base_x + 0.5, base_n / (base_n + n)
    term, below = success**shape, 0.0
    for i in range(x):
        below += term
        term *= (shape + i) / (i + 1) * (1 - success)
    return 1.0 - below


@given(x=st.integers(0, 80), n=st.integers(1, 500), base_x=st.integers(0, 300), base_n=st.integers(300, 5000))
def test_the_tail_is_that_of_the_negative_binomial(x: int, n: int, base_x: int, base_n: int) -> None:
    p, less = tail_probabilities(np.array([x, x + 1]), n, np.array([base_x, base_x]), base_n)
    assert p == pytest.approx(exact_tail(x, n, base_x, base_n), abs=1e-9)
    assert 0 <= less <= p <= 1


def test_very_small_tails_keep_their_order() -> None:
    p = tail_probabilities(np.array([50, 100, 150]), 500, np.array([0, 0, 0]), 5000)
    assert 1e-30 > p[0] > p[1] > p[2] > 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(0, 50))
def test_q_values_are_never_below_p_values_and_keep_their_order(p_values: list[float], more: int) -> None:
    p = np.array(p_values)
    q = q_values(p, len(p) + more)
    assert (q >= np.minimum(1, p) - 1e-12).all()
    assert (np.diff(q[np.argsort(p, kind="stable")]) >= -1e-12).all()


def test_words_that_are_said_once_hide_no_trend() -> None:
    """However many there are: no time at which they could be said would be a surprise."""
    posts = steady(per_day=60) + rising(9)
    rare = [post(500_000 + n, (n % 330) + 0.1, *(f"rare{n}x{m}" for m in range(60))) for n in range(330)]
    (alone,), (among,) = found(posts).values(), found(posts + rare).values()
    assert among.name == alone.name == "#newthing"
    assert among.q_value < 10 * alone.q_value


def test_what_is_too_rare_to_be_significant_is_not() -> None:
    often = np.array([1] * 10_000 + [2] * 1_000 + [8] * 10)
    least = least_testable(often, 50, 1_000, 0.05)
    smallest, reaching = (
        lambda times: tail_probabilities(np.array([times]), 50, np.array([0]), 1_000)[0],
        lambda times: np.count_nonzero(often >= times),
    )
    assert 2 * smallest(least) * reaching(least) <= 0.05 < 2 * smallest(least - 1) * reaching(least - 1)


def test_a_burst_has_weight_while_it_lasts() -> None:
    counts = np.array([[1] * 10 + [12] + [1] * 3])
    weights, levels = burst_weights(counts, np.full(14, 40), np.arange(14) < 10)
    assert (weights[0, :10] == 0).all()
    assert weights[0, 10] > 5
    assert levels[0, 10] >= 2
    assert weights[0, -1] == 0


def test_an_alarm_is_not_repeated_unless_it_rises_further() -> None:
    values = np.array([1.0] * 50 + [30, 31, 29, 60] + [1.0] * 50)
    scores = running_scores(values[None, :], half_life=20, floor=1)[0]
    fired = np.flatnonzero(alarms(scores, values, threshold=3, quiet=24, rise=1.3))
    assert fired.tolist() == [50, 53]


def test_near_copies_are_found_and_others_are_not() -> None:
    text = "we tried every coffee place in the old town so that you do not have to"
    posts = [
        post(1, 9, text=text),
        post(2, 8, text=text.upper() + " #coffee https://example.com/x"),
        post(3, 7, text=text.replace("coffee", "coffee ") + "!!!"),
        post(4, 6, text="we tried every bakery in the new town and you should go there too"),
        post(5, 5, text=""),
        post(6, 4, text=""),
    ]
    assert duplicate_groups(columns_of(posts)).tolist() == [0, 0, 0, 3, 4, 5]


def test_verdicts_come_with_reasons() -> None:
    text = "the same long caption again and again for every post"
    posts = [
        post(1, 5, author="a", text=text),
        post(2, 4, author="a", text=text),
        post(3, 3, author="b", text=text),
        post(4, 2, promoted=True),
        post(5, 24 * 40),
        post(6, -1),
        post(7, 1, "t", views=0, likes=5),
        post(8, 1, "t", views=10, likes=9),
    ]
    columns = columns_of(posts)
    by_id = dict(
        zip(
            (p.external_id for p in columns.posts),
            assess(columns, duplicate_groups(columns), now=NOW),
            strict=True,
        )
    )
    judged = [by_id[p.external_id] for p in posts]
    assert [j.verdict for j in judged] == [
        *("kept", "repeated", "kept", "promoted", "stale", "invalid", "kept", "kept"),
    ]
    assert [j.duplicate_of for j in judged[:3]] == [None, "1", "1"]
    assert judged[7].reasons == ("more than one like for two views",)
    assert all(j.reasons for j in judged if j.verdict != "kept")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, the CLAY's #tag @you https://x.y z", ["hello", "the", "clay's", "z"]),
        ("2026 été", ["2026", "été"]),
        ("今日の陶芸 clay", ["今日", "日の", "の陶", "陶芸", "clay"]),
        ("ＦＵＬＬ width", ["full", "width"]),
    ],
)
def test_words_of_any_script(text: str, expected: list[str]) -> None:
    assert [word for word in words(text) if word] == expected


def test_no_phrase_reaches_across_a_gap() -> None:
    posts = steady() + rising(text="clay https://example.com/a bowl 2026 kiln")
    names = {name for topic in found(posts).values() for name in (topic.name, *topic.also)}
    assert names == {"#newthing", "clay", "bowl", "kiln"}


def test_a_trend_is_news_once() -> None:
    """It stays a trend on the next day, without being told again; unless it doubles."""
    yesterday = [post(50_000 + n, 24.5 + n % 23, "newthing") for n in range(12)]
    assert not found(steady(60) + yesterday + rising())["#newthing"].is_news
    assert found(steady(60) + yesterday + rising(60))["#newthing"].is_news
