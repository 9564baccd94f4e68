"""The tables of scrapes, posts and trends. With `advice_store`, the only importer of queries.sql."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from huntaze_common import sql
from huntaze_common.postgres import Connection, Pool
from huntaze_contracts.trends import Platform, ScrapeQuery, TrendsFound

from huntaze_trends.actors import Actor
from huntaze_trends.analysis import Judgement
from huntaze_trends.collecting import Collected
from huntaze_trends.forecast import Growth
from huntaze_trends.posts import Post
from huntaze_trends.scraping import ActorRun
from huntaze_trends.virality import Measured

_QUERIES = sql.load("huntaze_trends")
RAW_KEPT = timedelta(days=30)
_MOST_EXAMPLES = 5_000


@dataclass(frozen=True, slots=True)
class Intent:
    """A scrape that was noted before it was started."""

    intended_at: datetime
    run_id: str | None
    is_new: bool
    """False when an earlier attempt of the same job noted it: its start may have been sent."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """A scrape that is under way or done."""

    platform: Platform
    kind: str
    value: str
    run_id: str | None
    dataset_id: str | None
    found: TrendsFound | None
    """What its collection led to."""


async def take_due(connection: Connection, now: datetime) -> list[ScrapeQuery]:
    """Take the tracked queries that are due at ``now``, and forget raw rows that are too old."""
    await connection.execute(_QUERIES["drop_old_rows"], now - RAW_KEPT)
    rows = await connection.fetch(_QUERIES["take_due"], now)
    return [ScrapeQuery(**dict(row)) for row in rows]


async def spent(connection: Connection, since: datetime, user_id: str | None) -> tuple[float, float]:
    """Return what scrapes since then cost or may cost, in dollars: of all, of the user.

    Until the transaction ends nobody else is told, so that two cannot spend the same rest.
    """
    await connection.execute(_QUERIES["lock_budget"])
    row = await connection.fetchrow(_QUERIES["spent"], since, user_id)
    assert row is not None  # an aggregate has one row
    return row["by_all"], row["by_user"]


async def intend(
    connection: Connection | Pool,
    scrape_id: str,
    query: ScrapeQuery,
    actor: Actor,
    *,
    asked_by: str,
    user_id: str | None,
    most_usd: Decimal,
    now: datetime,
) -> Intent | None:
    """Note that a scrape is about to be started; None when another job has it already."""
    row = await connection.fetchrow(
        _QUERIES["intend"],
        *(scrape_id, query.platform, query.kind, query.value, actor.id, actor.version, asked_by, user_id),
        *(most_usd, now),
    )
    return row and Intent(**dict(row))


async def scrape_of(connection: Connection | Pool, job_id: str) -> str | None:
    """Return the scrape that an earlier attempt of a job noted."""
    return await connection.fetchval(_QUERIES["scrape_of"], job_id)


async def withdraw(pool: Pool, scrape_id: str) -> None:
    """Forget an intent that certainly led to no run."""
    await pool.execute(_QUERIES["withdraw"], scrape_id)


async def started(connection: Connection | Pool, scrape_id: str, run_id: str, dataset_id: str) -> None:
    """Note the run of a scrape, at once and by itself: it costs money from here on."""
    await connection.execute(_QUERIES["started"], scrape_id, run_id, dataset_id)


async def known_runs(pool: Pool, run_ids: Sequence[str]) -> set[str]:
    """Return which of these runs belong to a scrape already."""
    return {row["run_id"] for row in await pool.fetch(_QUERIES["known_runs"], list(run_ids))}


async def find_scrape(connection: Connection | Pool, scrape_id: str) -> Scrape | None:
    """Read a scrape."""
    row = await connection.fetchrow(_QUERIES["find_scrape"], scrape_id)
    if row is None:
        return None
    return Scrape(
        platform=row["platform"],
        kind=row["kind"],
        value=row["value"],
        run_id=row["run_id"],
        dataset_id=row["dataset_id"],
        found=_found(row["found"]),
    )


async def lock_scrape(connection: Connection, scrape_id: str) -> TrendsFound | None:
    """Keep others from collecting a scrape until the transaction ends; return what one of them found."""
    return _found(await connection.fetchval(_QUERIES["lock_scrape"], scrape_id))


async def run_ended(connection: Connection | Pool, scrape_id: str, run: ActorRun) -> None:
    """Note how a run ended and what it cost."""
    cost = None if run.cost_usd is None else Decimal(str(run.cost_usd))
    await connection.execute(_QUERIES["run_ended"], scrape_id, run.status, cost)


async def save_collected(
    connection: Connection,
    scrape_id: str,
    collected: Collected,
    judgements: Sequence[Judgement],
    at: datetime,
) -> None:
    """Write the posts, their counts at that instant, and the rows that were broken."""
    posts = msgspec.json.encode(collected.posts).decode()
    judged = msgspec.json.encode(judgements).decode()
    await connection.execute(_QUERIES["save_posts"], posts, at)
    await connection.execute(_QUERIES["save_snapshots"], scrape_id, posts, at, judged)
    if collected.raw:
        rows = zlib.compress(b"\n".join(collected.raw), level=1)
        await connection.execute(_QUERIES["save_raw_rows"], scrape_id, rows, at)
    broken = collected.quarantined
    await connection.execute(
        _QUERIES["save_quarantined"],
        scrape_id,
        [row.number for row in broken],
        [row.reason for row in broken],
        [row.sha256 for row in broken],
    )


async def save_found(
    connection: Connection,
    scrape_id: str,
    collected: Collected,
    trends: Sequence[Mapping[str, Any]],
    found: TrendsFound,
) -> None:
    """Write what was detected, with the figures that it follows from; the scrape is done with it."""
    await connection.execute(_QUERIES["save_trends"], scrape_id, msgspec.json.encode(trends).decode())
    await connection.execute(
        _QUERIES["collected"],
        *(
            scrape_id,
            len(collected.posts),
            collected.tombstones,
            len(collected.quarantined),
            collected.copies,
        ),
        msgspec.json.encode(found.not_counted).decode(),
        msgspec.json.encode(found).decode(),
        found.until,
    )


async def posts_of_query(connection: Connection | Pool, scrape: Scrape, since: datetime) -> list[Measured]:
    """Read all posts that any scrape of the same query found and that were made since."""
    rows = await connection.fetch(
        _QUERIES["posts_of_query"], scrape.platform, scrape.kind, scrape.value, since
    )
    return [_measured(dict(row)) for row in rows]


async def growth_examples(
    connection: Connection | Pool, platform: str, since: datetime, *, hours: float
) -> list[Growth]:
    """Read how views grew over about so many hours, the newest examples first."""
    rows = await connection.fetch(
        _QUERIES["growth_examples"], platform, since, hours * 0.75, hours * 1.25, _MOST_EXAMPLES
    )
    return [Growth(**dict(row)) for row in rows]


async def elsewhere(
    connection: Connection | Pool, platform: str, names: Sequence[str], since: datetime
) -> list[Mapping[str, Any]]:
    """Read the latest state of the same tags and phrases on other platforms."""
    return await connection.fetch(_QUERIES["elsewhere"], platform, list(names), since)


async def looked_at(
    connection: Connection | Pool, tag: str, *, since: datetime, until: datetime, base_since: datetime
) -> list[Mapping[str, Any]]:
    """Count per platform the posts since then, and those before, with and without a tag."""
    return await connection.fetch(_QUERIES["looked_at"], tag, since, until, base_since)


async def followers_of(connection: Connection | Pool, scrape: Scrape) -> list[str]:
    """Return the users who follow a scrape's query."""
    rows = await connection.fetch(_QUERIES["followers_of"], scrape.platform, scrape.kind, scrape.value)
    return [row["user_id"] for row in rows]


async def trends_of_user(
    connection: Connection | Pool, user_id: str | None, since: datetime
) -> list[dict[str, Any]]:
    """Return what the latest scrape of each query found that a user, or for None anyone, follows."""
    rows = await connection.fetch(_QUERIES["trends_of_user"], user_id, since)
    return [{**dict(row), "found": _found(row["found"])} for row in rows]


async def trend_of_user(connection: Connection | Pool, trend_id: str, user_id: str) -> TrendsFound | None:
    """Return the latest scrape that found a trend, if the user follows its query."""
    row = await connection.fetchrow(_QUERIES["trend_of_user"], trend_id, user_id)
    return _found(row["found"]) if row else None


def _found(text: str | None) -> TrendsFound | None:
    return None if text is None else msgspec.json.decode(text, type=TrendsFound)


def _measured(row: dict[str, Any]) -> Measured:
    captured_at, before = row.pop("captured_at"), row.pop("captured_before")
    views_before = row.pop("views_before")
    row["tags"] = tuple(row["tags"])
    return Measured(Post(**row), captured_at, views_before, before)
