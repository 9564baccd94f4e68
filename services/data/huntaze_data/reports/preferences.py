"""Which reports a user wants, and when."""

from typing import Annotated

from huntaze_contracts.data import ReportFormat
from msgspec import Meta, Struct

from huntaze_data.reports.periods import Anchors


class Preferences(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A user's choices; the defaults hold for everybody who made none."""

    weekly: bool = True
    monthly: bool = True
    weekday: Annotated[int, Meta(ge=1, le=7)] = 1
    """On which weeks begin, ISO: 1 is Monday."""
    month_day: Annotated[int, Meta(ge=1, le=31)] = 1
    """On which months begin; in a shorter month, its last day."""
    hour: Annotated[int, Meta(ge=0, le=23)] = 6
    """Of the user's day after the period: not before it is a report made."""
    formats: Annotated[tuple[ReportFormat, ...], Meta(min_length=1, max_length=5)] = (
        "html",
        "pdf",
        "csv",
        "json",
    )

    @property
    def anchors(self) -> Anchors:
        """Where this user's weeks and months begin."""
        return Anchors(self.weekday, self.month_day)


DEFAULTS = Preferences()
