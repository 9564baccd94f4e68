"""Sample data of the web application: the same for the same day, on every machine.

Forty creators in twelve time zones, a few of whom get most of the messages; sixty days of conversations in
the waking hours of each zone, an archive that reaches half a year back, payments, and daily figures of their
social accounts. Two creators have something to be told about:

- ``creator-07``: the engagement of all accounts falls to a twentieth in the last four days;
- ``creator-12``: the followers of all accounts jump by two fifths on the last day.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate
from zoneinfo import ZoneInfo

import asyncpg

CREATORS = 40
ACTIVE_DAYS = 60
ARCHIVE_DAYS = 180  # the archive reaches back so far, and ends where the active days begin
MESSAGES_PER_DAY = 330
ARCHIVED_PER_DAY = 25
FALLING, FALLING_DAYS, FALLEN_TO = "creator-07", 4, 0.05
SPIKING, SPIKE = "creator-12", 1.4

ZONES = (
    ("America/New_York", "en-US", "USD"),
    ("Europe/Paris", "fr-FR", "EUR"),
    ("America/Los_Angeles", "en-US", "USD"),
    ("Europe/London", "en-GB", "GBP"),
    ("Asia/Tokyo", "ja-JP", "USD"),
    ("Asia/Kolkata", "hi-IN", "USD"),
    ("America/Sao_Paulo", "pt-BR", "USD"),
    ("Australia/Lord_Howe", "en-AU", "USD"),  # its clocks change by half an hour
    ("Africa/Cairo", "ar-EG", "USD"),
    ("Pacific/Auckland", "en-NZ", "USD"),
    ("Asia/Kathmandu", "ne-NP", "USD"),  # 5:45 ahead of UTC
    ("UTC", "en-US", "USD"),
)
NAMES = ("Mara", "Yuki", "Théo", "Aisha", "Noor", "Lucía", "Ivo", "Priya", "Sol", "Jun", "Zoë", "Kai")
PLATFORMS = ("tiktok", "instagram", "youtube", "twitter")
# How many messages the hours of a creator's own day get, from midnight.
HOURS = (6, 3, 2, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 7, 6, 6, 7, 8, 10, 12, 14, 14, 12, 9)
QUESTIONS = ("Good morning!", "Loved the last one", "When is the next live?", "Where is that from?", "💛")
TITLES = (
    "Behind the scenes of Friday's shoot",
    "Morning stretch, no talking ☀️",
    "Q&A: everything you asked this week",
    "New set preview 🎀",
    "=10 things nobody tells you",
    "كواليس جلسة التصوير 📸",
    "Studio tour – the honest version",
    "朝のルーティン",
    "מאחורי הקלעים",
    "What I'd do differently, one year in",
    "Cooking live at eight 🍜",
    "Ask me anything",
)
ANSWERS = ("Thank you so much!", "Friday at eight", "New set is up", "That means a lot", "Soon, promise")


@dataclass(frozen=True, slots=True)
class Creator:
    """A user of the application who answers fans."""

    id: str
    name: str
    zone: ZoneInfo
    locale: str
    currency: str
    share: float
    """Of all messages; the shares of all creators add up to one."""
    threads: int


def creators() -> list[Creator]:
    """Return the creators, the busiest first; the r-th has a share that falls with r to the power of 1.1."""
    weights = [rank**-1.1 for rank in range(1, CREATORS + 1)]
    return [
        Creator(
            id=f"creator-{number:02}",
            name=f"{NAMES[number % len(NAMES)]} {number}",
            zone=ZoneInfo(ZONES[number % len(ZONES)][0]),
            locale=ZONES[number % len(ZONES)][1],
            currency=ZONES[number % len(ZONES)][2],
            share=weight / sum(weights),
            threads=3 + round(400 * weight / sum(weights)),
        )
        for number, weight in enumerate(weights, start=1)
    ]


async def load(connection: asyncpg.Connection, today: date) -> None:
    """Add the sample data of all days before ``today`` that were not loaded before.

    The figures of the social accounts are written anew, so that what stands out does so in the last days.
    """
    everyone = creators()
    loaded = {row["day"] for row in await connection.fetch("SELECT day FROM app.sample_days")}
    since = today - timedelta(days=ARCHIVE_DAYS)
    if not loaded:
        await _copy_people(connection, everyone, since)
    days = [day for day in _days(since, today) if day not in loaded]
    messages = [row for day in days for row in _messages(day, everyone, archived=_is_archive(day, today))]
    await connection.copy_records_to_table("messages", schema_name="app", columns=MESSAGE, records=messages)
    payments = [row for day in days if not _is_archive(day, today) for row in _transactions(day, everyone)]
    await connection.copy_records_to_table("transactions", schema_name="app", records=payments)
    await connection.copy_records_to_table("sample_days", schema_name="app", records=[(day,) for day in days])
    await _copy_snapshots(connection, everyone, today)
    await _copy_posts(connection, everyone, today)
    await connection.execute(
        "UPDATE app.message_threads AS thread SET last_message_at = newest.at"
        "  FROM (SELECT user_id, thread_id, max(sent_at) AS at FROM app.messages GROUP BY 1, 2) AS newest"
        " WHERE (thread.user_id, thread.id) = (newest.user_id, newest.thread_id)"
        "   AND thread.last_message_at IS DISTINCT FROM newest.at"
    )
    await connection.execute("ANALYZE app.messages, app.transactions, app.analytics_snapshots")


MESSAGE = (
    "user_id",
    "id",
    "thread_id",
    "direction",
    "body",
    "price",
    "is_paid",
    "sent_at",
    "created_at",
    "archived_at",
    "hold",
)


async def _copy_people(connection: asyncpg.Connection, everyone: list[Creator], since: date) -> None:
    joined = datetime.combine(since, time(), UTC)
    users = [(creator.id, creator.name, creator.zone.key, creator.locale, joined) for creator in everyone]
    threads = [
        (creator.id, f"thread-{number}", f"Fan {number}", joined, None)
        for creator in everyone
        for number in range(creator.threads)
    ]
    accounts = [
        (f"{creator.id}-{platform}", creator.id, platform, creator.id)
        for creator, platform in _accounts(everyone)
    ]
    await connection.copy_records_to_table("users", schema_name="app", records=users)
    await connection.copy_records_to_table("message_threads", schema_name="app", records=threads)
    await connection.copy_records_to_table("social_accounts", schema_name="app", records=accounts)


def _accounts(everyone: list[Creator]) -> Iterator[tuple[Creator, str]]:
    """Yield each creator's accounts: one to three platforms."""
    for number, creator in enumerate(everyone):
        for offset in range(1 + number % 3):
            yield creator, PLATFORMS[(number + offset) % len(PLATFORMS)]


def _days(first: date, end: date) -> Iterator[date]:
    """Yield the days from ``first`` up to, and without, ``end``."""
    for offset in range((end - first).days):
        yield first + timedelta(days=offset)


def _is_archive(day: date, today: date) -> bool:
    return (today - day).days > ACTIVE_DAYS


def _messages(day: date, everyone: list[Creator], *, archived: bool) -> Iterator[tuple[object, ...]]:
    """Yield one UTC day's messages: fans write, and the creator answers most of them within hours."""
    draw = random.Random(f"messages of {day}")  # noqa: S311
    end = datetime.combine(day + timedelta(days=1), time(), UTC)
    for creator in everyone:
        mean = creator.share * (ARCHIVED_PER_DAY if archived else MESSAGES_PER_DAY)
        count = _about(draw, mean)
        for number, sent_at in enumerate(_instants(draw, day, creator.zone, count)):
            thread = f"thread-{min(int(draw.paretovariate(0.7)) - 1, creator.threads - 1)}"
            direction = "in" if draw.random() < 0.55 else "out"
            price = Decimal(draw.randrange(5, 60)) if direction == "out" and draw.random() < 0.12 else None
            known_at = sent_at + timedelta(seconds=draw.expovariate(1 / 30))
            yield (
                creator.id,
                f"{day:%Y%m%d}-{number}",
                thread,
                direction,
                draw.choice(QUESTIONS if direction == "in" else ANSWERS),
                price,
                price is not None and draw.random() < 0.6,
                sent_at,
                min(known_at, end - timedelta(microseconds=1)),
                sent_at + timedelta(days=7) if archived else None,
                archived and draw.random() < 0.02,
            )


def _instants(draw: random.Random, day: date, zone: ZoneInfo, count: int) -> list[datetime]:
    """Draw ``count`` instants of a UTC day, in order, more of them in the waking hours of the zone."""
    if not count:
        return []
    hours, weights = _waking(day, zone)
    drawn = draw.choices(hours, cum_weights=weights, k=count)
    return sorted(hour + timedelta(seconds=draw.random() * 3600) for hour in drawn)


@lru_cache(maxsize=len(ZONES))
def _waking(day: date, zone: ZoneInfo) -> tuple[list[datetime], list[int]]:
    """Return a UTC day's hours, and how many messages the zone sends up to the end of each (relatively)."""
    hours = [datetime.combine(day, time(hour), UTC) for hour in range(24)]
    return hours, list(accumulate(HOURS[hour.astimezone(zone).hour] for hour in hours))


def _about(draw: random.Random, mean: float) -> int:
    """Draw a count with the given mean that varies by a third or so."""
    return int(mean * draw.uniform(0.5, 1.5) + draw.random())


def _transactions(day: date, everyone: list[Creator]) -> Iterator[tuple[object, ...]]:
    """Yield one UTC day's payments."""
    draw = random.Random(f"transactions of {day}")  # noqa: S311
    for creator in everyone:
        count = _about(draw, 40 * creator.share)
        for number, occurred_at in enumerate(_instants(draw, day, creator.zone, count)):
            yield (
                f"{creator.id}-{day:%Y%m%d}-{number}",
                creator.id,
                draw.choice(("subscription", "tip", "tip", "message")),
                Decimal(draw.randrange(300, 12_000)) / 100,
                creator.currency,
                draw.choices(("completed", "pending", "refunded", "failed"), (92, 3, 2, 3))[0],
                occurred_at,
            )


async def _copy_snapshots(connection: asyncpg.Connection, everyone: list[Creator], today: date) -> None:
    rows = [row for account in _accounts(everyone) for row in _snapshots(*account, today)]
    await connection.execute("TRUNCATE app.analytics_snapshots")
    await connection.copy_records_to_table("analytics_snapshots", schema_name="app", records=rows)


def _snapshots(creator: Creator, platform: str, today: date) -> Iterator[tuple[object, ...]]:
    """Yield an account's daily figures: slow growth, noise of a tenth, and what stands out."""
    draw = random.Random(f"snapshots of {creator.id} on {platform}")  # noqa: S311
    followers = 2_000 + 500_000 * creator.share * draw.uniform(0.5, 1.5)
    posts = draw.randrange(50, 500)
    for day in _days(today - timedelta(days=ACTIVE_DAYS), today):
        age = (today - day).days
        followers *= 1 + draw.uniform(-0.0005, 0.003)
        posts += draw.random() < 0.6
        reach = followers * draw.uniform(0.27, 0.33)
        engagement = reach * draw.uniform(0.054, 0.066)
        if creator.id == FALLING and age <= FALLING_DAYS:
            engagement *= FALLEN_TO
        if creator.id == SPIKING and age == 1:
            followers *= SPIKE
        yield (
            f"{creator.id}-{platform}",
            day,
            int(followers),
            int(engagement),
            posts,
            int(reach),
            int(reach * draw.uniform(1.3, 1.7)),
        )


async def _copy_posts(connection: asyncpg.Connection, everyone: list[Creator], today: date) -> None:
    rows = [row for account in _accounts(everyone) for row in _posts(*account, today)]
    await connection.execute("TRUNCATE app.posts")
    await connection.copy_records_to_table("posts", schema_name="app", records=rows)


def _posts(creator: Creator, platform: str, today: date) -> Iterator[tuple[object, ...]]:
    """Yield what an account published: a post on three days of five, a few of which go far."""
    for day in _days(today - timedelta(days=ACTIVE_DAYS), today):
        draw = random.Random(f"posts of {creator.id} on {platform} on {day}")  # noqa: S311
        if draw.random() >= 0.6:
            continue
        views = int((200 + 150_000 * creator.share) * draw.paretovariate(1.6))
        likes = int(views * draw.uniform(0.02, 0.09))
        yield (
            f"{creator.id}-{platform}-{day:%Y%m%d}",
            f"{creator.id}-{platform}",
            TITLES[(day.toordinal() * 5 + len(platform)) % len(TITLES)],
            _instants(draw, day, creator.zone, 1)[0],
            views,
            likes,
            *(int(likes * draw.uniform(*share)) for share in ((0.02, 0.1), (0.01, 0.06), (0.02, 0.12))),
        )
