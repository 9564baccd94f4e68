"""Rows of clockworks/tiktok-scraper and its kin for hashtags, profiles, sounds and search."""

from typing import Any

import msgspec
from msgspec import Struct

from huntaze_trends.posts import Post, fold_all
from huntaze_trends.rows import values
from huntaze_trends.rows.values import NotAPost

FIELDS = (
    *("id", "text", "textLanguage", "createTime", "createTimeISO", "authorMeta", "musicMeta", "videoMeta"),
    *("hashtags", "isAd", "isSponsored", "isSlideshow", "webVideoUrl", "note", "errorCode"),
    *("playCount", "diggCount", "commentCount", "shareCount", "collectCount"),
)


class _Tag(Struct, frozen=True, gc=False):
    name: str | None = None


class _Author(Struct, frozen=True, rename="camel", gc=False):
    id: str | int | None = None
    name: str | None = None
    fans: Any = None


_NOBODY = _Author()


class _Music(Struct, frozen=True, rename="camel", gc=False):
    music_id: str | int | None = None
    music_name: str | None = None
    music_original: bool = False


class _Video(Struct, frozen=True, gc=False):
    duration: Any = None


class Row(Struct, frozen=True, rename="camel", gc=False):
    """What we read of a row."""

    id: str | int | None = None
    text: str | None = None
    text_language: str | None = None
    create_time: Any = None
    create_time_iso: str | None = msgspec.field(name="createTimeISO", default=None)
    author_meta: _Author | None = None
    music_meta: _Music | None = None
    video_meta: _Video | None = None
    hashtags: list[_Tag] | None = None
    is_ad: bool = False
    is_sponsored: bool = False
    is_slideshow: bool = False
    web_video_url: str | None = None
    play_count: Any = None
    digg_count: Any = None
    comment_count: Any = None
    share_count: Any = None
    collect_count: Any = None


_DECODER = msgspec.json.Decoder(Row, strict=False)


def read(row: bytes) -> Post:
    """Read one row.

    Raises:
        NotAPost: it stands for an author without posts.
        BrokenValue, msgspec.DecodeError: it is broken.
    """
    item = _DECODER.decode(row)
    if item.author_meta is None and b'"authorMeta.' in row:
        item = values.decode_flat(row, _DECODER)
    if item.id is None or item.id == "":
        raise NotAPost
    author, music, video = item.author_meta or _NOBODY, item.music_meta, item.video_meta
    count = values.count
    return Post(
        platform="tiktok",
        external_id=values.identifier(item.id, "id"),
        author=str(author.id or author.name or "")[:200],
        author_name=author.name,
        followers=count(author.fans),
        text=values.text(item.text),
        created_at=values.instant(item.create_time or item.create_time_iso, "createTime"),
        tags=fold_all([tag.name for tag in item.hashtags if tag.name]) if item.hashtags else (),
        url=values.link(item.web_video_url),
        kind="slideshow" if item.is_slideshow else "video",
        language=values.language(item.text_language),
        promoted=item.is_ad or item.is_sponsored,
        sound=str(music.music_id)[:200] if music and music.music_id else None,
        sound_title=music.music_name if music else None,
        original_sound=music.music_original if music else False,
        duration_s=values.duration(video.duration) if video else None,
        views=count(item.play_count),
        likes=count(item.digg_count),
        comments=count(item.comment_count),
        shares=count(item.share_count),
        saves=count(item.collect_count),
    )
