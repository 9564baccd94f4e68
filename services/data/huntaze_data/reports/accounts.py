"""A user's social accounts over a report's days: stocks carried forward, flows as they were measured."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Literal

from huntaze_data.reports import wording

_DAY = timedelta(days=1)
Flow = Literal["engagement", "reach"]


@dataclass(slots=True)
class Account:
    """One account's daily figures."""

    platform: str
    rows: dict[date, Any] = field(default_factory=dict)

    def followers_on(self, day: date) -> float | None:
        """Return the last known followers at the end of a day; None before the first snapshot."""
        return self._stock("followers", day)

    def posts_on(self, day: date) -> float | None:
        """Return how many posts had been published by the end of a day."""
        return self._stock("posts", day)

    def flow_on(self, name: Flow, day: date) -> float | None:
        """Return what was measured on a day itself."""
        return float(self.rows[day][name]) if day in self.rows else None

    @property
    def first_day(self) -> date:
        """The day of the first snapshot."""
        return min(self.rows)

    def _stock(self, name: str, day: date) -> float | None:
        if day in self.rows:
            return float(self.rows[day][name])
        known = [each for each in self.rows if each < day]
        return float(self.rows[max(known)][name]) if known else None


@dataclass(frozen=True, slots=True)
class Accounts:
    """All accounts of a user, over a report's days."""

    accounts: list[Account]
    days: list[date]

    @property
    def missing(self) -> str:
        """Why nothing is known, if so."""
        return "" if self.accounts else "No connected account"

    @property
    def last_day(self) -> date | None:
        """The newest snapshot's day."""
        return max((day for account in self.accounts for day in account.rows), default=None)

    def followers(self) -> list[float | None]:
        """Return the followers of all accounts at the end of each day."""
        return [_sum(account.followers_on(day) for account in self.accounts) for day in self.days]

    def gains(self) -> list[float | None]:
        """Return the followers that each day brought, of the accounts that were known the day before."""
        return [_sum(self._gain(account, day) for account in self.accounts) for day in self.days]

    def gains_by_platform(self) -> dict[str, list[float | None]]:
        """Return the same for each platform."""
        return {
            platform: [_sum(self._gain(account, day) for account in members) for day in self.days]
            for platform, members in self._platforms().items()
        }

    def totals(self, name: Flow) -> list[float | None]:
        """Return a flow of all accounts on each day; None where an account's snapshot is missing."""
        return [self._flow(self.accounts, name, day) for day in self.days]

    def by_platform(self, name: Flow) -> dict[str, list[float | None]]:
        """Return the same for each platform."""
        return {
            platform: [self._flow(members, name, day) for day in self.days]
            for platform, members in self._platforms().items()
        }

    def published(self) -> list[float | None]:
        """Return how many posts each day added: differences of a stock."""
        stocks = [
            [account.posts_on(day) for day in [self.days[0] - _DAY, *self.days]] for account in self.accounts
        ]
        gains = [
            [None if a is None or b is None else max(0.0, b - a) for a, b in pairwise(stock)]
            for stock in stocks
        ]
        return [_sum(day) for day in zip(*gains, strict=True)] if gains else [None] * len(self.days)

    def notes(self, last_before: date, last: date) -> tuple[str, ...]:
        """Say which accounts were connected too late to be compared."""
        return tuple(
            f"{wording.part(account.platform)} is known since {wording.short_day(account.first_day)} only:"
            " its followers count in the total and not as growth."
            for account in self.accounts
            if last_before < account.first_day <= last
        )

    def _platforms(self) -> dict[str, list[Account]]:
        members: defaultdict[str, list[Account]] = defaultdict(list)
        for account in self.accounts:
            members[account.platform].append(account)
        return members

    def _flow(self, members: Sequence[Account], name: Flow, day: date) -> float | None:
        known = [account for account in members if account.first_day <= day]
        values = [account.flow_on(name, day) for account in known]
        return sum(value for value in values if value is not None) if values and None not in values else None

    @staticmethod
    def _gain(account: Account, day: date) -> float | None:
        if day not in account.rows or day - _DAY not in account.rows:
            return None
        return float(account.rows[day]["followers"] - account.rows[day - _DAY]["followers"])


def read(rows: Sequence[Any], days: list[date]) -> Accounts:
    """Take the snapshots of a user's accounts."""
    found: dict[str, Account] = {}
    for row in rows:
        found.setdefault(row["account_id"], Account(row["platform"])).rows[row["day"]] = row
    return Accounts(list(found.values()), days)


def _sum(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
