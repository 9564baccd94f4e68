"""Rows of trudax/reddit-scraper-lite. One dataset mixes posts, comments, communities and users.

Since autumn 2026 the lite actor's rows have no votes; texts hold HTML entities.
"""

import re
from typing import Any

import msgspec
from msgspec import Struct

from huntaze_trends.posts import Post, fold_all
from huntaze_trends.rows import values
from huntaze_trends.rows.values import NotAPost

FIELDS = (
    *("id", "parsedId", "url", "username", "userId", "title", "body", "communityName", "parsedCommunityName"),
    *("createdAt", "dataType", "over18", "isAd", "isVideo", "numberOfComments", "upVotes"),
)
_TAG = re.compile(r"(?<!\w)#([^\W\d_]\w+)")


class Row(Struct, frozen=True, rename="camel", gc=False):
    """What we read of a row."""

    id: str | None = None
    url: str | None = None
    username: str | None = None
    user_id: str | None = None
    title: str | None = None
    body: str | None = None
    parsed_community_name: str | None = None
    created_at: Any = None
    data_type: str | None = None
    is_ad: bool | None = None
    is_video: bool | None = None
    number_of_comments: Any = None
    up_votes: Any = None


_DECODER = msgspec.json.Decoder(Row, strict=False)


def read(row: bytes) -> Post:
    """Read one row.

    Raises:
        NotAPost: it is a comment, a community or a user.
        BrokenValue, msgspec.DecodeError: it is broken.
    """
    item = _DECODER.decode(row)
    if item.data_type not in (None, "post") or not item.id or item.id.startswith("t1_"):
        raise NotAPost
    text = values.text("\n".join(part for part in (item.title, item.body) if part))
    community = [item.parsed_community_name] if item.parsed_community_name else []
    return Post(
        platform="reddit",
        external_id=values.identifier(item.id, "id"),
        author=(item.user_id or item.username or "")[:200],
        author_name=item.username,
        text=text,
        created_at=values.instant(item.created_at, "createdAt"),
        # Hashtags mean little here; the community is what users look for.
        tags=fold_all([*community, *_TAG.findall(text)]),
        url=values.link(item.url),
        kind="video" if item.is_video else "post",
        promoted=bool(item.is_ad),
        likes=values.count(item.up_votes),
        comments=values.count(item.number_of_comments),
    )
