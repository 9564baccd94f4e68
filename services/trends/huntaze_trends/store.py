"""The trends service's tables: the only importer of queries.sql."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from huntaze_common import sql
from huntaze_common.postgres import Connection, Pool
from huntaze_contracts.trends import ScrapeQuery

from huntaze_trends.actors import Actor
from huntaze_trends.collecting import Collected
from huntaze_trends.detection import Topic
from huntaze_trends.posts import Post
from huntaze_trends.scraping import ActorRun

_QUERIES = sql.load("huntaze_trends")


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

    platform: str
    kind: str
    value: str
    run_id: str | None
    dataset_id: str | None
    collected_at: datetime | None


async def take_due(connection: Connection, now: datetime) -> list[ScrapeQuery]:
    """Take the tracked queries that are due at ``now``."""
    rows = await connection.fetch(_QUERIES["take_due"], now)
    return [ScrapeQuery(**dict(row)) for row in rows]


async def intend(
    pool: Pool, scrape_id: str, query: ScrapeQuery, actor: Actor, asked_by: str
) -> Intent | None:
    """Note that a scrape is about to be started; None when another job has it already."""
    row = await pool.fetchrow(
        _QUERIES["intend"],
        scrape_id,
        query.platform,
        query.kind,
        query.value,
        actor.id,
        actor.version,
        asked_by,
    )
    return row and Intent(**dict(row))


async def scrape_of(pool: Pool, job_id: str) -> str | None:
    """Return the scrape that an earlier attempt of a job noted."""
    return await pool.fetchval(_QUERIES["scrape_of"], job_id)


async def started(pool: Pool, scrape_id: str, run: ActorRun) -> None:
    """Note the run of a scrape, at once and by itself: it costs money from here on."""
    await pool.execute(_QUERIES["started"], scrape_id, run.id, run.dataset_id)


async def known_runs(pool: Pool, run_ids: Sequence[str]) -> set[str]:
    """Return which of these runs belong to a scrape already."""
    return {row["run_id"] for row in await pool.fetch(_QUERIES["known_runs"], list(run_ids))}


async def find_scrape(pool: Pool, scrape_id: str) -> Scrape | None:
    """Read a scrape."""
    row = await pool.fetchrow(_QUERIES["find_scrape"], scrape_id)
    return row and Scrape(**dict(row))


async def save_collected(connection: Connection, scrape_id: str, collected: Collected) -> None:
    """Write the posts, their counts and the broken rows of a scrape."""
    posts = collected.posts
    await connection.executemany(
        _QUERIES["save_post"],
        [
            (p.platform, p.external_id, p.author, p.text, list(p.tags), p.created_at, p.promoted)
            for p in posts
        ],
    )
    await connection.executemany(
        _QUERIES["save_snapshot"],
        [
            (scrape_id, p.platform, p.external_id, p.views, p.likes, p.comments, p.shares, p.saves)
            for p in posts
        ],
    )
    await connection.executemany(
        _QUERIES["save_quarantined"],
        [(scrape_id, row.number, row.reason, row.sha256) for row in collected.quarantined],
    )
    await connection.execute(
        _QUERIES["collected"], scrape_id, len(posts), collected.tombstones, len(collected.quarantined)
    )


async def posts_of_query(connection: Connection, scrape: Scrape, since: datetime) -> list[Post]:
    """Read all posts that any scrape of the same query found, created since."""
    rows = await connection.fetch(
        _QUERIES["posts_of_query"], scrape.platform, scrape.kind, scrape.value, since
    )
    return [
        Post(
            platform=row["platform"],
            external_id=row["external_id"],
            author=row["author"],
            text=row["text"],
            tags=tuple(row["tags"]),
            created_at=row["created_at"],
            promoted=row["promoted"],
            views=None,
            likes=None,
            comments=None,
            shares=None,
            saves=None,
        )
        for row in rows
    ]


async def save_trends(connection: Connection, scrape_id: str, topics: Sequence[Topic]) -> None:
    """Write what was detected, with the figures that it follows from."""
    await connection.executemany(
        _QUERIES["save_trend"],
        [
            (
                *(scrape_id, t.name, t.state, t.posts, t.total, t.authors, t.share, t.base_share, t.ratio),
                *(t.ratio_low, t.p_value, t.q_value, t.weight, t.windows_in_burst, list(t.reasons)),
            )
            for t in topics
        ],
    )
