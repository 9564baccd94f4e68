"""A report as one table: CSV for people and spreadsheets, Parquet for programs."""

import csv
import io
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import date, timedelta

from arro3.core import Array, DataType, Table
from arro3.io import write_parquet as write_arrow

from huntaze_data.reports.figures import Metric, Report

_HEADER = ("section", "key", "label", "date", "value", "previous", "change", "unit")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class Row:
    """One value. ``previous`` is the preceding period's; an unknown one is None."""

    section: str
    """metric: the period's; part: of a metric; day: of a metric; post: engagement of one."""
    key: str
    label: str
    date: date | None
    value: float | None
    previous: float | None
    change: float | None
    """Per cent; of shares, points."""
    unit: str


def rows(report: Report) -> Iterator[Row]:
    """Yield all values of a report."""
    metrics = (*report.metrics, *report.other_revenue)
    for metric in metrics:
        yield Row(
            "metric", metric.key, metric.label, None, metric.value, metric.before, metric.change, metric.unit
        )
        for part in metric.parts:
            yield Row("part", metric.key, part.name, None, part.value, part.before, None, metric.unit)
    for metric in metrics:
        yield from _days(report, metric)
    for post in report.posts:
        day = post.published_at.date()
        yield Row("post", post.platform, post.title, day, float(post.engagement), None, None, "count")


def _days(report: Report, metric: Metric) -> Iterator[Row]:
    for number, value in enumerate(metric.daily):
        day = report.period.first + timedelta(days=number)
        previous = metric.daily_before[number] if number < len(metric.daily_before) else None
        yield Row("day", metric.key, metric.label, day, value, previous, None, metric.unit)


def write_csv(report: Report) -> bytes:
    """Write RFC 4180 CSV in UTF-8, with the mark by which spreadsheets know it.

    A text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_HEADER)
    for row in rows(report):
        writer.writerow([_cell(value) for value in astuple(row)])
    return text.getvalue().encode("utf-8-sig")


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:.2f}".removesuffix(".00")
        case str():
            # Leading blanks do not stop a spreadsheet from seeing the formula behind them.
            return f"'{value}" if value.lstrip(" \xa0\ufeff").startswith(_FORMULA_STARTS) else value
        case _:
            return str(value)


def write_parquet(report: Report) -> bytes:
    """Write the same table with types: strings, a date, doubles."""
    everything = list(rows(report))
    text, number = DataType.utf8(), DataType.float64()
    kinds = dict.fromkeys(_HEADER, text) | dict.fromkeys(("value", "previous", "change"), number)
    columns = {
        name: Array([getattr(row, name) for row in everything], kinds[name])
        for name in _HEADER
        if name != "date"
    }
    dates = [None if row.date is None else (row.date - date(1970, 1, 1)).days for row in everything]
    columns["date"] = Array(dates, DataType.int32()).cast(DataType.date32())
    file = io.BytesIO()
    write_arrow(Table.from_pydict({name: columns[name] for name in _HEADER}), file, compression="zstd(1)")
    return file.getvalue()
