"""Sample posts in the shape of `clockworks/tiktok-scraper`, for the demo. None of them was ever published.

They form one small world whose past doesn't change: an instant always has the same posts, whenever and
however often one looks, and only their counts grow. Every two days another topic begins to rise among many
authors, peaks after two days and fades; every day one author floods a tag of their own; the rest is steady.
"""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

HORIZON = timedelta(days=14)
HOUR = timedelta(hours=1)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

STEADY_PER_DAY = 18.0
PEAK_PER_HOUR = 1.2  # posts of a rising topic, two days after it began
CYCLE = timedelta(days=2)
FLOOD = range(10, 15)  # the hours, UTC, at which the day's flooder posts once each

# Each comes back after 24 days, longer than the horizon.
RISING = (
    "glasscandle",
    "linenwall",
    "paperlantern",
    "slowzoom",
    "rooftopbreakfast",
    "twomirrors",
    "clayhands",
    "nightferry",
    "onetakecooking",
    "tapeloop",
    "windowlight",
    "foldedmap",
)
FLOODING = (
    "dropday",
    "linkinbio24",
    "giftwheel",
    "boostme",
    "quickcash",
    "followloop",
    "promocode7",
    "dailywin",
)
STEADY = (
    ("morningroutine", 9),
    ("homegym", 8),
    ("easyrecipes", 8),
    ("bookshelf", 6),
    ("streetphoto", 5),
    ("plantcare", 5),
    ("thriftfinds", 4),
    ("drawingpractice", 4),
    ("coffeebar", 3),
    ("trailrun", 3),
)
GENERIC = (("fyp", 0.6), ("viral", 0.25), ("foryou", 0.2))
OPENINGS = (
    "Trying this for the first time",
    "Day {n} of doing this every day",
    "You asked, so here it is",
    "Three things I wish I had known",
    "Wait for the end",
    "How I do it in {n} minutes",
    "This went better than planned",
    "Nobody talks about this part",
)
NAMES = ("lena", "marco", "aiko", "sami", "ines", "tom", "wren", "lux", "odile", "kofi", "mina", "rafa")
AUTHORS = 240
SOUNDS = 30


def posts(now: datetime) -> list[dict[str, Any]]:
    """Return the items of the two weeks before ``now``, the newest first.

    The last item is what the real scraper gives for an author without posts: no id, only the author.
    """
    start = (now - HORIZON).replace(minute=0, second=0, microsecond=0)
    items: list[dict[str, Any]] = []
    while start <= now:
        items += [item for item in _hour(start, now) if now - HORIZON <= _created(item) <= now]
        start += HOUR
    items.sort(key=_created, reverse=True)
    return [*items, {"authorMeta": _author(AUTHORS), "note": "this author has no posts"}]


def rising_topics(now: datetime) -> list[str]:
    """Return the tags that began to rise less than four days before ``now``, the latest first."""
    cycle = (now - EPOCH) // CYCLE
    return [RISING[index % len(RISING)] for index in (cycle, cycle - 1)]


def flooded_topic(day: datetime) -> str:
    """Return the tag that one author floods on the UTC day of ``day``."""
    return FLOODING[(day - EPOCH).days % len(FLOODING)]


def _created(item: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(item["createTime"], UTC)


def _hour(start: datetime, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the posts of the hour that begins at ``start``, with counts as of ``now``."""
    draw = random.Random(f"posts of {start:%Y-%m-%dT%H}")  # noqa: S311
    subjects: list[tuple[str, int]] = []
    for _ in range(_about(draw, STEADY_PER_DAY / 24)):
        tags, weights = zip(*STEADY, strict=True)
        subjects.append((draw.choices(tags, weights)[0], draw.randrange(AUTHORS)))
    for age, topic in _rising_at(start):
        subjects += [(topic, draw.randrange(AUTHORS)) for _ in range(_about(draw, _intensity(age)))]
    if start.hour in FLOOD:
        subjects.append((flooded_topic(start), AUTHORS + 1 + (start - EPOCH).days % 50))
    for number, (topic, author) in enumerate(subjects):
        yield _item(draw, start, number, topic, author, now)


def _rising_at(instant: datetime) -> Iterator[tuple[timedelta, str]]:
    """Yield the ages and tags of the topics that rise or fade at ``instant``."""
    cycle = (instant - EPOCH) // CYCLE
    for index in (cycle, cycle - 1):
        yield instant - (EPOCH + index * CYCLE), RISING[index % len(RISING)]


def _intensity(age: timedelta) -> float:
    """Return how many posts an hour a topic has at an age: up to the peak in one cycle, then down."""
    ratio = age / CYCLE
    return PEAK_PER_HOUR * (ratio**0.5 if ratio < 1 else math.exp(-4 * (ratio - 1)))


def _about(draw: random.Random, mean: float) -> int:
    """Draw a count with the given mean."""
    return int(mean * draw.uniform(0.5, 1.5) + draw.random())


def _item(
    draw: random.Random, start: datetime, number: int, topic: str, author: int, now: datetime
) -> dict[str, Any]:
    created = start + timedelta(seconds=draw.randrange(3600))
    identifier = str(7_000_000_000_000_000_000 + int(start.timestamp()) * 1_000 + number)
    meta = _author(author)
    tags = [topic, *(tag for tag, share in GENERIC if draw.random() < share)]
    opening = draw.choice(OPENINGS).format(n=draw.randrange(2, 30))
    sponsored = draw.random() < 0.02
    sound = SOUNDS + RISING.index(topic) if topic in RISING else draw.randrange(SOUNDS)
    return {
        "id": identifier,
        "text": f"{opening} {' '.join('#' + tag for tag in tags)}",
        "textLanguage": "en",
        "createTime": int(created.timestamp()),
        "createTimeISO": f"{created:%Y-%m-%dT%H:%M:%S}.000Z",
        "isAd": sponsored and draw.random() < 0.5,
        "isSponsored": sponsored,
        "isPinned": False,
        "isSlideshow": draw.random() < 0.08,
        "authorMeta": meta,
        "musicMeta": {
            "musicId": str(6_900_000_000_000_000_000 + sound),
            "musicName": f"sample sound {sound}",
            "musicAuthor": f"sample band {sound % 7}",
            "musicOriginal": False,
        },
        "videoMeta": {"duration": draw.randrange(6, 90), "height": 1024, "width": 576},
        "webVideoUrl": f"https://www.tiktok.com/@{meta['name']}/video/{identifier}",
        "mentions": [],
        "hashtags": [{"name": tag} for tag in tags],
        **_counts(draw, meta["fans"], now - created, lifted=topic in RISING),
    }


def _counts(draw: random.Random, fans: int, age: timedelta, *, lifted: bool) -> dict[str, int]:
    """Return the counts of a post at an age; they come closer and closer to what it will ever get."""
    ever = (200 + fans * 0.3) * draw.lognormvariate(0.0, 1.0) * (4 if lifted else 1)
    plays = ever * (1 - math.exp(-max(age / HOUR, 0) / 18))
    likes = plays * draw.uniform(0.05, 0.14)
    return {
        "playCount": int(plays),
        "diggCount": int(likes),
        "shareCount": int(likes * draw.uniform(0.02, 0.12)),
        "commentCount": int(likes * draw.uniform(0.01, 0.06)),
        "collectCount": int(likes * draw.uniform(0.03, 0.15)),
        "repostCount": 0,
    }


def _author(number: int) -> dict[str, Any]:
    """Return an author; the handle says that it is a sample."""
    draw = random.Random(f"author {number}")  # noqa: S311
    name = f"sample_{NAMES[number % len(NAMES)]}_{number:03}"
    fans = int(draw.lognormvariate(8.5, 1.6))
    return {
        "id": str(6_800_000_000_000_000_000 + number),
        "name": name,
        "nickName": name.replace("_", " ").title(),
        "fans": fans,
        "heart": fans * draw.randrange(3, 40),
        "video": draw.randrange(10, 900),
        "verified": fans > 100_000 and draw.random() < 0.3,
        "privateAccount": False,
    }
