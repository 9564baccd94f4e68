"""Rows of apidojo/tweet-scraper: tweets, replies, quotes and retweets.

Times are in X's own form, and what finds nothing answers rows that say so.
"""

from typing import Any

import msgspec
from msgspec import Struct

from huntaze_trends.posts import Post, fold_all
from huntaze_trends.rows import values
from huntaze_trends.rows.values import NotAPost

FIELDS = (
    *("type", "id", "url", "text", "fullText", "createdAt", "lang", "isReply", "isRetweet", "isQuote"),
    *("author", "entities", "noResults", "demo"),
    *("retweetCount", "replyCount", "likeCount", "quoteCount", "viewCount", "bookmarkCount"),
)


class _Author(Struct, frozen=True, rename="camel", gc=False):
    user_name: str | None = None
    id: str | int | None = None
    followers: Any = None


_NOBODY = _Author()


class _Tag(Struct, frozen=True, gc=False):
    text: str | None = None


class _Entities(Struct, frozen=True, gc=False):
    hashtags: list[_Tag] | None = None


class Row(Struct, frozen=True, rename="camel", gc=False):
    """What we read of a row."""

    type: str | None = None
    id: str | int | None = None
    url: str | None = None
    text: str | None = None
    full_text: str | None = None
    created_at: Any = None
    lang: str | None = None
    author: _Author | None = None
    entities: _Entities = _Entities()
    is_reply: bool = False
    is_retweet: bool = False
    is_quote: bool = False
    retweet_count: Any = None
    reply_count: Any = None
    like_count: Any = None
    quote_count: Any = None
    view_count: Any = None
    bookmark_count: Any = None


_DECODER = msgspec.json.Decoder(Row, strict=False)


def read(row: bytes) -> Post:
    """Read one row.

    Raises:
        NotAPost: it says that nothing was found, or is a user.
        BrokenValue, msgspec.DecodeError: it is broken.
    """
    item = _DECODER.decode(row)
    if item.author is None and b'"author.' in row:
        item = values.decode_flat(row, _DECODER)
    if item.id in (None, "") or item.type not in (None, "tweet"):
        raise NotAPost
    author = item.author or _NOBODY
    retweets, quotes = values.count(item.retweet_count), values.count(item.quote_count)
    return Post(
        platform="x",
        external_id=values.identifier(item.id, "id"),
        author=str(author.id or author.user_name or "")[:200],
        author_name=author.user_name,
        followers=values.count(author.followers),
        text=values.text(item.full_text or item.text),
        created_at=values.instant(item.created_at, "createdAt"),
        tags=fold_all(tag.text for tag in item.entities.hashtags or () if tag.text),
        url=values.link(item.url),
        kind=_kind(item),
        language=values.language(item.lang),
        views=values.count(item.view_count),
        likes=values.count(item.like_count),
        comments=values.count(item.reply_count),
        shares=retweets if quotes is None else quotes if retweets is None else retweets + quotes,
        saves=values.count(item.bookmark_count),
    )


def _kind(item: Row) -> str:
    if item.is_retweet:
        return "retweet"
    return "quote" if item.is_quote else "reply" if item.is_reply else "tweet"
