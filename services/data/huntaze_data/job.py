"""The job: count days, compute statistics, clean up."""

from dataclasses import dataclass
from datetime import datetime

from huntaze_common.postgres import Pool
from huntaze_common.run import Run
from huntaze_common.storage import S3ObjectStore
from huntaze_common.tokens import TokenReader
from huntaze_contracts.data import (
    AggregateAnalytics,
    CalculateUserStats,
    CleanupOldData,
    DataProcessed,
    DataProcessing,
    DispatchReports,
    GenerateReport,
)

from huntaze_data import store
from huntaze_data.cleanup import Cleaned, clean_archived_messages
from huntaze_data.days import days_to_count, has_ended_everywhere
from huntaze_data.errors import UnknownPolicy
from huntaze_data.reports.dispatching import dispatch
from huntaze_data.reports.making import generate

STATS_WINDOW = 30
"""Days; compared with the same number of days before."""


@dataclass(frozen=True, slots=True)
class DataDeps:
    """Everything the job touches outside its own arguments."""

    pool: Pool
    late_days: int
    cleanup_seconds: float
    objects: S3ObjectStore
    tokens: TokenReader


async def process_data(job: DataProcessing, run: Run, deps: DataDeps) -> DataProcessed:
    """Do one of the data service's actions.

    Running any of them again on the same data changes no row. Time is the schedule's own slot where there is
    one, so that a late delivery does the work of its own day.

    Raises:
        DayInFuture, UnknownPolicy, TooMuchToDelete, PeriodInvalid, UserUnknown: see `huntaze_data.errors`.
    """
    match job:
        case AggregateAnalytics():
            return await _aggregate(job, run, deps)
        case CalculateUserStats():
            return await _calculate(run)
        case CleanupOldData():
            return await _clean(job, run, deps)
        case GenerateReport():
            return await generate(job, run, deps.pool, deps.objects)
        case DispatchReports():
            return await dispatch(job, run, deps.pool)


async def _aggregate(job: AggregateAnalytics, run: Run, deps: DataDeps) -> DataProcessed:
    now = _time_of(run)
    days = days_to_count(now, first=job.date, last=job.until, late_days=deps.late_days)
    complete = [day for day in days if has_ended_everywhere(day, now)]
    # The result is known only after the statements, so they run in the transaction that holds the result.
    draft = DataProcessed(action="aggregate-analytics", days=tuple(days))
    async with run.commit(draft) as transaction:
        counted = await store.count_days(transaction.connection, days, as_of=now, complete=complete)
        transaction.result = result = DataProcessed(
            action="aggregate-analytics",
            days=tuple(days),
            users=counted.users,
            rows_read=counted.messages,
            rows_written=counted.rows_written,
        )
    return result


async def _calculate(run: Run) -> DataProcessed:
    draft = DataProcessed(action="calculate-user-stats")
    async with run.commit(draft) as transaction:
        counted = await store.save_user_stats(
            transaction.connection, until=_time_of(run), window_days=STATS_WINDOW
        )
        transaction.result = result = DataProcessed(
            action="calculate-user-stats",
            users=counted.users,
            rows_read=counted.messages,
            rows_written=counted.rows_written,
        )
    return result


async def _clean(job: CleanupOldData, run: Run, deps: DataDeps) -> DataProcessed:
    now = _time_of(run)
    policies = await store.policies(deps.pool, job.policy)
    if job.policy is not None and not policies:
        raise UnknownPolicy(f"there is no retention policy '{job.policy}'")
    cleaned: list[Cleaned] = [
        await clean_archived_messages(
            deps.pool, policy, now=now, seconds=deps.cleanup_seconds, dry_run=job.dry_run, force=job.force
        )
        for policy in policies
    ]
    complete = all(each.complete for each in cleaned)
    result = DataProcessed(
        action="cleanup-old-data",
        rows_read=sum(each.matched for each in cleaned),
        rows_deleted=sum(each.deleted for each in cleaned),
        complete=complete,
    )
    async with run.commit(result) as transaction:
        for each in cleaned:
            await store.save_cleanup(
                transaction.connection,
                job_id=run.job_id,
                policy=each.policy,
                cutoff=each.cutoff,
                dry_run=job.dry_run,
                matched=each.matched,
                deleted=each.deleted,
                held_back=each.held_back,
            )
        if not complete:
            await transaction.send("data-processing", job, job_id=_next_id(run.job_id))
    return result


def _time_of(run: Run) -> datetime:
    return run.scheduled_for or run.now()


def _next_id(job_id: str) -> str:
    """Name the continuation of a clean-up: `cleanup.20261129T0317Z-part2`, then `-part3`."""
    stem, separator, number = job_id.rpartition("-part")
    return f"{stem}-part{int(number) + 1}" if separator and number.isdigit() else f"{job_id}-part2"
