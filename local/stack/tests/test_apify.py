"""The Apify stand-in, used with Apify's own client."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from apify_client import ApifyClientAsync
from apify_client.errors import ApifyApiError
from huntaze_local.apify import posts
from hypothesis import given, settings
from hypothesis import strategies as st

ACTOR = "clockworks/tiktok-scraper"
MOMENTS = st.integers(0, 1500 * 86_400).map(lambda seconds: posts.EPOCH + timedelta(days=30, seconds=seconds))


@pytest.fixture(scope="module")
def apify(run_program: Callable[..., Any]) -> Any:
    """The running stand-in; its runs take a fifth of a second."""
    return run_program("huntaze_local.apify", "--run-takes", "0.2")


@pytest.fixture
async def client(apify: Any) -> ApifyClientAsync:
    """Apify's client, which doesn't try again: the stand-in has no bad moments."""
    return ApifyClientAsync("any token", api_url=apify.url, max_retries=0)


class Receiver:
    """A web server that keeps what is posted to it, and answers with the given statuses in turn."""

    def __init__(self, *statuses: int) -> None:
        self.requests: asyncio.Queue[bytes] = asyncio.Queue()
        self._statuses = list(statuses)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        self.requests.put_nowait(head + await reader.readexactly(length))
        status = self._statuses.pop(0)
        writer.write(b"HTTP/1.1 %d Status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
        await writer.drain()
        writer.close()


@pytest.fixture
async def receiver() -> AsyncGenerator[tuple[Receiver, str]]:
    """A receiver that fails once, and its address."""
    receiving = Receiver(500, 200)
    async with await asyncio.start_server(receiving.answer, "127.0.0.1", 0) as server:
        yield receiving, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"


async def test_a_run_is_started_followed_and_read(client: ApifyClientAsync) -> None:
    """The way of the trends worker; the input is long enough that the client compresses it."""
    run_input = {"hashtags": ["studio"], "padding": "x" * 3000}
    started = await client.actor(ACTOR).start(run_input=run_input, max_items=300)
    assert started.status == "RUNNING"
    finished = await client.run(started.id).wait_for_finish(wait_duration=timedelta(seconds=10))
    assert finished is not None
    assert finished.status == "SUCCEEDED"
    dataset = client.dataset(finished.default_dataset_id)
    page = await dataset.list_items(offset=290, limit=100, fields=["id", "searchHashtag"])
    assert (page.total, len(page.items)) == (300, 10)
    assert page.items[0]["searchHashtag"] == {"name": "studio"}
    assert len((await dataset.get_items_as_bytes(item_format="jsonl", clean=True)).splitlines()) == 300


async def test_a_lost_start_can_be_found(client: ApifyClientAsync) -> None:
    """There is no idempotency key on Apify: who is in doubt looks at the newest runs."""
    started = await client.actor(ACTOR).start(run_input={"hashtags": ["lost"]})
    runs = await client.actor(ACTOR).runs().list(desc=True, limit=1)
    assert [run.id for run in runs.items] == [started.id]


async def test_a_profile_has_its_own_posts(client: ApifyClientAsync) -> None:
    """One handle per sample author."""
    name = posts.posts(datetime.now(UTC))[3]["authorMeta"]["name"]
    run = await client.actor(ACTOR).start(run_input={"profiles": [name]})
    items = (await client.dataset(run.default_dataset_id).list_items()).items
    assert {item["authorMeta"]["name"] for item in items} == {name}


async def test_a_finished_run_calls_its_webhooks_until_one_call_succeeds(
    client: ApifyClientAsync, receiver: tuple[Receiver, str]
) -> None:
    """At least once, with what the templates say."""
    receiving, url = receiver
    hook = {
        "event_types": ["ACTOR.RUN.SUCCEEDED"],
        "request_url": url,
        "headers_template": '{"x-secret": "abc"}',
        "payload_template": '{"run": {{resource.id}}, "event": {{eventType}}}',
    }
    run = await client.actor(ACTOR).start(run_input={}, webhooks=[hook])  # type: ignore[list-item]
    async with asyncio.timeout(10):
        calls = [await receiving.requests.get() for _ in range(2)]
    for call in calls:
        assert b"x-secret: abc" in call
        assert call.endswith(b'{"run":"%s","event":"ACTOR.RUN.SUCCEEDED"}' % run.id.encode())


async def test_strings_are_interpolated_where_asked(
    client: ApifyClientAsync, receiver: tuple[Receiver, str]
) -> None:
    """Otherwise the braces stay."""
    receiving, url = receiver
    hook = {
        "event_types": ["ACTOR.RUN.SUCCEEDED"],
        "request_url": url,
        "payload_template": '{"text": "run {{eventData.actorRunId}}"}',
        "should_interpolate_strings": True,
    }
    run = await client.actor(ACTOR).start(run_input={}, webhooks=[hook])  # type: ignore[list-item]
    async with asyncio.timeout(10):
        assert f'{{"text":"run {run.id}"}}'.encode() in await receiving.requests.get()


async def test_errors_have_apifys_form(apify: Any, client: ApifyClientAsync) -> None:
    """Unknown runs, unknown actors, no token, and an input that is no JSON."""
    assert await client.run("unknown").get() is None
    with pytest.raises(ApifyApiError, match="there is no sample data for somebody~else"):
        await client.actor("somebody/else").start()
    async with httpx.AsyncClient(base_url=apify.url, trust_env=False) as http:
        assert (await http.get("/v2/actor-runs/x")).json()["error"]["type"] == "user-or-token-not-found"
        start = "/v2/acts/clockworks~tiktok-scraper/runs?token=x"
        assert (await http.post(start, content=b"{")).json()["error"]["type"] == "invalid-input"
        assert (await http.post(start + "&webhooks=%21", json={})).status_code == 400


@given(MOMENTS)
@settings(max_examples=30, deadline=None)
def test_a_topic_rises_among_many_and_a_flood_is_one_authors(now: datetime) -> None:
    """Whenever somebody runs the demo, there is something to find and something not to fall for."""
    found = [post for post in posts.posts(now) if "id" in post]
    day_ago = (now - timedelta(days=1)).timestamp()
    recent = [post for post in found if post["createTime"] >= day_ago]
    before = [post for post in found if post["createTime"] < day_ago]
    authors = {
        topic: {post["authorMeta"]["id"] for post in recent if topic in tags(post)}
        for topic in (
            *posts.rising_topics(now),
            posts.flooded_topic(now - timedelta(days=1)),
            posts.flooded_topic(now),
        )
    }
    first, second, *floods = authors
    ratio = {
        topic: (share(recent, topic) + 1e-3) / (share(before, topic) + 1e-3) for topic in (first, second)
    }
    assert any(ratio[topic] > 3 and len(authors[topic]) >= 5 for topic in (first, second))
    assert all(len(authors[topic]) <= 1 for topic in floods)
    assert sum(share(recent, topic) for topic in floods) > 0.04
    assert 450 < len(found) < 800


def tags(post: dict[str, Any]) -> set[str]:
    return {tag["name"] for tag in post["hashtags"]}


def share(among: list[dict[str, Any]], topic: str) -> float:
    return sum(topic in tags(post) for post in among) / len(among)


@given(MOMENTS, st.integers(0, 300))
@settings(max_examples=20, deadline=None)
def test_the_past_stays_as_it_was(now: datetime, hours: int) -> None:
    """A second scrape finds the same posts with higher counts, never other posts at the same times."""
    earlier = {post["id"]: post for post in posts.posts(now) if "id" in post}
    later = {post["id"]: post for post in posts.posts(now + timedelta(hours=hours)) if "id" in post}
    common = earlier.keys() & later.keys()
    assert len(common) >= len(earlier) * (1 - hours / 300) - 60
    for identifier in common:
        old, new = earlier[identifier], later[identifier]
        assert old["playCount"] <= new["playCount"]
        for name in ("text", "createTime", "hashtags", "authorMeta"):
            assert old[name] == new[name]


def test_the_samples_say_that_they_are_samples() -> None:
    """Nobody should take them for people."""
    found = posts.posts(datetime(2026, 11, 23, 12, tzinfo=UTC))
    assert all(post["authorMeta"]["name"].startswith("sample_") for post in found)
    assert Counter("id" in post for post in found)[False] == 1
