"""The data service, put together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from huntaze_common.postgres import Pool
from huntaze_common.service import Service
from huntaze_common.storage import open_object_store
from huntaze_common.tokens import TokenReader

from huntaze_data.job import DataDeps, process_data
from huntaze_data.reports.api import ROUTES
from huntaze_data.settings import DataSettings


@asynccontextmanager
async def open_deps(settings: DataSettings, pool: Pool) -> AsyncGenerator[DataDeps]:
    """Open the object store, which reports and exports go to."""
    tokens = TokenReader(settings.status_token_key)
    async with open_object_store(settings.bucket) as objects:
        yield DataDeps(pool, objects, tokens, settings.late_days, settings.job_seconds)


SERVICE = Service(
    name="data",
    worker="data-processing",
    package="huntaze_data",
    settings=DataSettings,
    handle=process_data,
    open=open_deps,
    objects=lambda deps: deps.objects,
    routes=ROUTES,
)
