"""Numbers and dates as words: one place for how they look in every format."""

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from huntaze_data.reports.figures import Metric, Span

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "BRL": "R$"}
_WITHOUT_CENTS = {"JPY", "KRW", "VND", "CLP", "ISK"}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PARTS = {
    "tiktok": "TikTok",
    "instagram": "Instagram",
    "youtube": "YouTube",
    "twitter": "X (Twitter)",
    "subscription": "subscriptions",
    "tip": "tips",
    "message": "paid messages",
}
_STEADY = 2.0
"""Per cent: what changes less is said to hold."""
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def amount(value: float, unit: str) -> str:
    """Write a value in full: 12,345, 4.2 %, €1,234.50."""
    sign = MINUS if value < 0 else ""
    value = abs(value)
    if unit == "count":
        return f"{sign}{value:,.0f}"
    if unit == "percent":
        return f"{sign}{value:.1f}{NARROW_SPACE}%"
    text = f"{value:,.0f}" if unit in _WITHOUT_CENTS or value >= 100_000 else f"{value:,.2f}"
    return f"{sign}{_SYMBOLS[unit]}{text}" if unit in _SYMBOLS else f"{sign}{unit} {text}"


def rate(value: float, unit: str) -> str:
    """Write a mean in few digits: 0.4, 12, €3.40."""
    if unit == "count" and abs(value) < 10:
        return f"{MINUS if value < 0 else ''}{abs(value):.1f}".removesuffix(".0")
    return amount(value, unit)


def part(name: str) -> str:
    """Write the name of a platform or a kind of payment."""
    return _PARTS.get(name, name)


def listed(names: Sequence[str]) -> str:
    """Write names as a list: a, b and c."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def short(value: float, unit: str) -> str:
    """Write a value for an axis: 12k, 4 %, €1.2M."""
    if unit == "percent":
        return f"{value:g}{NARROW_SPACE}%"
    symbol = "" if unit == "count" else _SYMBOLS.get(unit, f"{unit} ")
    for limit, suffix in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scale = 1e3 if suffix == "k" else limit
            return f"{symbol}{value / scale:.6g}{suffix}"
    return f"{symbol}{value:,.6g}"


def change_of(metric: Metric) -> str:
    """Write a metric's change with its sign: +12.3 %, −0.4 points; empty where it is undefined."""
    if metric.change is None:
        return ""
    size = abs(metric.change)
    sign = "±" if round(size, 1) == 0 else "+" if metric.change > 0 else MINUS
    if metric.nature == "share":
        return f"{sign}{size:.1f} points"
    return f"{sign}{size:,.0f}{NARROW_SPACE}%" if size >= 100 else f"{sign}{size:.1f}{NARROW_SPACE}%"


def span(days: Span) -> str:
    """Write a period: 16–22 November 2026."""
    first, last = days.first, days.last
    if first == last:
        return day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{day(last)}"
    if first.year == last.year:
        return f"{first.day} {_MONTHS[first.month - 1]} – {day(last)}"
    return f"{day(first)} – {day(last)}"


def short_span(days: Span) -> str:
    """Write a period for a legend: 16–22 Nov."""
    first, last = days.first, days.last
    if (first.year, first.month) == (last.year, last.month) and first != last:
        return f"{first.day}–{short_day(last)}"
    return short_day(first) if first == last else f"{short_day(first)} – {short_day(last)}"


def day(value: date) -> str:
    """Write a day: 22 November 2026."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def short_day(value: date) -> str:
    """Write a day of a known year: 22 Nov."""
    return f"{value.day} {_MONTHS[value.month - 1][:3]}"


def moment(value: datetime) -> str:
    """Write a local time: Sunday 22 November 2026, 18:05."""
    return f"{WEEKDAYS[value.weekday()]} {day(value.date())}, {value:%H:%M}"


def clean(text: str, most: int) -> str:
    """Cut what a user wrote to a length, without what has no shape or turns the text around it."""
    kept = "".join(" " if letter.isspace() else letter for letter in text[: 4 * most] if _is_shown(letter))
    return kept if len(kept) <= most else kept[: most - 1].rstrip() + "…"


def _is_shown(letter: str) -> bool:
    # Joiners make families of emoji and the shapes of Persian and Indic letters.
    if letter.isspace() or letter in "\u200c\u200d":
        return True
    return unicodedata.category(letter) not in ("Cc", "Cf", "Cs")


def direction(text: str) -> Literal["ltr", "rtl"]:
    """Return the direction of a text's first letter that has one."""
    kinds = (unicodedata.bidirectional(letter) for letter in text)
    first = next((kind for kind in kinds if kind in ("L", "R", "AL")), "L")
    return "ltr" if first == "L" else "rtl"


def headline(followers: Metric, revenue: Metric, received: Metric, kind: str) -> str:
    """Say in one sentence what happened, the money first."""
    parts = [part for part in (_earned(revenue), _gained(followers)) if part]
    if not parts and received.value is not None:
        count = amount(received.value, "count")
        parts = [f"your fans sent {count} message{'' if received.value == 1 else 's'}"]
    if not parts:
        return f"There is not enough data for {_this(kind)} yet"
    sentence = " and ".join(parts)
    return sentence[0].upper() + sentence[1:]


def _this(kind: str) -> str:
    return {"weekly": "this week", "monthly": "this month"}.get(kind, "these days")


def _earned(revenue: Metric) -> str:
    if revenue.value is None:
        return ""
    money = amount(revenue.value, revenue.unit)
    if revenue.change is None:
        return f"you earned {money}"
    if abs(revenue.change) < _STEADY:
        return f"revenue held at {money}"
    verb = "rose" if revenue.change > 0 else "fell"
    return f"revenue {verb} {abs(revenue.change):,.0f}{NARROW_SPACE}% to {money}"


def _gained(followers: Metric) -> str:
    if followers.value is None:
        return ""
    known = [value for value in followers.daily if value is not None]
    if followers.before is None or not known:
        return f"you had {amount(followers.value, 'count')} follower{'' if followers.value == 1 else 's'}"
    gain = sum(part.value - part.before for part in followers.parts if part.before is not None)
    if gain == 0:
        return f"your followers held at {amount(followers.value, 'count')}"
    people = f"{amount(abs(gain), 'count')} follower{'' if abs(gain) == 1 else 's'}"
    return f"you {'gained' if gain > 0 else 'lost'} {people}"
