"""The tables of what users follow, what they stand for and what they were told. See also `store`."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from huntaze_common import sql
from huntaze_common.postgres import Connection, Pool
from huntaze_contracts.trends import BrandProfile, Recommendation, TrackedQuery

from huntaze_trends.posts import fold

_QUERIES = sql.load("huntaze_trends")
SILENCE = timedelta(days=14)
"""How long a decided recommendation does not come back."""
_MOST_OWN_POSTS = 2_000


async def brand(connection: Connection | Pool, user_id: str) -> BrandProfile:
    """Return what a user stands for; an empty profile if they have not said."""
    profile = await connection.fetchval(_QUERIES["brand"], user_id)
    return msgspec.json.decode(profile, type=BrandProfile) if profile else BrandProfile()


async def save_brand(connection: Connection | Pool, user_id: str, profile: BrandProfile) -> None:
    """Keep what a user stands for."""
    await connection.execute(_QUERIES["save_brand"], user_id, msgspec.json.encode(profile).decode())


async def own_posts(connection: Connection | Pool, platform: str, handle: str) -> list[tuple[datetime, int]]:
    """Return when a user's latest posts were made, and their latest views."""
    rows = await connection.fetch(
        _QUERIES["own_posts"], platform, handle.lstrip("@").lower(), _MOST_OWN_POSTS
    )
    return [(row["created_at"], row["views"]) for row in rows]


async def follow(connection: Connection, user_id: str, query: TrackedQuery) -> None:
    """Let a user follow a query; it is scraped as often, and as deep, as the keenest follower wants."""
    key = (query.platform, query.kind, fold(query.value))
    await connection.execute(_QUERIES["track"], *key, query.interval_minutes, query.max_posts)
    await connection.execute(_QUERIES["follow"], user_id, *key)


async def unfollow(connection: Connection, user_id: str, platform: str, kind: str, value: str) -> bool:
    """Let a user go; a query that nobody follows is scraped no more. Tell whether they followed it."""
    gone = await connection.fetchval(_QUERIES["unfollow"], user_id, platform, kind, fold(value))
    await connection.execute(_QUERIES["untrack"], platform, kind, fold(value))
    return gone is not None


async def followed(connection: Connection | Pool, user_id: str) -> list[TrackedQuery]:
    """Return the queries that a user follows."""
    return [TrackedQuery(**dict(row)) for row in await connection.fetch(_QUERIES["followed"], user_id)]


async def follower_count(connection: Connection | Pool, user_id: str) -> int:
    """Return how many queries a user follows."""
    return int(await connection.fetchval(_QUERIES["follow_count"], user_id) or 0)


async def save(
    connection: Connection, user_id: str, made: Sequence[Recommendation], *, made_at: datetime
) -> int:
    """Write recommendations, one row for each id; return how many are new to the user."""
    rows = await connection.fetch(
        _QUERIES["save_recommendations"],
        user_id,
        [each.id for each in made],
        [each.trend_id for each in made],
        [each.platform for each in made],
        [msgspec.json.encode(each).decode() for each in made],
        [each.score for each in made],
        [each.post_by for each in made],
        made_at,
        SILENCE,
    )
    return sum(row["is_new"] for row in rows)


async def current(connection: Connection | Pool, user_id: str, now: datetime) -> list[Recommendation]:
    """Return what a user is told now, the best first."""
    rows = await connection.fetch(_QUERIES["recommendations"], user_id, now)
    return [msgspec.json.decode(row["content"], type=Recommendation) for row in rows]


async def decide(
    connection: Connection | Pool, user_id: str, recommendation_id: str, status: str, now: datetime
) -> bool:
    """Note that a user dismissed or followed a recommendation; False if it is not theirs."""
    return await connection.fetchval(_QUERIES["decide"], recommendation_id, user_id, status, now) is not None
