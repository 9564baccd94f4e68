"""Read a dataset row by row: a broken row is set aside, not the page."""

import hashlib
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field

import msgspec

from huntaze_trends.posts import Post
from huntaze_trends.rows.values import BrokenValue, NotAPost

MOST_ROWS = 10_000
"""More than any run is asked for: actors do not always keep to their limit."""
_LARGEST_RAW = 32 * 1024
"""Bytes of a raw row that are kept."""


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that could not be read; what it holds is among the raw rows, for a month."""

    number: int
    reason: str
    sha256: bytes


@dataclass(slots=True)
class Collected:
    """What a dataset held."""

    rows: int = 0
    posts: list[Post] = field(default_factory=list[Post])
    """Each post once, the first of copies."""
    raw: list[bytes] = field(default_factory=list[bytes])
    """The rows as they came, the broken ones too; those that are too large to keep are left out."""
    copies: int = 0
    """Rows that bring a post again."""
    tombstones: int = 0
    """Rows that stand for no post by design."""
    quarantined: list[BrokenRow] = field(default_factory=list[BrokenRow])


async def collect(rows: AsyncIterable[bytes], read: Callable[[bytes], Post]) -> Collected:
    """Read all rows, at most ``MOST_ROWS``."""
    collected = Collected()
    seen: set[str] = set()
    async for row in rows:
        collected.rows += 1
        if len(row) <= _LARGEST_RAW:
            collected.raw.append(row)
        try:
            post = read(row)
        except NotAPost:
            collected.tombstones += 1
        except (msgspec.DecodeError, BrokenValue, UnicodeDecodeError, RecursionError) as error:
            digest = hashlib.sha256(row).digest()
            collected.quarantined.append(BrokenRow(collected.rows, str(error)[:200], digest))
        else:
            if post.external_id in seen:
                collected.copies += 1
            else:
                seen.add(post.external_id)
                collected.posts.append(post)
        if collected.rows == MOST_ROWS:
            break
    return collected
