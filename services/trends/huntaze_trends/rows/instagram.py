"""Rows of apify/instagram-scraper and its kin for hashtags and reels.

Posts carry no follower count, photos have no views, and ``likesCount`` is −1 where likes are hidden.
"""

from typing import Any

import msgspec
from msgspec import Struct

from huntaze_trends.posts import Post, fold_all
from huntaze_trends.rows import values
from huntaze_trends.rows.values import NotAPost

FIELDS = (
    *("id", "type", "shortCode", "caption", "hashtags", "url", "timestamp", "ownerUsername", "ownerId"),
    *(
        "productType",
        "videoDuration",
        "musicInfo",
        "paidPartnership",
        "sponsors",
        "error",
        "errorDescription",
    ),
    *("commentsCount", "likesCount", "videoViewCount", "videoPlayCount"),
)
_KINDS = {"Image": "photo", "Video": "video", "Sidecar": "carousel"}


class _Music(Struct, frozen=True, gc=False):
    audio_id: str | int | None = None
    song_name: str | None = None
    uses_original_audio: bool | None = None


class Row(Struct, frozen=True, rename="camel", gc=False):
    """What we read of a row."""

    id: str | int | None = None
    type: str | None = None
    short_code: str | None = None
    caption: str | None = None
    hashtags: list[str] | None = None
    url: str | None = None
    timestamp: Any = None
    owner_username: str | None = None
    owner_id: str | int | None = None
    product_type: str | None = None
    video_duration: Any = None
    music_info: _Music | None = None
    paid_partnership: bool | None = None
    sponsors: list[Any] | None = None
    comments_count: Any = None
    likes_count: Any = None
    video_view_count: Any = None
    video_play_count: Any = None
    error: str | None = None


_DECODER = msgspec.json.Decoder(Row, strict=False)


def read(row: bytes) -> Post:
    """Read one row.

    Raises:
        NotAPost: it is a notice: nothing found, a private account.
        BrokenValue, msgspec.DecodeError: it is broken.
    """
    item = _DECODER.decode(row)
    if item.music_info is None and b'"musicInfo.' in row:
        item = values.decode_flat(row, _DECODER)
    if item.error or (item.id is None and item.short_code is None):
        raise NotAPost
    music = item.music_info
    plays = values.count(item.video_play_count)
    code_url = f"https://www.instagram.com/p/{item.short_code}/" if item.short_code else None
    return Post(
        platform="instagram",
        external_id=values.identifier(item.id or item.short_code, "id"),
        author=str(item.owner_id or item.owner_username or "")[:200],
        author_name=item.owner_username,
        text=values.text(item.caption),
        created_at=values.instant(item.timestamp, "timestamp"),
        tags=fold_all(item.hashtags or ()),
        url=values.link(item.url) or values.link(code_url),
        kind="reel" if item.product_type == "clips" else _KINDS.get(item.type or "", "post"),
        promoted=bool(item.paid_partnership or item.sponsors),
        sound=str(music.audio_id)[:200] if music and music.audio_id else None,
        sound_title=music.song_name if music else None,
        original_sound=bool(music and music.uses_original_audio),
        duration_s=values.duration(item.video_duration),
        # Plays count repetitions and are what the platform shows; a present 0 must not fall through.
        views=plays if plays is not None else values.count(item.video_view_count),
        likes=values.count(item.likes_count),
        comments=values.count(item.comments_count),
    )
