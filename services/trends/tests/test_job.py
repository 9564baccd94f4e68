"""The job over real HTTP: one paid run per scrape, no post lost or doubled, whatever goes wrong."""

import random
import zlib
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from huntaze_common import sql
from huntaze_common.secret import Secret
from huntaze_contracts.trends import CollectPosts, ScrapeQuery, ScrapeTrends, TrendsFound

QUERY = ScrapeQuery(platform="tiktok", value="Studio", max_posts=3000)


def posts(count: int, now: Any, seed: int = 1) -> list[bytes]:
    """Two weeks of posts on ten even topics."""
    chance = random.Random(seed)
    return [
        row(n, chance.uniform(0.1, 330), f"topic{chance.randrange(10)}", f"a{n}", now) for n in range(count)
    ]


def row(number: int, age_h: float, tag: str, author: str, now: Any, **fields: Any) -> bytes:
    made = {
        "id": str(number), "text": f"post number{number} by {author}",
        "createTime": int((now - timedelta(hours=age_h)).timestamp()),
        "authorMeta": {"id": author, "name": author, "fans": 1000}, "hashtags": [{"name": tag}, {"name": "studio"}],
        "playCount": 1000 + number, "diggCount": 10,
    }  # fmt: skip
    return msgspec.json.encode({**made, **fields})


async def test_every_query_prepares(pool: Any) -> None:
    async with pool.acquire() as connection:
        for query in sql.load("huntaze_trends").values():
            await connection.prepare(query)


async def scrape(platform: Any, job_id: str = "job-1", query: ScrapeQuery = QUERY) -> TrendsFound:
    """Start a scrape, let its run end, deliver everything; return what the last look found."""
    answer = await platform.send(query, job_id)
    assert answer.status_code == 200, answer.text
    results = await platform.settle()
    return next(found for found in results.values() if found.status == "analysed")


async def test_a_scrape_ends_with_a_trend_and_its_reasons(platform: Any) -> None:
    rising = [row(5000 + n, n + 0.5, "newthing", f"b{n}", platform.now()) for n in range(12)]
    platform.apify.rows = posts(560, platform.now()) + rising
    found = await scrape(platform)
    assert (found.posts, found.quarantined, found.cost_usd, found.window_hours) == (572, 0, 0.25, 24)
    (trend,) = found.trends
    assert (trend.identifier, trend.kind, trend.state, trend.posts) == ("newthing", "tag", "emerging", 12)
    assert any("12 of" in reason and "expected" in reason for reason in trend.reasons)
    assert len(trend.examples) == 5
    run = platform.apify.runs[0]
    assert (run.options["maxItems"], run.options["maxTotalChargeUsd"]) == ("3000", "1.0")
    assert run.input["hashtags"] == ["studio"]
    stored = await platform.rows("SELECT name, state, trend_id, detector_version FROM trend")
    assert stored == [("#newthing", "emerging", trend.id, found.detector_version)]


async def test_everybody_who_asks_in_the_same_period_shares_one_run(platform: Any) -> None:
    assert (await platform.send(QUERY, "job-1")).status_code == 200
    shared = msgspec.json.decode((await platform.send(QUERY, "job-2")).content, type=TrendsFound)
    again = await platform.send(QUERY, "job-1")
    assert (shared.status, again.headers["x-job-outcome"]) == ("shared", "replayed")
    assert len(platform.apify.runs) == 1


@pytest.mark.parametrize("fault", ["500 although started", "500"])
async def test_a_start_whose_answer_was_lost_is_looked_up_and_not_repeated(platform: Any, fault: str) -> None:
    """Two lost answers must not be three paid runs."""
    platform.apify.rows = posts(20, platform.now())
    platform.apify.faults["start"] = [fault]
    assert (await platform.send(QUERY, "job-1")).status_code == 503
    assert (await platform.send(QUERY, "job-1")).json()["code"] == "start_unclear"
    platform.later(seconds=40)
    answer = await platform.send(QUERY, "job-1")
    assert answer.status_code == 200, (answer.text, platform.apify.requests)
    assert len(platform.apify.runs) == 1
    results = await platform.settle()
    assert sum(found.posts for found in results.values()) == 20


async def test_the_lost_run_of_another_query_is_not_taken_for_ours(platform: Any) -> None:
    platform.apify.faults["start"] = ["500 although started", "500 although started"]
    other = ScrapeQuery(platform="tiktok", value="other")
    for query, job_id in ((QUERY, "job-1"), (other, "job-2")):
        assert (await platform.send(query, job_id)).status_code == 503
    platform.later(seconds=40)
    for query, job_id in ((other, "job-2"), (QUERY, "job-1")):
        assert (await platform.send(query, job_id)).status_code == 200
    taken = dict(await platform.rows("SELECT value, run_id FROM scrape"))
    assert taken == {"studio": "run0", "other": "run1"}


@pytest.mark.parametrize(
    ("fault", "status", "code"), [("429", 429, "rate_limited"), ("400", 489, "apify_refused")]
)
async def test_a_refused_start_reserves_nothing(platform: Any, fault: str, status: int, code: str) -> None:
    platform.apify.faults["start"] = [fault]
    answer = await platform.send(QUERY, "job-1")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await platform.rows("SELECT scrape_id FROM scrape") == []
    assert (await platform.send(QUERY, "job-2")).status_code == 200
    assert len(platform.apify.runs) == 1


@pytest.mark.parametrize("faults", [["short page"], ["cut in a row"], ["broken off"], ["slow"], ["429"], ["500"],
                                    ["short page", "cut in a row", "slow"]])  # fmt: skip
async def test_no_post_is_lost_or_doubled_when_pages_go_wrong(platform: Any, faults: list[str]) -> None:
    platform.apify.rows = posts(2300, platform.now())
    platform.apify.faults["items"] = faults
    found = await scrape(platform)
    assert (found.posts, found.quarantined) == (2300, 0)
    assert await platform.rows("SELECT count(*), count(DISTINCT external_id) FROM post") == [(2300, 2300)]


async def test_a_dataset_that_hides_rows_is_read_again(platform: Any) -> None:
    platform.apify.rows = posts(50, platform.now())
    platform.apify.hides = 7
    await platform.send(QUERY, "job-1")
    platform.apify.end()
    look = platform.qstash.published[0]
    answer = await platform.deliver(look.body)
    assert (answer.status_code, answer.json()["code"]) == (503, "dataset_incomplete")
    platform.apify.hides = 0
    results = await platform.settle()
    assert [found.posts for found in results.values()] == [50]


async def test_broken_rows_and_copies_are_set_aside(platform: Any) -> None:
    good = posts(30, platform.now())
    platform.apify.rows = [*good, b"{broken", good[0], b'{"id":"x"}', b'{"authorMeta":{"id":"1"}}']
    found = await scrape(platform)
    assert (found.posts, found.quarantined) == (30, 2)
    assert await platform.rows("SELECT number FROM quarantined_row ORDER BY 1") == [(31,), (33,)]
    assert await platform.rows("SELECT posts, copies, tombstones FROM scrape") == [(30, 1, 1)]
    ((raw,),) = await platform.rows("SELECT rows FROM raw_rows")
    assert zlib.decompress(raw).split(b"\n") == platform.apify.rows


async def test_scraping_again_adds_a_snapshot_and_no_post(platform: Any) -> None:
    platform.apify.rows = posts(30, platform.now())
    await scrape(platform)
    platform.later(hours=6)
    await scrape(platform, "job-2")
    assert await platform.rows("SELECT count(*) FROM post") == [(30,)]
    assert await platform.rows("SELECT count(*) FROM post_snapshot") == [(60,)]
    assert len(platform.apify.runs) == 2


async def test_an_unfinished_run_is_looked_at_again_later(platform: Any) -> None:
    await platform.send(QUERY, "job-1")
    first = platform.qstash.published[0]
    waiting = msgspec.json.decode((await platform.deliver(first.body)).content, type=TrendsFound)
    assert waiting.status == "waiting"
    assert [message.delay for message in platform.qstash.published] == ["2s", "4s"]


@pytest.mark.parametrize("status", ["FAILED", "ABORTED"])
async def test_a_run_that_brought_nothing_fails_for_good(platform: Any, status: str) -> None:
    platform.apify.status = status
    await platform.send(QUERY, "job-1")
    platform.apify.end()
    answer = await platform.deliver(platform.qstash.published[0].body)
    assert (answer.status_code, answer.json()["code"]) == (489, "scrape_failed")
    assert await platform.rows("SELECT run_status, cost_usd::float8 FROM scrape") == [(status, 0.25)]


async def test_a_run_that_was_stopped_leaves_a_part(platform: Any) -> None:
    platform.apify.status = "TIMED-OUT"
    platform.apify.rows = [
        *posts(60, platform.now()),
        *(row(900 + n, 1, "new", f"c{n}", platform.now()) for n in range(5)),
    ]
    found = await scrape(platform)
    assert found.posts == 65
    assert all("TIMED-OUT" in trend.caveats[-1] for trend in found.trends)


async def test_an_empty_dataset_is_no_error(platform: Any) -> None:
    found = await scrape(platform)
    assert (found.posts, found.trends) == (0, ())


async def test_due_queries_are_scraped_and_no_others(platform: Any) -> None:
    await platform.pool.execute(
        "INSERT INTO tracked_query (platform, kind, value, next_due_at) VALUES"
        " ('tiktok', 'hashtag', 'due', $1), ('x', 'keyword', 'later', $2)",
        platform.now(), platform.now() + timedelta(hours=1),
    )  # fmt: skip
    answer = await platform.send(ScrapeTrends(), "tick-1")
    assert msgspec.json.decode(answer.content, type=TrendsFound).scrapes_started == 1
    await platform.settle()
    assert [run.input["hashtags"] for run in platform.apify.runs] == [["due"]]
    again = await platform.send(ScrapeTrends(), "tick-2")
    assert msgspec.json.decode(again.content, type=TrendsFound).scrapes_started == 0


async def test_unknown_scrapes_and_empty_queries_are_refused(platform: Any) -> None:
    answer = await platform.send(CollectPosts(scrape_id="nobody"), "job-1")
    assert (answer.status_code, answer.json()["code"]) == (489, "scrape_unknown")
    answer = await platform.send(ScrapeQuery(platform="tiktok", value="# "), "job-2")
    assert (answer.status_code, answer.json()["code"]) == (489, "payload_invalid")
    answer = await platform.send(ScrapeQuery(platform="instagram", kind="keyword", value="a"), "job-3")
    assert (answer.status_code, answer.json()["code"]) == (489, "platform_unsupported")


@pytest.mark.parametrize("settings", [{}])
async def test_without_a_token_the_setting_is_named(platform: Any) -> None:
    answer = await platform.send(QUERY, "job-1")
    assert (answer.status_code, answer.json()["code"]) == (489, "not_configured")
    assert "APIFY_TOKEN" in answer.json()["detail"]


BUDGET = {
    "apify_token": Secret("test-token"),
    "most_usd_per_day": 2.0,
    "most_usd_per_user_per_day": 1.5,
}


@pytest.mark.parametrize("settings", [BUDGET])
async def test_the_day_and_the_user_have_a_budget(platform: Any) -> None:
    """What a run may cost counts until its cost is known; the rest is free again then, and tomorrow all of it."""
    assert [await ask(platform, 1, "ann"), await ask(platform, 2, "ann")] == [200, 489]
    assert [await ask(platform, 3, None), await ask(platform, 4, "bob")] == [200, 489]
    await platform.settle()  # each cost a quarter of a dollar
    assert await ask(platform, 5, "ann") == 200
    platform.later(days=1)
    assert await ask(platform, 6, "ann") == 200


async def ask(platform: Any, number: int, user_id: str | None) -> int:
    query = ScrapeQuery(platform="tiktok", value=f"q{number}")
    answer = await platform.send(query, f"job-{number}", user_id)
    assert answer.status_code == 200 or answer.json()["code"] == "budget_spent", answer.text
    return answer.status_code
