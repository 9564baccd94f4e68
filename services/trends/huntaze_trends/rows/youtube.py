"""Rows of streamers/youtube-scraper: videos, shorts and streams.

Likes and comments are missing where the channel turned them off; ids differ by case only.
"""

import re
from typing import Any

import msgspec
from msgspec import Struct

from huntaze_trends.posts import Post, fold_all
from huntaze_trends.rows import values
from huntaze_trends.rows.values import NotAPost

FIELDS = (
    *(
        "id",
        "title",
        "type",
        "url",
        "date",
        "channelId",
        "channelName",
        "channelUsername",
        "text",
        "hashtags",
    ),
    *(
        "numberOfSubscribers",
        "duration",
        "isPaidContent",
        "isMembersOnly",
        "commentsTurnedOff",
        "note",
        "error",
    ),
    *("viewCount", "likes", "commentsCount"),
)
_KINDS = {"shorts": "short", "stream": "stream"}
_TAG = re.compile(r"#(\w+)")


class Row(Struct, frozen=True, rename="camel", gc=False):
    """What we read of a row."""

    id: str | None = None
    title: str | None = None
    type: str | None = None
    url: str | None = None
    date: Any = None
    channel_id: str | None = None
    channel_name: str | None = None
    channel_username: str | None = None
    number_of_subscribers: Any = None
    duration: Any = None
    text: str | None = None
    hashtags: list[str] | None = None
    is_paid_content: bool | None = None
    comments_turned_off: bool | None = None
    view_count: Any = None
    likes: Any = None
    comments_count: Any = None


_DECODER = msgspec.json.Decoder(Row, strict=False)


def read(row: bytes) -> Post:
    """Read one row.

    Raises:
        NotAPost: it is a notice or a channel.
        BrokenValue, msgspec.DecodeError: it is broken.
    """
    item = _DECODER.decode(row)
    if not item.id:
        raise NotAPost
    body = values.text("\n".join(part for part in (item.title, item.text) if part))
    short = item.type == "shorts" or "/shorts/" in (item.url or "")
    tags = item.hashtags if item.hashtags else _TAG.findall(body)
    return Post(
        platform="youtube",
        external_id=values.identifier(item.id, "id"),
        author=(item.channel_id or item.channel_username or item.channel_name or "")[:200],
        author_name=item.channel_username or item.channel_name,
        followers=values.count(item.number_of_subscribers),
        text=body,
        created_at=values.instant(item.date, "date"),
        tags=fold_all(tags),
        url=values.link(item.url) or f"https://www.youtube.com/watch?v={item.id}"[:2000],
        kind="short" if short else _KINDS.get(item.type or "", "video"),
        promoted=bool(item.is_paid_content),
        duration_s=values.duration(item.duration),
        views=values.count(item.view_count),
        likes=values.count(item.likes),
        comments=None if item.comments_turned_off else values.count(item.comments_count),
    )
