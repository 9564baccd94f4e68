"""One post, whatever platform it comes from; and the mapping of each actor's rows to it.

Missing is None and never 0. A row that cannot be understood is one bad row, not a bad page.
"""

import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from msgspec import UNSET, Struct, UnsetType


class Post(Struct, frozen=True, kw_only=True, gc=False):
    """One post at the time of one scrape."""

    platform: str
    external_id: str
    author: str
    text: str
    tags: tuple[str, ...]
    """Case-folded, without '#', each once."""
    created_at: datetime
    promoted: bool
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None


class NotAPost(Exception):
    """The row is something else by design: a profile without posts, a notice."""


class _Name(Struct, frozen=True, gc=False):
    name: str = ""


class _Author(Struct, frozen=True, gc=False):
    id: str = ""
    name: str = ""


class _TikTokRow(Struct, frozen=True, rename="camel", gc=False):
    """A row of clockworks/tiktok-scraper, as far as we use it."""

    id: str | UnsetType = UNSET
    text: str | None = None
    create_time: int = 0
    author_meta: _Author = _Author()
    hashtags: list[_Name] = []
    is_ad: bool = False
    is_sponsored: bool = False
    play_count: int | None = None
    digg_count: int | None = None
    comment_count: int | None = None
    share_count: int | None = None
    collect_count: int | None = None


# Flat exports hold numbers as strings ("3100000"); strict=False reads both.
_LONGEST_TEXT = 10_000


def read_tiktok(row: bytes) -> Post:
    """Read one row of the TikTok scraper.

    Raises:
        NotAPost: the row stands for an author without posts.
        msgspec.DecodeError: it is broken.
    """
    item = msgspec.json.decode(row, type=_TikTokRow, strict=False)
    if item.id is UNSET:
        raise NotAPost
    return Post(
        platform="tiktok",
        external_id=item.id,
        author=item.author_meta.id or item.author_meta.name,
        text=(item.text or "")[:_LONGEST_TEXT],
        tags=_tags(tag.name for tag in item.hashtags),
        created_at=datetime.fromtimestamp(item.create_time, UTC),
        promoted=item.is_ad or item.is_sponsored,
        views=_count(item.play_count),
        likes=_count(item.digg_count),
        comments=_count(item.comment_count),
        shares=_count(item.share_count),
        saves=_count(item.collect_count),
    )


def fold(tag: str) -> str:
    """Write a tag as it is compared: compatibility forms folded, no case, no '#', at most 100 characters."""
    text = unicodedata.normalize("NFKC", tag).casefold().strip().lstrip("#")
    return "".join(character for character in text if character.isprintable())[:100]


def _tags(names: Iterable[str]) -> tuple[str, ...]:
    folded = (fold(name) for name in names)
    return tuple(dict.fromkeys(tag for tag in folded if tag))


def _count(value: int | None) -> int | None:
    """A negative count means 'hidden'."""
    return value if value is not None and value >= 0 else None
