"""What a user should do about a trend: made from figures, each with the reasons that it stands on."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from huntaze_contracts.trends import BrandProfile, Platform, Recommendation, Trend

from huntaze_trends.posts import fold
from huntaze_trends.words import words

LEAST_OWN_POSTS = 100
"""Fewer posts of the user do not tell when theirs do well."""
LEAST_LOOKED_AT = 300
"""Posts of a platform that must have been seen to say that a trend is not there."""
_ABSENT_RATIO = 1.5
_LEAD = timedelta(hours=12)
_STAGE_WEIGHTS = MappingProxyType({"emerging": 1.0, "rising": 0.8, "peaking": 0.3, "watch": 0.2})
"""What fades is not recommended."""
_LASTS = MappingProxyType({"emerging": 48, "rising": 24, "peaking": 12, "watch": 48})
"""Hours, a convention, until enough bursts were followed to their end."""
_THEIRS, _NEUTRAL, _NOT_THEIRS = 1.0, 0.6, 0.3
_BEST_HOURS = 3
_HALF_BELIEVED = 10
"""Posts in an hour of the day at which its figure counts for half."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """How much a platform shows of a trend's tag."""

    platform: Platform
    seen: int
    total: int
    base_seen: int
    base_total: int

    @property
    def absent(self) -> bool:
        """Whether the tag does not rise there, among enough posts to say so."""
        if self.total < LEAST_LOOKED_AT:
            return False
        usual = (self.base_seen + 0.5) / max(1, self.base_total)
        return (self.seen + 0.5) / self.total <= _ABSENT_RATIO * max(usual, 1 / self.total)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a user's own posts do well."""

    hours: tuple[int, ...] | None
    basis: str


def recommendations(
    trends: Sequence[Trend],
    *,
    user_id: str,
    platform: Platform,
    brand: BrandProfile,
    timing: Mapping[str, Timing],
    elsewhere: Mapping[str, Sequence[Elsewhere]],
    now: datetime,
) -> list[Recommendation]:
    """Return what is worth doing, the best first. The same trend gives the same id, whenever it is asked.

    Args:
        trends: what a scrape found.
        user_id: for whom.
        platform: where the trends are.
        brand: what the user stands for.
        timing: for each platform, when the user's posts do well.
        elsewhere: for a trend's id, what other platforms show of it.
        now: deadlines are counted from here.
    """
    made: list[Recommendation] = []
    for trend in trends:
        weight, match = _STAGE_WEIGHTS.get(trend.state, 0.0), brand_match(trend, brand)
        if not weight or not match or trend.id is None:
            continue
        targets: list[tuple[Platform, str]] = []
        if _wanted(platform, brand):
            targets.append((platform, ""))
        if trend.state != "watch" and trend.since is not None and now - trend.since >= _LEAD:
            targets.extend(
                (other.platform, f"{other.seen} of {other.total} posts there have it: you would be early")
                for other in elsewhere.get(trend.id, ())
                if _is_gap(other, platform, brand)
            )
        made += [
            _recommendation(trend, user_id, target, gap, match, weight, timing.get(target), now)
            for target, gap in targets
        ]
    return sorted(made, key=lambda each: (-each.score, each.id))


def _recommendation(
    trend: Trend,
    user_id: str,
    platform: Platform,
    gap: str,
    match: float,
    weight: float,
    timing: Timing | None,
    now: datetime,
) -> Recommendation:
    assert trend.id is not None  # the caller saw to it
    hours, basis = float(_LASTS[trend.state]), "a convention for its stage"
    if trend.half_life_hours is not None:
        hours, basis = min(hours, trend.half_life_hours), "the time in which its share halves"
    brand = {_THEIRS: "it is about what you stand for", _NOT_THEIRS: "it is not what you usually post about"}
    return Recommendation(
        id=recommendation_id(user_id, trend.id, platform),
        trend_id=trend.id,
        action=_action(trend, platform),
        platform=platform,
        post_by=now + timedelta(hours=hours),
        post_by_basis=basis,
        why=tuple(filter(None, (*trend.reasons, gap, brand.get(match, ""), *trend.caveats))),
        evidence=trend.examples,
        confidence=confidence(trend),
        score=trend.burst_weight * weight * match,
        best_hours=timing.hours if timing else None,
        timing=timing.basis if timing else "your account on this platform is not known",
    )


def recommendation_id(user_id: str, trend_id: str, platform: str) -> str:
    """Name what a user is told about a trend on a platform, for ever."""
    return "rec-" + hashlib.sha256(f"{user_id}\0{trend_id}\0{platform}".encode()).hexdigest()[:24]


def confidence(trend: Trend) -> Literal["high", "medium", "low"]:
    """Say how sure the trend is: by its significance, its breadth and its stage."""
    if trend.state == "watch" or trend.q_value is None:
        return "low"
    broad = trend.authors >= 10 and trend.total_posts >= LEAST_LOOKED_AT
    early = trend.state in ("emerging", "rising")
    return "high" if trend.q_value < 0.01 and broad and early else "medium"


def brand_match(trend: Trend, brand: BrandProfile) -> float:
    """Return how much a trend is the user's: 0 for what they avoid; neutral if they have not said."""
    said = _words_of([trend.identifier, *trend.also])
    if said & _words_of(brand.avoid):
        return 0.0
    if not brand.topics:
        return _NEUTRAL
    return _THEIRS if said & _words_of(brand.topics) else _NOT_THEIRS


def own_timing(posts: Sequence[tuple[datetime, int]], time_zone: str) -> Timing:
    """Tell at which hours of the user's day their posts got more views than usual.

    The median of each hour is drawn towards no effect by how few posts it has.

    Args:
        posts: when each of their posts was made, and its views.
        time_zone: the user's; an unknown one counts as UTC.
    """
    if len(posts) < LEAST_OWN_POSTS:
        return Timing(None, f"too few of your own posts to tell when ({len(posts)} of {LEAST_OWN_POSTS})")
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    logs = [(moment.astimezone(zone).hour, math.log1p(views)) for moment, views in posts]
    usual = median(log for _, log in logs)
    of_hour: dict[int, list[float]] = defaultdict(list)
    for hour, log in logs:
        of_hour[hour].append(log - usual)
    effects = {hour: median(v) * len(v) / (len(v) + _HALF_BELIEVED) for hour, v in of_hour.items()}
    best = sorted((hour for hour in effects if effects[hour] > 0), key=lambda hour: (-effects[hour], hour))
    return Timing(tuple(sorted(best[:_BEST_HOURS])), f"from {len(posts)} of your own posts, {zone.key} time")


def _action(trend: Trend, platform: Platform) -> str:
    what = {
        "tag": f"Make a post for #{trend.identifier}",
        "sound": f"Use the sound {trend.identifier}",
        "phrase": f"Make a post about “{trend.identifier}”",
        "word": f"Make a post about “{trend.identifier}”",
    }[trend.kind]
    how = {
        "emerging": "soon: it is young",
        "rising": "now: it still rises",
        "peaking": "only with an angle of your own: it is at its height",
        "watch": "as a draft: it may be nothing yet",
    }[trend.state]
    return f"{what} on {platform}, {how}"


def _is_gap(other: Elsewhere, platform: Platform, brand: BrandProfile) -> bool:
    return other.platform != platform and other.absent and other.platform in brand.platforms


def _wanted(platform: Platform, brand: BrandProfile) -> bool:
    return not brand.platforms or platform in brand.platforms


def _words_of(texts: Sequence[str]) -> set[str]:
    found = {word for text in texts for word in words(fold(text)) if word}
    return found | {fold(text) for text in texts}
