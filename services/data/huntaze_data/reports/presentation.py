"""A report as words and pictures, laid out by the page (HTML) and the document (PDF) alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from huntaze_data.reports import charts, footnotes, wording
from huntaze_data.reports.edition import Edition
from huntaze_data.reports.figures import LEAST_MESSAGES, Hours, Metric, Report

Direction = Literal["up", "down", "flat", "unknown"]
_QUIET = "Nothing beyond the usual ups and downs."
_UNUSUAL, _LASTING = "Unusual against the 28 days before", "A lasting change against the preceding period"
WIDE, NARROW = 700, 330
"""Widths of charts: on a desk or on paper, and on a phone."""
_TITLES = {"weekly": "Weekly report", "monthly": "Monthly report", "custom": "Report"}
_TILES = ("followers", "revenue", "received", "replies", "reach", "engagement_rate")
_ARROWS: dict[Direction, str] = {"up": "▲", "down": "▼", "flat": "", "unknown": ""}
_FLAT_PERCENT, _FLAT_POINTS = 0.5, 0.5
"""Smaller changes get no colour and no arrow."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A key figure."""

    label: str
    value: str
    missing: str
    change: str
    direction: Direction
    arrow: str
    against: str
    spark: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture with what it shows in words."""

    title: str
    alt: str
    wide: str
    narrow: str
    now: str = ""
    before: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a small table."""

    name: str
    value: str
    change: str = ""
    share: str = ""
    meter: str = ""


@dataclass(frozen=True, slots=True)
class PostLine:
    """A row of the table of posts."""

    rank: int
    title: str
    direction: Literal["ltr", "rtl"]
    platform: str
    day: str
    views: str
    engagement: str
    rate: str


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A change in words."""

    arrow: str
    direction: Direction
    text: str
    reason: str
    certainty: str


@dataclass(frozen=True, slots=True)
class View:
    """Everything that is to be seen."""

    title: str
    period: str
    compared: str
    name: str
    name_direction: Literal["ltr", "rtl"]
    headline: str
    empty: bool
    missing: list[str]
    tiles: list[Tile]
    charts: list[Chart]
    sources: list[Line]
    hours: Chart | None
    quiet: str
    """What to say where no change was found."""
    posts: list[PostLine]
    changes: list[ChangeLine]
    days: list[list[str]]
    """The daily figures as a table, its head first."""
    notes: list[str]
    definitions: list[tuple[str, str]]
    facts: list[tuple[str, str]] = field(default_factory=list)


def present(edition: Edition) -> View:
    """Put a report into words and pictures."""
    report = edition.report
    tiles = [_tile(report, report.metric(key)) for key in _TILES]
    return View(
        title=_TITLES[report.kind],
        period=wording.span(report.period),
        compared=wording.span(report.compared_with),
        name=report.name,
        name_direction=wording.direction(report.name),
        headline=report.headline,
        empty=report.empty,
        missing=_missing(report),
        tiles=tiles,
        charts=[chart for key in ("followers", "revenue") for chart in _chart(report, report.metric(key))],
        sources=_sources(report),
        hours=None if report.hours is None else _hours(report.hours, report.time_zone),
        quiet=_QUIET if report.judged else "Too few days are known to tell.",
        posts=[_post(report, number) for number in range(len(report.posts))],
        changes=[
            ChangeLine(
                _ARROWS[each.direction],
                each.direction,
                each.text,
                each.reason,
                _UNUSUAL if each.p is None else _LASTING,
            )
            for each in report.changes
        ],
        days=_days(report),
        notes=list(report.notes),
        definitions=footnotes.DEFINITIONS,
        facts=footnotes.facts(edition),
    )


def _missing(report: Report) -> list[str]:
    """Group what is unknown by its reason."""
    labels: dict[str, list[str]] = {}
    for metric in report.metrics:
        if metric.missing:
            labels.setdefault(metric.missing, []).append(metric.label.lower())
    return [f"{reason}: {wording.listed(names)}" for reason, names in labels.items()]


def _tile(report: Report, metric: Metric) -> Tile:
    direction: Direction = "unknown"
    if metric.change is not None:
        flat = _FLAT_POINTS if metric.nature == "share" else _FLAT_PERCENT
        direction = "flat" if abs(metric.change) < flat else "up" if metric.change > 0 else "down"
    against = f"vs {wording.short_span(report.compared_with)}"
    change = wording.change_of(metric)
    if metric.nature == "stock":
        before = report.period.first - timedelta(days=1)
        against = f"since {wording.short_day(before)}"
        gain = sum(part.value - part.before for part in metric.parts if part.before is not None)
        share = f" ({change})" if change and round(abs(metric.change or 0.0), 1) else ""
        gained = f"{'+' if gain > 0 else '±' if gain == 0 else ''}{wording.amount(gain, 'count')}"
        change = "" if metric.before is None else gained + share
    if not change and metric.value is not None:
        against = "nothing to compare with"
    return Tile(
        label=metric.label,
        value="" if metric.value is None else wording.amount(metric.value, metric.unit),
        missing=metric.missing,
        change=change,
        direction=direction,
        arrow=_ARROWS[direction],
        against=against if metric.value is not None else "",
        spark=charts.spark(metric.daily, metric.daily_before),
    )


def _chart(report: Report, metric: Metric) -> list[Chart]:
    """Draw a metric over the days, if at least one of them is known."""
    known = [value for value in metric.daily if value is not None]
    if metric.value is None or not known:
        return []
    draw = charts.lines if metric.nature == "stock" else charts.bars
    days = [report.period.first + timedelta(days=number) for number in range(len(metric.daily))]
    now, before = wording.short_span(report.period), wording.short_span(report.compared_with)
    low, high = (wording.amount(each, metric.unit) for each in (min(known), max(known)))
    last = wording.amount(known[-1], metric.unit)
    alt = f"{metric.label} per day, {now}: between {low} and {high}, {last} on the last day."
    if any(value is not None for value in metric.daily_before):
        alt += f" The preceding days, {before}, are drawn in grey."
    pictures = [
        draw(metric.daily, metric.daily_before, days, metric.unit, width=width, alt=alt)
        for width in (WIDE, NARROW)
    ]
    title = f"{metric.label} per day" if metric.nature == "flow" else metric.label
    return [Chart(title, alt, *pictures, now=now, before=before)]


def _sources(report: Report) -> list[Line]:
    """List what the revenue comes from, and what came in other currencies."""
    revenue = report.metric("revenue")
    whole = sum(part.value for part in revenue.parts)
    lines = [
        Line(
            name=wording.part(part.name).capitalize(),
            value=wording.amount(part.value, revenue.unit),
            change="" if part.before is None else f"before: {wording.amount(part.before, revenue.unit)}",
            share=f"{part.value / whole:.0%}" if whole else "",
            meter=charts.meter(part.value / whole if whole else 0.0),
        )
        for part in sorted(revenue.parts, key=lambda part: -part.value)
    ]
    others = [
        Line(f"In {each.unit}", wording.amount(each.value, each.unit))
        for each in report.other_revenue
        if each.value is not None
    ]
    return lines + others


def _hours(hours: Hours, zone: str) -> Chart:
    total = sum(map(sum, hours.counts))
    alt = f"Messages from fans per weekday and hour ({zone}): {total} messages."
    lead = "No time of the week stands out."
    if hours.best:
        lead = f"Most messages come on {hours.best}."
    elif total < LEAST_MESSAGES:
        lead = "Too few messages to name a best time."
    alt += f" {lead}"
    days = (hours.last - hours.first).days + 1
    remark = f"{days} days to {wording.short_day(hours.last)}, {total:,} messages; darker means more."
    pictures = [charts.heatmap(hours, width=width, alt=alt) for width in (WIDE, NARROW)]
    return Chart("When your fans write", alt, *pictures, now=lead, remark=remark)


def _post(report: Report, number: int) -> PostLine:
    post = report.posts[number]
    day = post.published_at.date()
    return PostLine(
        rank=number + 1,
        title=post.title,
        direction=wording.direction(post.title),
        platform=wording.part(post.platform),
        day=f"{wording.WEEKDAYS[day.weekday()][:3]} {wording.short_day(day)}",
        views=wording.amount(post.views, "count"),
        engagement=wording.amount(post.engagement, "count"),
        rate="–" if post.rate is None else wording.amount(post.rate, "percent"),
    )


def _days(report: Report) -> list[list[str]]:
    metrics = [report.metric(key) for key in _TILES]
    known = [metric for metric in metrics if metric.value is not None]
    if not known:
        return []
    rows = [["Day", *(metric.label for metric in known)]]
    for number in range((report.period.last - report.period.first).days + 1):
        day = report.period.first + timedelta(days=number)
        name = f"{wording.WEEKDAYS[day.weekday()][:3]} {wording.short_day(day)}"
        rows.append([name, *(_cell(metric.daily, number, metric.unit) for metric in known)])
    return rows


def _cell(values: Sequence[float | None], number: int, unit: str) -> str:
    value = values[number]
    return "unknown" if value is None else wording.amount(value, unit)
