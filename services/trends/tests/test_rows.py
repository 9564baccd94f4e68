"""Rows in the shapes and with the traps of each actor's real ones, all of them written for these tests."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from huntaze_trends.actors import ACTORS
from huntaze_trends.errors import PlatformUnsupported
from huntaze_trends.posts import Post, fold
from huntaze_trends.rows import values
from huntaze_trends.rows.values import BrokenValue, NotAPost
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2025, 11, 23, 12, 13, 20, tzinfo=UTC)
ROWS = {p.stem: p.read_bytes().splitlines() for p in (Path(__file__).parent / "rows").glob("*.jsonl")}


def read(platform: str, number: int) -> Post:
    return ACTORS[platform].read(ROWS[platform][number])


def fields(post: Post, *names: str) -> tuple[object, ...]:
    return tuple(getattr(post, name) for name in names)


COUNTS = ("views", "likes", "comments", "shares", "saves")


@pytest.mark.parametrize(
    ("platform", "counts"),
    [
        ("tiktok", (18250, 812, 21, 40, 95)),
        ("instagram", (9000, None, 12, None, None)),
        ("youtube", (120400, None, None, None, None)),
        ("x", (900, 20, 1, 5, 4)),
        ("reddit", (None, 210, 14, None, None)),
    ],
)
def test_every_platform_comes_to_the_same_post(platform: str, counts: tuple[int | None, ...]) -> None:
    """What the platform hides or does not have is None, and a shown zero stays a zero."""
    post = read(platform, 0)
    assert (post.platform, post.created_at, fields(post, *COUNTS)) == (platform, NOON, counts)
    assert "clayhands" in post.tags
    assert post.author
    assert post.url is not None
    assert "&" not in post.text.replace("& ", "")


def test_tiktok_sounds_are_known_by_their_id() -> None:
    post = read("tiktok", 0)
    assert fields(post, "sound", "original_sound", "duration_s", "followers") == (
        "6900000000000000007",
        True,
        31,
        15200,
    )
    assert fields(post, "language", "tags") == ("de", ("clayhands", "fyp"))


def test_a_promoted_slideshow_with_hidden_likes_and_a_hostile_link() -> None:
    post = read("tiktok", 1)
    assert fields(post, "external_id", "promoted", "kind", "url") == (
        "7480000000000000002",
        True,
        "slideshow",
        None,
    )
    assert fields(post, *COUNTS) == (0, None, 0, 0, 0)
    assert fields(post, "text", "language", "followers") == ("", None, 0)


def test_a_flat_export_reads_like_a_nested_one() -> None:
    post = read("tiktok", 2)
    assert fields(post, "author", "followers", "tags") == ("6800000000000000044", 1_204_000, ("one", "two"))
    assert fields(post, *COUNTS) == (3_100_000, 1_200_000, 12, None, None)
    assert fields(post, "promoted", "sound", "created_at") == (True, "6900000000000000008", NOON)


def test_plays_of_zero_are_not_replaced_by_views() -> None:
    assert read("instagram", 2).views == 0
    assert fields(read("instagram", 1), "kind", "promoted", "views") == ("photo", True, None)


def test_ids_that_differ_by_case_stay_different() -> None:
    assert read("youtube", 0).external_id.lower() == read("youtube", 1).external_id.lower()
    assert read("youtube", 0).external_id != read("youtube", 1).external_id
    assert fields(read("youtube", 1), "kind", "views", "likes", "duration_s") == ("short", 1204, 3400, 42)
    assert read("youtube", 0).duration_s == 27 * 60 + 11


def test_zones_and_unknown_languages_of_x() -> None:
    assert fields(read("x", 1), "created_at", "language", "kind", "views", "shares") == (
        NOON,
        None,
        "reply",
        None,
        0,
    )


def test_entities_and_numbers_are_no_tags_on_reddit() -> None:
    post = read("reddit", 0)
    assert post.text.startswith("It's my first bowl")
    assert post.tags == ("pottery", "clayhands")
    assert read("reddit", 1).likes is None


@pytest.mark.parametrize(
    ("platform", "number"),
    [("tiktok", 3), ("instagram", 3), ("youtube", 3), ("x", 2), ("reddit", 2), ("reddit", 3)],
)
def test_what_is_no_post_by_design_is_no_error(platform: str, number: int) -> None:
    with pytest.raises(NotAPost):
        read(platform, number)


@pytest.mark.parametrize(
    ("platform", "number", "reason"),
    [
        ("tiktok", 4, "createTime"),
        ("tiktok", 5, "truncated"),
        ("instagram", 4, "caption"),
        ("youtube", 2, "date"),
        ("x", 3, "createdAt"),
    ],
)
def test_a_broken_row_says_what_is_broken(platform: str, number: int, reason: str) -> None:
    with pytest.raises((msgspec.DecodeError, BrokenValue), match=reason):
        read(platform, number)


@pytest.mark.parametrize("platform", sorted(ACTORS))
@given(
    row=st.binary(max_size=200) | st.dictionaries(st.text(), st.none() | st.text()).map(msgspec.json.encode)
)
def test_no_row_crashes_a_reader(platform: str, row: bytes) -> None:
    try:
        post = ACTORS[platform].read(row)
    except (NotAPost, BrokenValue, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    assert post.external_id


@pytest.mark.parametrize(
    ("written", "count"),
    [(5, 5), (-1, None), ("3100000", 3_100_000), ("1.204.000", 1_204_000), ("1,204 views", 1204), ("+42%", None),
     ("1.5K", 1500), (2.0, 2), (float("nan"), None), (True, None), ([], None), (2**63, None), ("", None),
     ("9" * 60, None), ("1.5", 1)],
)  # fmt: skip
def test_counts_as_actors_write_them(written: object, count: int | None) -> None:
    assert values.count(written) == count


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_a_count_is_a_bigint_or_unknown(value: object) -> None:
    read = values.count(value)
    assert read is None or 0 <= read < 2**63


@given(st.text() | st.integers() | st.floats())
def test_a_time_is_an_aware_instant_or_broken(value: object) -> None:
    with contextlib.suppress(BrokenValue):
        assert values.instant(value, "t").tzinfo is not None


@given(st.text(max_size=150))
def test_folding_twice_is_folding_once(tag: str) -> None:
    folded = fold(tag)
    assert fold(folded) == folded
    assert len(folded) <= 100
    assert folded.isprintable()


@pytest.mark.parametrize("platform", sorted(ACTORS))
def test_inputs_are_bounded_and_values_stay_values(platform: str) -> None:
    """A query's text can't leave its place in the actor's input."""
    actor = ACTORS[platform]
    assert actor.memory_mb & (actor.memory_mb - 1) == 0
    for kind in actor.inputs:
        run_input = actor.run_input(kind, "a/../b?x=1&y", 50)
        numbers = [v for v in run_input.values() if isinstance(v, int) and not isinstance(v, bool)]
        assert 0 < sum({n for n in numbers if n}) <= 75
        for url in [*run_input.get("directUrls", []), *(u["url"] for u in run_input.get("startUrls", []))]:
            assert "?" not in url
            assert "/../" not in url
    with pytest.raises(PlatformUnsupported, match="sound"):
        actor.run_input("sound", "x", 1)
