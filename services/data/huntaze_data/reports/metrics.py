"""The metrics of a report, each from the rows that it is made of."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from huntaze_data.reports.accounts import Accounts
from huntaze_data.reports.figures import Metric, Part, complete, mean, partial, percent_change
from huntaze_data.reports.window import DAY, Window

Series = list[float | None]
"""A value per day of the window; None where it is unknown."""
KINDS = ("subscription", "tip", "message")
"""Of payments."""


def events(rows: Sequence[Any], name: str, window: Window, joined: date) -> Series:
    """Make a series of counts; without any event in all days nothing is known, not even zeros."""
    counts = {row["day"]: row[name] for row in rows}
    if not any(row["received"] or row["sent"] for row in rows):
        return [None] * len(window.days)
    return [None if day < joined else float(counts.get(day, 0)) for day in window.days]


def flow(
    key: str,
    label: str,
    unit: str,
    values: Series,
    window: Window,
    *,
    whole: bool = False,
    parts: tuple[Part, ...] = (),
    missing: str = "",
) -> Metric:
    """Make a metric of what each day brought; ``whole``: nothing can have been on unknown days.

    Days before a user joined brought nothing; days without a snapshot brought nobody knows what.
    """
    now, before = window.of_period(values), window.of_before(values)
    total = partial if whole else complete
    value = total(now)
    return Metric(
        key=key,
        label=label,
        nature="flow",
        unit=unit,
        value=value if value is None else round(value, 2),
        before=None if (sum_before := total(before)) is None else round(sum_before, 2),
        # Months differ in length, and days can be missing: means compare, sums do not.
        change=percent_change(mean(now), mean(before)),
        daily=now,
        daily_before=before,
        parts=parts,
        missing=(missing or "Not enough days are known") if value is None else "",
    )


def revenues(rows: Sequence[Any], window: Window, joined: date) -> tuple[Metric, tuple[Metric, ...]]:
    """Return the revenue in the currency of most payments, and in the others."""
    payments: Counter[str] = Counter()
    for row in rows:
        payments[row["currency"]] += row["payments"]
    ordered = sorted(payments, key=lambda currency: (-payments[currency], currency))
    metrics = [_revenue(rows, currency, window, joined) for currency in ordered]
    if not metrics:
        unknown: Series = [None] * len(window.days)
        return flow("revenue", "Revenue", "count", unknown, window, missing="No payments"), ()
    return metrics[0], tuple(each for each in metrics[1:] if each.value or each.before)


def _revenue(rows: Sequence[Any], currency: str, window: Window, joined: date) -> Metric:
    of_kind = {kind: amounts(rows, currency, kind, window, joined) for kind in KINDS}
    everything = amounts(rows, currency, None, window, joined)
    parts = tuple(
        Part(kind, round(now, 2), before if before is None else round(before, 2))
        for kind, values in of_kind.items()
        if (now := partial(window.of_period(values))) is not None
        for before in [partial(window.of_before(values))]
        if now or before
    )
    return flow("revenue", "Revenue", currency, everything, window, whole=True, parts=parts)


def amounts(rows: Sequence[Any], currency: str, kind: str | None, window: Window, joined: date) -> Series:
    """Add up the payments of a currency, of one kind or of all, for each day."""
    sums: defaultdict[date, float] = defaultdict(float)
    for row in rows:
        if row["currency"] == currency and kind in (None, row["kind"]):
            sums[row["day"]] += row["amount"]
    return [None if day < joined and day not in sums else sums.get(day, 0.0) for day in window.days]


def followers(social: Accounts, window: Window) -> Metric:
    """Take the last value of the period and the last one before it, account by account."""
    series = social.followers()
    now = window.of_period(series)
    before_first = window.period.first - DAY
    parts = tuple(
        Part(account.platform, value, account.followers_on(before_first))
        for account in social.accounts
        if (value := account.followers_on(window.period.last)) is not None
    )
    comparable = [part for part in parts if part.before is not None]
    value = sum(part.value for part in parts) if parts else None
    before = sum(part.before or 0.0 for part in comparable) if comparable else None
    return Metric(
        key="followers",
        label="Followers",
        nature="stock",
        unit="count",
        value=value,
        before=before,
        # Of an account that was connected in the period, nothing is known of before: it is no growth.
        change=percent_change(sum(part.value for part in comparable), before),
        daily=now,
        daily_before=window.of_before(series),
        parts=parts,
        missing="" if parts else social.missing,
    )


def _share(
    key: str, label: str, counts: Sequence[tuple[float, float] | None], window: Window, missing: str
) -> Metric:
    """Make a metric of parts per whole, day by day; the period's is that of its sums."""
    daily = [None if each is None or not each[1] else 100.0 * each[0] / each[1] for each in counts]
    size, size_before = len(window.period), len(window.before)

    def share(pairs: Sequence[tuple[float, float] | None]) -> float | None:
        whole = sum(pair[1] for pair in pairs if pair is not None)
        return 100.0 * sum(pair[0] for pair in pairs if pair is not None) / whole if whole else None

    value, before = share(counts[-size:]), share(counts[-size - size_before : -size])
    return Metric(
        key=key,
        label=label,
        nature="share",
        unit="percent",
        value=value,
        before=before,
        change=None if value is None or before is None else value - before,
        daily=window.of_period(daily),
        daily_before=window.of_before(daily),
        missing=missing if value is None else "",
    )


def replies(turns: Sequence[Any], window: Window) -> Metric:
    """Compute the share of fans' turns that were answered within a day."""
    counts: list[tuple[float, float] | None] = [None] * len(window.days)
    for row in turns:
        counts[row["number"]] = (float(row["answered"]), float(row["turns"]))
    return _share("replies", "Answered within a day", counts, window, "Nobody wrote")


def engagement_rate(social: Accounts, window: Window) -> Metric:
    """Compute engagement per person reached."""
    engaged, reached = social.totals("engagement"), social.totals("reach")
    counts = [
        None if part is None or whole is None else (part, whole)
        for part, whole in zip(engaged, reached, strict=True)
    ]
    missing = social.missing or "Nobody was reached"
    return _share("engagement_rate", "Engagement rate", counts, window, missing)
