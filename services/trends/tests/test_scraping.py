"""Scraping over real HTTP against the stand-in, the mapping of rows, and the database."""

import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from huntaze_common import sql
from huntaze_common.errors import UpstreamUnavailable
from huntaze_contracts.trends import ScrapeQuery
from huntaze_trends import store
from huntaze_trends.actors import ACTORS, actor_for
from huntaze_trends.collecting import collect
from huntaze_trends.errors import PlatformUnsupported, ScrapeFailed
from huntaze_trends.posts import NotAPost, fold, read_tiktok
from huntaze_trends.scraping import ApifyScraper
from hypothesis import given
from hypothesis import strategies as st

TIKTOK = ACTORS["tiktok"]


@pytest.mark.parametrize("name", sorted(sql.load("huntaze_trends")))
async def test_every_query_prepares(pool: asyncpg.Pool, name: str) -> None:
    async with pool.acquire() as connection:
        await connection.prepare(sql.load("huntaze_trends")[name])


async def test_a_run_is_started_followed_and_read(apify: str) -> None:
    scraper = ApifyScraper("token", apify, most_usd=1)
    began = datetime.now(UTC) - timedelta(minutes=1)
    run = await scraper.start(TIKTOK, TIKTOK.run_input("hashtag", "studio", 5000), most=5000)
    assert [each.id for each in await scraper.started_since(TIKTOK, began)] == [run.id]
    while (run := await scraper.look(run.id)).unfinished:
        pass
    collected = await collect(scraper.rows(TIKTOK, run.dataset_id), TIKTOK.read)
    assert len(collected.posts) > 150
    assert (collected.tombstones, collected.quarantined) == (1, [])
    with pytest.raises(ScrapeFailed):
        await scraper.look("no-such-run")


async def test_an_unreachable_apify_is_tried_later() -> None:
    scraper = ApifyScraper("token", "http://127.0.0.1:9", most_usd=1)
    with pytest.raises(UpstreamUnavailable):
        await scraper.start(TIKTOK, {}, most=1)


async def test_a_scrape_belongs_to_the_first_job_that_asks(pool: asyncpg.Pool) -> None:
    query = ScrapeQuery(platform="tiktok", value="studio")
    first = await store.intend(pool, "s1", query, TIKTOK, "job-1")
    again = await store.intend(pool, "s1", query, TIKTOK, "job-1")
    assert first is not None
    assert again is not None
    assert (first.is_new, again.is_new) == (True, False)
    assert await store.intend(pool, "s1", query, TIKTOK, "job-2") is None
    assert await store.scrape_of(pool, "job-1") == "s1"


async def test_collecting_twice_keeps_each_post_once(pool: asyncpg.Pool, apify: str) -> None:
    scraper = ApifyScraper("token", apify, most_usd=1)
    run = await scraper.start(TIKTOK, {}, most=500)
    collected = await collect(scraper.rows(TIKTOK, run.dataset_id), TIKTOK.read)
    await store.intend(pool, "s1", ScrapeQuery(platform="tiktok", value="x"), TIKTOK, "job-1")
    for _ in range(2):
        async with pool.acquire() as connection, connection.transaction():
            await store.save_collected(connection, "s1", collected)
    assert await pool.fetchval("SELECT count(*) FROM post") == len(collected.posts)
    assert await pool.fetchval("SELECT count(*) FROM post_snapshot") == len(collected.posts)


async def test_a_broken_row_is_set_aside_and_not_the_page() -> None:
    async def rows():
        for row in (
            b'{"id":"1","createTime":1}',
            b"{broken",
            b'{"id":7}',
            b'{"id":"1","createTime":2}',
            b"{}",
        ):
            yield row

    collected = await collect(rows(), read_tiktok)
    assert [post.external_id for post in collected.posts] == ["1"]
    assert [row.number for row in collected.quarantined] == [2, 3]
    assert collected.tombstones == 1


def test_traps_of_real_rows() -> None:
    """Hidden counts, numbers as text, missing text, empty and doubled tags."""
    row = {
        "id": "7", "text": None, "createTime": "1700000000", "playCount": "3100000", "diggCount": -1,
        "authorMeta": {"id": "a"},
        "hashtags": [{"name": "FYP"}, {"name": ""}, {"name": "fyp"}, {"name": "Ｆoo"}],
    }  # fmt: skip
    post = read_tiktok(json.dumps(row).encode())
    assert (post.views, post.likes, post.shares, post.text) == (3_100_000, None, None, "")
    assert post.tags == ("fyp", "foo")
    with pytest.raises(NotAPost):
        read_tiktok(b'{"authorMeta": {"id": "a"}}')


@given(st.text(max_size=200))
def test_folding_twice_is_folding_once(tag: str) -> None:
    folded = fold(tag)
    assert len(folded) <= 100
    assert "\x00" not in folded


def test_what_no_actor_does_is_refused() -> None:
    with pytest.raises(PlatformUnsupported, match="reddit"):
        actor_for("reddit")
    with pytest.raises(PlatformUnsupported, match="sound"):
        TIKTOK.run_input("sound", "x", 1)
