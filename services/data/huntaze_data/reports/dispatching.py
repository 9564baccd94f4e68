"""Ask for the reports that are due: one job per user and period, whatever is repeated."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from huntaze_common.postgres import Pool
from huntaze_common.run import Run
from huntaze_contracts.data import DataProcessed, DispatchReports, GenerateReport

from huntaze_data.reports import store
from huntaze_data.reports.making import name_of, zone_of
from huntaze_data.reports.periods import newest

LOOKS = 3
"""A report is asked for when it is due, and on so many days after it again, for data that come late."""
PAGE = 250
"""Users that are read at once."""
MOST = 200
"""Reports after which a job leaves the next users to a follow-up."""
_DRAFT = DataProcessed(action="dispatch-reports")


async def dispatch(job: DispatchReports, run: Run, pool: Pool) -> DataProcessed:
    """Ask for the due reports of users until they are many, and leave the rest to a follow-up.

    An outage of up to three days delays reports and loses none.
    """
    slot = job.slot or run.scheduled_for or run.now()
    found = await _find_due(pool, slot, job.after)
    async with run.commit(_DRAFT) as transaction:
        fresh = await store.ask(transaction.connection, found.due)
        if found.last is not None:
            # First, so that the next page does not wait for this one's reports.
            follow_up = DispatchReports(slot=slot, after=found.last)
            await transaction.send("data-processing", follow_up, job_id=_next_id(run.job_id))
        for asked in (each for each in found.due if each.report_id in fresh):
            await transaction.send(
                "data-processing",
                GenerateReport(kind=asked.period.kind, first=asked.period.first),
                job_id=f"{asked.report_id}-look{asked.look}",
                user_id=asked.user_id,
            )
        transaction.result = result = DataProcessed(
            action="dispatch-reports", users=found.users, reports=len(fresh), complete=found.last is None
        )
    return result


@dataclass(frozen=True, slots=True)
class Found:
    """What is due among some users."""

    due: list[store.Asked]
    users: int
    last: str | None
    """The last user looked at; None after the last one there is."""


async def _find_due(pool: Pool, slot: datetime, after: str | None) -> Found:
    due: list[store.Asked] = []
    seen = 0
    while True:
        users = await store.recipients(pool, after, PAGE)
        due += await store.not_asked(pool, [asked for user in users for asked in due_at(slot, user)])
        seen += len(users)
        if len(users) < PAGE:
            return Found(due, seen, None)
        after = users[-1].user_id
        if len(due) >= MOST:
            return Found(due, seen, after)


def due_at(slot: datetime, user: store.Recipient) -> list[store.Asked]:
    """Return the reports that a user is to have at ``slot`` (aware), each with how many days it is due."""
    chosen, zone = user.preferences, zone_of(user.time_zone)
    local = slot.astimezone(zone)
    today = local.date() if local.hour >= chosen.hour else local.date() - timedelta(days=1)
    due: list[store.Asked] = []
    wanted: list[Literal["weekly", "monthly"]] = []
    if chosen.weekly:
        wanted.append("weekly")
    if chosen.monthly:
        wanted.append("monthly")
    for kind in wanted:
        period = newest(kind, slot, zone, chosen.anchors, hour=chosen.hour)
        look = (today - period.last).days - 1
        if look <= LOOKS and user.created_at < period.end(zone):
            due.append(store.Asked(name_of(user.user_id, period), user.user_id, period, look))
    return due


def _next_id(job_id: str) -> str:
    """Name the follow-up: `reports.20261123T0600Z-page2`, then `-page3`."""
    stem, separator, number = job_id.rpartition("-page")
    return f"{stem}-page{int(number) + 1}" if separator and number.isdigit() else f"{job_id}-page2"
