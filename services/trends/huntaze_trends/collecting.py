"""Read a dataset row by row: a broken row is set aside, not the page."""

import hashlib
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field

import msgspec

from huntaze_trends.posts import NotAPost, Post

MOST_ROWS = 10_000
"""More than any run is asked for: actors do not always keep to their limit."""


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that could not be read; its content is kept as a digest only, since it is anybody's."""

    number: int
    reason: str
    sha256: bytes


@dataclass(slots=True)
class Collected:
    """What a dataset held."""

    posts: list[Post] = field(default_factory=list[Post])
    """Each post once, the first of copies."""
    tombstones: int = 0
    """Rows that stand for no post by design."""
    quarantined: list[BrokenRow] = field(default_factory=list[BrokenRow])


async def collect(rows: AsyncIterable[bytes], read: Callable[[bytes], Post]) -> Collected:
    """Read all rows, at most ``MOST_ROWS``."""
    collected = Collected()
    seen: set[tuple[str, str]] = set()
    number = 0
    async for row in rows:
        if number == MOST_ROWS:
            break
        number += 1
        try:
            post = read(row)
        except NotAPost:
            collected.tombstones += 1
        except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
            collected.quarantined.append(BrokenRow(number, str(error)[:200], hashlib.sha256(row).digest()))
        else:
            if (key := (post.platform, post.external_id)) not in seen:
                seen.add(key)
                collected.posts.append(post)
    return collected
