"""The job: which action is whose."""

from dataclasses import dataclass

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
    EraseUserData,
    ExportUserData,
    GenerateReport,
)

from huntaze_data.cleanup import clean
from huntaze_data.counting import aggregate
from huntaze_data.erasing import erase
from huntaze_data.exporting import export
from huntaze_data.reports.dispatching import dispatch
from huntaze_data.reports.making import generate
from huntaze_data.statistics import calculate


@dataclass(frozen=True, slots=True)
class DataDeps:
    """Everything the job touches outside its own arguments."""

    pool: Pool
    objects: S3ObjectStore
    tokens: TokenReader
    late_days: int
    seconds: float
    """How long a job counts or deletes before it leaves the rest to a follow-up."""


async def process_data(job: DataProcessing, run: Run, deps: DataDeps) -> DataProcessed:
    """Do one of the data service's actions.

    Running any of them again on the same data changes no row. Time is the schedule's own slot where there is
    one, so that a late delivery does the work of its own day.

    Raises:
        PermanentFailure: one of `huntaze_data.errors`.
    """
    match job:
        case AggregateAnalytics():
            return await aggregate(job, run, deps.pool, late_days=deps.late_days, seconds=deps.seconds)
        case CalculateUserStats():
            return await calculate(run)
        case CleanupOldData():
            return await clean(job, run, deps.pool, deps.objects, seconds=deps.seconds)
        case GenerateReport():
            return await generate(job, run, deps.pool, deps.objects)
        case DispatchReports():
            return await dispatch(job, run, deps.pool)
        case EraseUserData():
            return await erase(job, run, deps.pool, deps.objects, seconds=deps.seconds)
        case ExportUserData():
            return await export(run, deps.pool, deps.objects)
