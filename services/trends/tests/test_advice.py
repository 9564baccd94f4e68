"""Recommendations: for whom, why, until when; and that decisions are respected."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from huntaze_contracts.trends import (
    BrandProfile,
    RecommendPosts,
    ScrapeQuery,
    ScrapeTrends,
    Trend,
    TrendsFound,
)
from huntaze_trends.recommendations import Elsewhere, brand_match, confidence, own_timing, recommendations
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def trend(**fields: Any) -> Trend:
    made = {
        "identifier": "clayhands", "id": "trend-1", "state": "rising", "posts": 20, "authors": 15, "share": 0.05,
        "base_share": 0.005, "q_value": 1e-6, "total_posts": 400, "burst_weight": 12.0,
        "since": NOW - timedelta(hours=30), "reasons": ("20 of 400 posts",),
    }  # fmt: skip
    return Trend(**{**made, **fields})


def advise(*trends: Trend, brand: BrandProfile | None = None, elsewhere: Any = None) -> list[Any]:
    return recommendations(
        trends, user_id="ann", platform="tiktok", brand=brand or BrandProfile(), timing={},
        elsewhere=elsewhere or {}, now=NOW,
    )  # fmt: skip


def test_the_same_trend_is_the_same_recommendation_on_every_day() -> None:
    (today,), (tomorrow,) = advise(trend()), advise(trend(posts=44, state="peaking"))
    assert today.id == tomorrow.id
    assert today.why[0] == "20 of 400 posts"


@pytest.mark.parametrize("state", ["fading", "insufficient_history"])
def test_what_fades_or_claims_nothing_is_not_recommended(state: str) -> None:
    assert advise(trend(state=state)) == []


def test_the_brand_changes_the_order() -> None:
    pottery, crypto = trend(id="trend-p", burst_weight=8.0), trend(id="trend-c", identifier="coins")
    assert [each.trend_id for each in advise(pottery, crypto)] == ["trend-c", "trend-p"]
    brand = BrandProfile(topics=("#ClayHands",))
    assert [each.trend_id for each in advise(pottery, crypto, brand=brand)] == ["trend-p", "trend-c"]
    assert [each.trend_id for each in advise(pottery, crypto, brand=BrandProfile(avoid=("coins",)))] == [
        "trend-p"
    ]


def test_absence_needs_somebody_who_looked() -> None:
    brand = BrandProfile(platforms=("tiktok", "instagram", "youtube"))
    seen = {
        "trend-1": [
            Elsewhere("instagram", seen=0, total=800, base_seen=1, base_total=9000),
            Elsewhere("youtube", seen=0, total=20, base_seen=0, base_total=100),
            Elsewhere("x", seen=0, total=900, base_seen=0, base_total=100),
        ]
    }
    assert [each.platform for each in advise(trend(), brand=brand, elsewhere=seen)] == [
        "instagram",
        "tiktok",
    ] or {each.platform for each in advise(trend(), brand=brand, elsewhere=seen)} == {"instagram", "tiktok"}
    young = trend(since=NOW - timedelta(hours=2))
    assert [each.platform for each in advise(young, brand=brand, elsewhere=seen)] == ["tiktok"]


def test_deadlines_follow_the_stage_and_the_half_life() -> None:
    hours = {
        state: (advise(trend(state=state))[0].post_by - NOW) for state in ("emerging", "rising", "peaking")
    }
    assert hours["emerging"] > hours["rising"] > hours["peaking"] > timedelta(0)
    (soon,) = advise(trend(state="peaking", half_life_hours=5.0))
    assert (soon.post_by - NOW, soon.post_by_basis) == (
        timedelta(hours=5),
        "the time in which its share halves",
    )


def test_confidence_is_reachable_at_every_level() -> None:
    assert confidence(trend()) == "high"
    assert confidence(trend(authors=4)) == "medium"
    assert confidence(trend(state="watch")) == "low"


@given(st.lists(st.text(max_size=20), max_size=5), st.text(max_size=30))
def test_any_words_of_a_brand_give_a_weight(topics: list[str], identifier: str) -> None:
    assert 0 <= brand_match(trend(identifier=identifier), BrandProfile(topics=tuple(topics))) <= 1


def test_best_hours_come_from_own_posts_in_the_own_zone() -> None:
    posts = [(NOW - timedelta(hours=n), 100) for n in range(200)]
    posts += [(NOW.replace(hour=18) - timedelta(days=n), 5000) for n in range(30)]
    timing = own_timing(posts, "Europe/Paris")
    assert timing.hours is not None
    assert 19 in timing.hours
    few = own_timing(posts[:12], "Europe/Paris")
    assert (few.hours, "12 of 100" in few.basis) == (None, True)
    assert own_timing(posts, "no/zone").hours is not None


def row(number: int, age_h: float, tag: str, now: datetime) -> bytes:
    return msgspec.json.encode(
        {
            "id": str(number), "text": "", "createTime": int((now - timedelta(hours=age_h)).timestamp()),
            "authorMeta": {"id": f"a{number}"}, "hashtags": [{"name": tag}], "playCount": 5,
        }
    )  # fmt: skip


async def follow(platform: Any, user: str) -> None:
    body = b'{"platform":"tiktok","value":"#Studio"}'
    assert (
        await platform.http.put(f"{platform.url}/queries", content=body, headers=platform.as_user(user))
    ).status_code == 204


async def told(platform: Any, user: str) -> list[dict[str, Any]]:
    answer = await platform.http.get(f"{platform.url}/recommendations", headers=platform.as_user(user))
    assert answer.status_code == 200, answer.text
    return answer.json()["recommendations"]


async def tick(platform: Any, number: int) -> None:
    now = platform.now()
    steady = [row(n, 1 + n * 0.55, f"t{n % 9}", now) for n in range(600)]
    platform.apify.rows = steady + [row(9000 + n, 0.2 + n * 0.01, "newthing", now) for n in range(30)]
    await platform.send(ScrapeTrends(), f"tick-{number}")
    await platform.settle()


@pytest.fixture
def present(platform: Any) -> Any:
    """The service's API tells the present by its own clock."""
    platform.time[0] = datetime.now(UTC)
    return platform


async def test_two_followers_share_a_scrape_and_are_told_each(present: Any) -> None:
    await follow(present, "ann")
    await follow(present, "bob")
    await tick(present, 1)
    assert len(present.apify.runs) == 1
    (ann,), (bob,) = await told(present, "ann"), await told(present, "bob")
    assert ann["trendId"] == bob["trendId"]
    assert ann["id"] != bob["id"]
    assert await told(present, "eve") == []


async def test_a_dismissed_recommendation_does_not_come_back(present: Any) -> None:
    await follow(present, "ann")
    await tick(present, 1)
    (made,) = await told(present, "ann")
    decide = f"{present.url}/recommendations/{made['id']}/dismissed"
    assert (await present.http.post(decide, headers=present.as_user("eve"))).status_code == 404
    assert (await present.http.post(decide, headers=present.as_user("ann"))).status_code == 204
    present.later(hours=7)
    await tick(present, 2)
    assert await told(present, "ann") == []


async def test_renewed_recommendations_are_one_row(present: Any) -> None:
    await follow(present, "ann")
    for number in (1, 2):
        await tick(present, number)
        present.later(hours=7)
    assert await present.rows("SELECT count(*) FROM recommendation") == [(1,)]


async def test_trends_and_charts_are_for_followers(present: Any) -> None:
    await follow(present, "ann")
    await tick(present, 1)
    shown = await present.http.get(f"{present.url}/trends", headers=present.as_user("ann"))
    (trend_shown,) = shown.json()["queries"][0]["found"]["trends"]
    url = f"{present.url}/trends/{trend_shown['id']}.svg"
    picture = await present.http.get(url, headers=present.as_user("ann"))
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert "newthing" in picture.text
    assert (await present.http.get(url, headers=present.as_user("eve"))).status_code == 404
    assert (await present.http.get(url)).status_code == 401


async def test_queries_can_be_left_and_are_limited(platform: Any) -> None:
    await follow(platform, "ann")
    url = f"{platform.url}/queries"
    listed = await platform.http.get(url, headers=platform.as_user("ann"))
    assert [query["value"] for query in listed.json()["queries"]] == ["studio"]
    gone = f"{url}/tiktok/hashtag/studio"
    assert (await platform.http.delete(gone, headers=platform.as_user("ann"))).status_code == 204
    assert (await platform.http.delete(gone, headers=platform.as_user("ann"))).status_code == 404
    assert await platform.rows("SELECT enabled FROM tracked_query") == [(False,)]
    for body in (b"{", b'{"platform":"myspace","value":"a"}', b'{"platform":"x","value":"##"}'):
        answer = await platform.http.put(url, content=body, headers=platform.as_user("ann"))
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


async def test_a_brand_is_kept(platform: Any) -> None:
    url, ann = f"{platform.url}/brand", platform.as_user("ann")
    body = b'{"topics":["clay"],"timeZone":"Europe/Paris"}'
    assert (await platform.http.put(url, content=body, headers=ann)).status_code == 204
    shown = (await platform.http.get(url, headers=ann)).json()
    assert (shown["topics"], shown["timeZone"]) == (["clay"], "Europe/Paris")


async def test_recommendations_need_a_user_and_an_analysed_scrape(platform: Any) -> None:
    answer = await platform.send(RecommendPosts(scrape_id="s"), "job-1")
    assert (answer.status_code, answer.json()["code"]) == (489, "payload_invalid")
    answer = await platform.send(RecommendPosts(scrape_id="s"), "job-2", "ann")
    assert (answer.status_code, answer.json()["code"]) == (489, "scrape_unknown")
    await platform.send(ScrapeQuery(platform="tiktok", value="a"), "job-3")
    scrape_id = (await platform.rows("SELECT scrape_id FROM scrape"))[0][0]
    answer = await platform.send(RecommendPosts(scrape_id=scrape_id), "job-4", "ann")
    assert answer.json()["code"] == "scrape_unknown"
    assert TrendsFound(status="recommended").recommendations == 0
