"""A report in its formats."""

import asyncio
from collections.abc import Sequence

import msgspec
from huntaze_contracts.data import ReportFormat

from huntaze_data.reports import document, page, tables
from huntaze_data.reports.edition import Edition

GENERATOR = 1
"""Raise it when a report of the same data should look different: the reports are made anew when asked for."""
CONTENT_TYPES: dict[ReportFormat, str] = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8; header=present",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}


async def render(edition: Edition, formats: Sequence[ReportFormat]) -> dict[ReportFormat, bytes]:
    """Write a report in each of some formats; the same edition gives the same bytes.

    Raises:
        RetryLater: the PDF took too long.
    """
    return {kind: await _render(edition, kind) for kind in sorted(set(formats))}


async def _render(edition: Edition, kind: ReportFormat) -> bytes:
    match kind:
        case "html":
            return await asyncio.to_thread(page.write, edition)
        case "pdf":
            return await document.write(edition)
        case "csv":
            return tables.write_csv(edition.report)
        case "json":
            return msgspec.json.format(msgspec.json.encode(edition), indent=1)
        case "parquet":
            return await asyncio.to_thread(tables.write_parquet, edition.report)
