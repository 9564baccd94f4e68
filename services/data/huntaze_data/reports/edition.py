"""One version of one report, as it is published."""

from msgspec import Struct

from huntaze_data.reports.figures import Report


class Edition(Struct, frozen=True, rename="camel"):
    """A report with its name and version."""

    report: Report
    report_id: str
    version: int
    """From 1; grows when late data changed the report."""
