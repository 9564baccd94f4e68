"""The data service, put together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from huntaze_common.postgres import Pool
from huntaze_common.service import Service

from huntaze_data.job import DataDeps, process_data
from huntaze_data.settings import DataSettings


@asynccontextmanager
async def open_deps(settings: DataSettings, pool: Pool) -> AsyncGenerator[DataDeps]:
    """Nothing to open: the job works in the service's database."""
    yield DataDeps(pool, settings.late_days, settings.cleanup_seconds)


SERVICE = Service(
    name="data",
    worker="data-processing",
    package="huntaze_data",
    settings=DataSettings,
    handle=process_data,
    open=open_deps,
)
