"""aggregate-analytics: make the daily tables agree with the application, one transaction a day."""

import time
from collections.abc import Sequence
from datetime import date, datetime

from huntaze_common.postgres import Pool
from huntaze_common.run import Run
from huntaze_contracts.data import AggregateAnalytics, DataProcessed

from huntaze_data import store
from huntaze_data.continuing import follow_up_id, time_of
from huntaze_data.days import days_to_count, ended_days, has_ended_everywhere
from huntaze_data.errors import DaySealed
from huntaze_data.store import Counted


async def aggregate(
    job: AggregateAnalytics, run: Run, pool: Pool, *, late_days: int, seconds: float
) -> DataProcessed:
    """Count the days that the job names, the newest first, for about ``seconds``; a follow-up does the rest.

    Each day commits by itself. Counting a day again writes only what has changed since, so that a crash, a
    second delivery and a second run at the same time all leave the same rows.

    Raises:
        DayInFuture: the range is not one of days that have ended.
        DaySealed: clean-up deleted messages of one of the days, and the job does not force it.
    """
    now = time_of(run)
    days = days_to_count(now, first=job.date, last=job.until, late_days=late_days)
    if not job.force:
        _refuse(await store.sealed_days(pool, days))
    zones = await store.time_zones(pool)
    counted: list[Counted] = []
    give_up = time.monotonic() + seconds
    for number, day in enumerate(days, start=1):
        counted.append(await count_day(pool, day, zones, now=now, force=job.force))
        await run.progress("counting", 100 * number / len(days))
        if time.monotonic() > give_up:
            break
    done, rest = days[: len(counted)], days[len(counted) :]
    result = DataProcessed(
        action="aggregate-analytics",
        days=tuple(sorted(done)),
        users=max((each.users for each in counted), default=0),
        rows_read=sum(each.messages for each in counted),
        rows_written=sum(each.rows_written for each in counted),
        complete=not rest,
    )
    async with run.commit(result) as transaction:
        if rest:
            follow_up = AggregateAnalytics(date=min(rest), until=max(rest), force=job.force)
            await transaction.send("data-processing", follow_up, job_id=follow_up_id(run.job_id))
    return result


async def count_day(
    pool: Pool, day: date, zones: Sequence[str], *, now: datetime, force: bool = False
) -> Counted:
    """Make the daily tables agree with the application for a day, in those ``zones`` where it is over.

    A user who got another zone since they were read is left to the next run.

    Raises:
        DaySealed: clean-up deleted messages of the day, and it is not forced.
    """
    ended = ended_days(day, zones, now)
    async with pool.acquire() as connection, connection.transaction():
        if await store.lock_day(connection, day) and not force:
            _refuse([day])
        return await store.count_day(connection, day, ended, complete=has_ended_everywhere(day, now))


def _refuse(sealed: Sequence[date]) -> None:
    if sealed:
        more = f" and {len(sealed) - 3} more days" if len(sealed) > 3 else ""
        raise DaySealed(
            f"messages of {', '.join(map(str, sealed[:3]))}{more} are deleted: counting"
            " them again would forget those; send it with force if that is right"
        )
