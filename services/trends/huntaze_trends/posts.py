"""One post, whatever platform it comes from. Missing is None and never 0."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

LONGEST_TEXT = 10_000
_MOST_TAGS = 60


class Post(Struct, frozen=True, kw_only=True, gc=False):
    """One post at the time of one scrape."""

    platform: str
    external_id: str
    """As the platform writes it: ids of YouTube differ by case only."""
    author: str
    """The author's id, or the handle where the platform gives no id; empty when it gives neither."""
    text: str
    created_at: datetime
    tags: tuple[str, ...] = ()
    """Folded (see `fold`), each once."""
    url: str | None = None
    kind: str = "post"
    """What the platform calls it: video, short, photo, carousel, reply …"""
    author_name: str | None = None
    followers: int | None = None
    language: str | None = None
    """As the platform says; None when it does not know."""
    promoted: bool = False
    sound: str | None = None
    """The platform's id of the sound: titles are translated and 'original sound' is millions of sounds."""
    sound_title: str | None = None
    original_sound: bool = False
    duration_s: float | None = None
    views: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None


@lru_cache(maxsize=65_536)  # the same few tags are on most posts
def fold(tag: str) -> str:
    """Write a tag as it is compared: compatibility forms folded, no case, no '#', at most 100 characters."""
    if not tag.isascii():
        tag = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold())
        tag = "".join(c for c in tag if c.isprintable() and not "\ufe00" <= c <= "\ufe0f")
    elif not tag.isprintable():
        tag = "".join(filter(str.isprintable, tag))
    return tag.lower().strip("# ")[:100].rstrip()


def fold_all(tags: Iterable[str]) -> tuple[str, ...]:
    """Fold tags, each once, in their order; empty ones are dropped."""
    folded = dict.fromkeys(map(fold, tags))
    folded.pop("", None)
    return tuple(folded)[:_MOST_TAGS]
