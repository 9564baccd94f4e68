"""Ask for the reports that are due: one job per user and period, whatever is repeated."""

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
PAGE = 200
"""Users that one job looks at; a follow-up job does the next ones."""
_DRAFT = DataProcessed(action="dispatch-reports")


async def dispatch(job: DispatchReports, run: Run, pool: Pool) -> DataProcessed:
    """Ask for the due reports of a page of users, and leave the rest to a follow-up.

    An outage of up to three days delays reports and loses none.
    """
    slot = job.slot or run.scheduled_for or run.now()
    users = await store.recipients(pool, job.after, PAGE)
    due = [asked for user in users for asked in due_at(slot, user)]
    complete = len(users) < PAGE
    async with run.commit(_DRAFT) as transaction:
        fresh = await store.ask(transaction.connection, due)
        if not complete:
            # First, so that the next page does not wait for this one's reports.
            follow_up = DispatchReports(slot=slot, after=users[-1].user_id)
            await transaction.send("data-processing", follow_up, job_id=_next_id(run.job_id))
        for asked in (each for each in due if each.report_id in fresh):
            await transaction.send(
                "data-processing",
                GenerateReport(kind=asked.period.kind, first=asked.period.first),
                job_id=f"{asked.report_id}-look{asked.look}",
                user_id=asked.user_id,
            )
        transaction.result = result = DataProcessed(
            action="dispatch-reports", users=len(users), reports=len(fresh), complete=complete
        )
    return result


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
