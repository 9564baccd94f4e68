"""T6: the pipeline beside its floor, the typed decoding of the same bytes, and beside the usual way.

All figures are CPU seconds of one process, the best of some rounds; what counts are the ratios.
"""

import asyncio
import json
import random
import resource
import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta

import msgspec
from huntaze_trends.analysis import analyse
from huntaze_trends.collecting import MOST_ROWS, collect
from huntaze_trends.posts import Post
from huntaze_trends.rows import tiktok

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SIZES = (5_000, 50_000)
QUADRATIC_SAMPLE = 1_000
"""The pairwise check is measured on so many posts and extrapolated by its square."""
_WORDS = 12_000
_SEED = 6
_LETTERS = (
    "abcdefghijklmnoprstuvwy",
    "abcdefghiklmnoprstuvéèçñ",
    "日本語料理朝夜光海山猫犬花春秋風空水火土金木曜",
)


def items(count: int) -> list[bytes]:
    """Make rows in the shape and size of the real scraper's, with captions as long as real ones.

    Of the posts an eighth are in Japanese and an eighth in an accented language; one in sixteen is a near-copy.
    """
    chance = random.Random(_SEED)
    latin, accented, japanese = (_words(chance, letters) for letters in _LETTERS)
    weights = [1 / (rank + 3) for rank in range(_WORDS)]
    rows: list[bytes] = []
    captions: list[str] = []
    for number in range(count):
        draw = chance.random()
        words = japanese if draw < 1 / 8 else accented if draw < 1 / 4 else latin
        tags = chance.choices(words, weights, k=chance.randrange(0, 7))
        caption = ("" if words is japanese else " ").join(
            chance.choices(words, weights, k=chance.randrange(2, 20))
        )
        if captions and chance.random() < 1 / 16:
            caption = chance.choice(captions) + chance.choice(("", " !!", " 🔥"))
        captions.append(caption)
        rows.append(_item(chance, number, caption, tags))
    return rows


def run() -> dict[str, dict[str, float]]:
    """Measure each size, and tell the ratios."""
    figures = {str(size): measure(size) for size in SIZES}
    small, large = (figures[str(size)]["pipeline_ms"] for size in SIZES)
    figures["growth"] = {"large_over_small": large / small}
    return figures


def measure(size: int) -> dict[str, float]:
    """Measure one size; the memory is the process's so far, the rows themselves included."""
    rows = items(size)
    rounds = 7 if size == SIZES[0] else 3
    pipeline = _best(lambda: _pipeline(rows), rounds)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    page = b"[" + b",".join(rows) + b"]"
    decoder = msgspec.json.Decoder(list[tiktok.Row], strict=False)
    floor = _best(lambda: decoder.decode(page), rounds)
    figures = {
        "bytes_each": len(page) / size,
        "floor_ms": 1000 * floor,
        "pipeline_ms": 1000 * pipeline,
        "pipeline_over_floor": pipeline / floor,
        "us_each": 1e6 * pipeline / size,
        "peak_mb": memory,
    }
    if size == SIZES[0]:
        peer = _best(lambda: _usual_way(rows[:QUADRATIC_SAMPLE]), 1) * (size / QUADRATIC_SAMPLE) ** 2
        figures["quadratic_duplicates_over_pipeline"] = peer / pipeline
    return figures


def _pipeline(rows: list[bytes]) -> None:
    """Read and analyse all rows; datasets have a limit, so many rows come as several."""
    posts: list[Post] = []
    for first in range(0, len(rows), MOST_ROWS):
        asyncio.run(_collect(rows[first : first + MOST_ROWS], posts))
    assert len(posts) == len(rows)
    analysis = analyse(posts, [], {}, at=NOW, own=frozenset({"#studio"}))
    assert len(analysis.scores) == len(rows)


async def _collect(rows: list[bytes], posts: list[Post]) -> None:
    async def pages() -> AsyncGenerator[bytes]:
        for row in rows:
            yield row

    posts += (await collect(pages(), tiktok.read)).posts


def _usual_way(rows: list[bytes]) -> int:
    """Find near-copies by comparing the words of every pair, as is often done; only that part is measured."""
    texts = [set(json.loads(row)["text"].lower().split()) for row in rows]
    return sum(
        1
        for i, mine in enumerate(texts)
        for theirs in texts[:i]
        if mine and theirs and len(mine & theirs) / len(mine | theirs) >= 0.85
    )


def _best(call: Callable[[], object], rounds: int) -> float:
    taken: list[float] = []
    for _ in range(rounds):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return min(taken)


def _words(chance: random.Random, letters: str) -> list[str]:
    longest = 4 if letters[0] > "ʼ" else 9
    return ["".join(chance.choices(letters, k=chance.randrange(2, longest))) for _ in range(_WORDS)]


def _item(chance: random.Random, number: int, caption: str, tags: list[str]) -> bytes:
    author = chance.randrange(8_000)
    made = NOW - timedelta(hours=chance.uniform(0.1, 330))
    views = int(chance.lognormvariate(8, 2))
    signed = "https://p16-sign.example/obj/" + "x" * 300
    content = {
        "id": str(7_400_000_000_000_000_000 + number),
        "text": f"{caption} {' '.join('#' + tag for tag in tags)}",
        "textLanguage": "en",
        "createTime": int(made.timestamp()),
        "createTimeISO": made.isoformat(),
        "isAd": chance.random() < 0.02, "isSponsored": False, "isPinned": False, "isSlideshow": False,
        "authorMeta": {
            "id": str(6_800_000_000_000_000_000 + author), "name": f"sample_{author}", "nickName": "Sample",
            "verified": False, "signature": "a sample account, " * 6, "avatar": signed, "fans": author * 31,
            "following": 120, "heart": 90_000, "video": 120, "digg": 4, "privateAccount": False,
            "profileUrl": f"https://www.tiktok.com/@sample_{author}", "commerceUserInfo": {"commerceUser": False},
        },
        "musicMeta": {
            "musicName": "original sound", "musicAuthor": "sample", "musicOriginal": True, "playUrl": signed,
            "musicId": str(6_900_000_000_000_000_000 + chance.randrange(2_000)), "coverMediumUrl": signed,
        },
        "webVideoUrl": f"https://www.tiktok.com/@sample_{author}/video/{number}",
        "mediaUrls": [signed, signed],
        "videoMeta": {"height": 1024, "width": 576, "duration": 31, "coverUrl": signed, "definition": "540p",
                      "format": "mp4", "subtitleLinks": [{"language": "eng-US", "downloadLink": signed}]},
        "diggCount": views // 10, "shareCount": views // 200, "playCount": views, "collectCount": views // 90,
        "commentCount": views // 300, "repostCount": 0, "mentions": [], "detailedMentions": [],
        "hashtags": [{"id": str(n), "name": tag, "title": "", "cover": ""} for n, tag in enumerate(tags)],
        "effectStickers": [], "input": "studio", "searchHashtag": {"name": "studio", "views": 12_000_000},
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False).encode()
