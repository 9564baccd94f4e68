"""T2: dated events of 2013 in the titles of Reddit's posts; the service's own counting, scores and gates.

Communities stand for authors, whom the set does not name. False alarms are counted on the same posts with their
times permuted, so that nothing rises. Constants are the service's; nothing is tuned here, and the halves of the
year are told apart because earlier work chose the constants on events of the first.
"""

import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from huntaze_trends.columns import Columns, Ints, Names
from huntaze_trends.counting import Occurrences, occurrences
from huntaze_trends.detection import GENERIC_SHARE
from huntaze_trends.scoring import History, score, verdicts
from huntaze_trends.words import words

from bench.trends.events import EVENTS
from bench.trends.sources import repository, rows

FIRST, LAST = datetime(2012, 12, 26, tzinfo=UTC), datetime(2013, 8, 16, tzinfo=UTC)
"""The set was drawn in the days after; of those it holds less and less."""
WIDTH = 6 * 3600
BASE, DAY = 56, 4
ALARM = timedelta(hours=72)
LEAST_COMMUNITIES = 3
CONTROLS = (-45, -30, -21, 21, 30, 45)
"""Days by which the events are moved to see how often their words alarm without cause."""
SEED = 2013
HELD = tuple(event for event in EVENTS if datetime.fromisoformat(f"{event[0]}T00+00:00") + ALARM <= LAST)
"""The events that the set can tell of."""


@dataclass(frozen=True)
class Stream:
    """Posts in windows of six hours, their topics, and their communities."""

    found: Occurrences
    windows: Ints
    communities: Ints
    names: list[str]
    count: int


def load(data: Path) -> tuple[Columns, Ints]:
    """Read the posts of 2013; return them as columns, with the window of each."""
    lowest, highest = FIRST.timestamp(), LAST.timestamp()
    names, communities = Names(), Names()
    tokens: list[int] = []
    starts: list[int] = []
    created: list[float] = []
    authors: list[int] = []
    for file, text in repository("umbrae/reddit-top-2.5-million", data).read_all("data"):
        community = communities[file]
        for row in rows(text):
            time = row["created_utc"] or ""
            if not time.replace(".", "", 1).isdigit() or not lowest <= float(time) < highest:
                continue
            starts.append(len(tokens))
            tokens += [names[word] for word in words(row["title"] or "")]
            tokens.append(0)
            created.append(float(time))
            authors.append(community)
    none = np.zeros(0, np.int64)
    columns = Columns(
        posts=range(len(created)),  # type: ignore[arg-type] - only their number is asked for
        created=np.array(created),
        authors=np.array(authors),
        promoted=np.zeros(len(created), np.bool_),
        tokens=np.array(tokens),
        starts=np.array(starts),
        labels=none,
        label_posts=none,
        names=list(names),
    )
    return columns, ((columns.created - lowest) // WIDTH).astype(np.int64)


def stream(columns: Columns, windows: Ints, found: Occurrences, kept: np.ndarray) -> Stream:
    """Keep some posts; topics on too many of them are left out, as the service does."""
    often = np.bincount(found.topics[kept[found.posts]], minlength=len(found.codes))
    chosen = kept[found.posts] & (often <= GENERIC_SHARE * kept.sum())[found.topics]
    pairs = Occurrences(found.codes, found.topics[chosen], found.posts[chosen])
    where = np.where(kept, windows, -1)
    return Stream(pairs, where, columns.authors, list(columns.names), int(windows.max()) + 1)


def alerts(posts: Stream, *, every: int = 1) -> tuple[list[set[int]], ...]:
    """Return for each window the topics that are confirmed, those to watch, and those of three communities.

    Of an event that is not among the last no method can tell that asks for breadth. Windows that are not scored
    have empty sets.
    """
    of_pair = posts.windows[posts.found.posts]
    order = np.argsort(of_pair, kind="stable")
    pair_topics, pair_posts = posts.found.topics[order], posts.found.posts[order]
    bounds = np.searchsorted(of_pair[order], np.arange(posts.count + 1))
    totals = np.bincount(posts.windows[posts.windows >= 0], minlength=posts.count)
    counted = [np.unique(pair_topics[a:b], return_counts=True) for a, b in pairwise(bounds)]
    confirmed: list[set[int]] = [set() for _ in range(posts.count)]
    watched: list[set[int]] = [set() for _ in range(posts.count)]
    spoken_of: list[set[int]] = [set() for _ in range(posts.count)]
    for window in range(BASE, posts.count, every):
        parts = counted[window - BASE : window + 1]
        merged = np.concatenate([topics for topics, _ in parts])
        codes, numbers = np.unique(merged, return_inverse=True)
        history = History(
            totals=totals[window - BASE : window + 1],
            topics=numbers,
            windows=np.repeat(np.arange(BASE + 1), [len(topics) for topics, _ in parts]),
            posts=np.concatenate([count for _, count in parts]),
            size=len(codes),
            day=DAY,
        )
        scores = score(history)
        mine = slice(bounds[window - DAY + 1], bounds[window + 1])
        topics = codes[scores.topics]
        authors, busiest = breadth(pair_topics[mine], posts.communities[pair_posts[mine]], topics)
        sure, maybe = verdicts(scores, authors, busiest, int(totals[window]))
        confirmed[window], watched[window] = set(topics[sure].tolist()), set(topics[maybe].tolist())
        spoken_of[window] = set(topics[authors >= LEAST_COMMUNITIES].tolist())
    return confirmed, watched, spoken_of


def breadth(topics: Ints, communities: Ints, asked: Ints) -> tuple[Ints, Ints]:
    """Count the communities of each topic, and the most posts of one."""
    asked_set = set(asked.tolist())
    of_topic: dict[int, Counter[int]] = {}
    for topic, community in zip(topics.tolist(), communities.tolist(), strict=True):
        if topic in asked_set:
            of_topic.setdefault(topic, Counter())[community] += 1
    counts = [of_topic[topic] for topic in asked.tolist()]
    # Half of a topic's posts in one community is usual on Reddit: breadth asks for three, as it is measured.
    return np.array([len(count) for count in counts], np.int64), np.zeros(len(counts), np.int64)


def recall(posts: Stream, alerted: list[set[int]], *, moved: int = 0) -> list[float | None]:
    """Return for each event the hours from the start of its day to its first alert; None if there was none."""
    numbers = {name: number for number, name in enumerate(posts.names)}
    heard: list[float | None] = []
    for day, terms in HELD:
        topics = {topic for term in terms if (topic := _topic(posts, numbers, term)) is not None}
        begins = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=moved)
        first = int((begins - FIRST).total_seconds() // WIDTH)
        windows = range(max(0, first), min(first + ALARM // timedelta(seconds=WIDTH), posts.count))
        hit = next((window for window in windows if topics & alerted[window]), None)
        heard.append(None if hit is None else (hit + 1 - first) * WIDTH / 3600)
    return heard


def _topic(posts: Stream, numbers: dict[str, int], term: str) -> int | None:
    words_of = [numbers.get(word) for word in term.split()]
    if None in words_of:
        return None
    known = [number for number in words_of if number is not None]
    code = known[0] if len(known) == 1 else ((known[0] + 1) << 32) | known[1]
    place = int(np.searchsorted(posts.found.codes, code))
    return place if place < len(posts.found.codes) and posts.found.codes[place] == code else None


def report(
    name: str, columns: Columns, windows: Ints, found: Occurrences, kept: np.ndarray
) -> dict[str, float]:
    """Measure one size of sample."""
    posts = stream(columns, windows, found, kept)
    confirmed, watched, spoken_of = alerts(posts)
    shuffled = np.random.default_rng(SEED).permutation(windows)
    nulls = alerts(stream(columns, shuffled, found, kept), every=4)
    scored = posts.count - BASE
    scored_null = len(range(BASE, posts.count, 4))
    second = [day >= "2013-05" for day, _ in HELD]
    spoken = [hours is not None for hours in recall(posts, spoken_of)]
    figures: dict[str, float] = {
        "posts_per_window": float(kept.sum() / posts.count),
        "events": len(HELD),
        "spoken_of": _share(spoken, [True] * len(spoken)),
    }
    for label, alerted, null in (("confirmed", confirmed, nulls[0]), ("watch", watched, nulls[1])):
        heard = recall(posts, alerted)
        hits = [hours is not None for hours in heard]
        figures |= {
            f"{label}_recall": sum(hits) / len(hits),
            f"{label}_recall_of_spoken": _share(hits, spoken),
            f"{label}_recall_jan_apr": _share(hits, [not late for late in second]),
            f"{label}_recall_may_aug": _share(hits, second),
            f"{label}_median_hours": float(np.median([hours for hours in heard if hours is not None] or [0])),
            f"{label}_alerts_per_window": sum(map(len, alerted)) / scored,
            f"{label}_null_alerts_per_window": sum(map(len, null)) / scored_null,
            f"{label}_control": float(
                np.mean([h is not None for moved in CONTROLS for h in recall(posts, alerted, moved=moved)])
            ),
        }
    print(name, {key: round(value, 4) for key, value in figures.items()}, flush=True)
    missed = [
        terms[0]
        for (_, terms), hit in zip(HELD, (h is not None for h in recall(posts, confirmed)), strict=True)
        if not hit
    ]
    print(f"  missed: {', '.join(missed)}", file=sys.stderr)
    return figures


def run(data: Path) -> dict[str, dict[str, float]]:
    """Measure with all posts, and with 300 of each window."""
    columns, windows = load(data)
    found = occurrences(columns)
    chance = np.random.default_rng(SEED)
    order = chance.permutation(len(windows))
    rank = np.empty(len(windows), np.int64)
    by_window = order[np.argsort(windows[order], kind="stable")]
    first = np.searchsorted(windows[by_window], windows[by_window], side="left")
    rank[by_window] = np.arange(len(windows)) - first
    return {
        "all": report("all", columns, windows, found, np.ones(len(windows), np.bool_)),
        "300": report("300", columns, windows, found, rank < 300),
    }


def _share(hits: list[bool], chosen: list[bool]) -> float:
    mine = [hit for hit, here in zip(hits, chosen, strict=True) if here]
    return sum(mine) / len(mine)
