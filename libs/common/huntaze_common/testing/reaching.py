"""A service that needs others: it keeps what a link leads to in an object store, and reads it back."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from huntaze_contracts.alerts import AlertsChecked, CheckAlerts

from huntaze_common.fetch import Fetcher
from huntaze_common.postgres import Pool
from huntaze_common.run import Run
from huntaze_common.service import Service
from huntaze_common.settings import ObjectStoreSettings, Url
from huntaze_common.storage import S3ObjectStore, open_object_store

MAX_BYTES = 32 * 1024 * 1024


class ReachingSettings(ObjectStoreSettings, frozen=True, kw_only=True):
    """Beside what every worker and the object store need."""

    link: Url
    temporary: Path
    download_seconds: float = 2.0
    """What the link's server may take for everything."""


@dataclass(frozen=True, slots=True)
class ReachingDeps:
    """Everything outside the process."""

    settings: ReachingSettings
    fetcher: Fetcher
    objects: S3ObjectStore


async def reach(_job: CheckAlerts, run: Run, deps: ReachingDeps) -> AlertsChecked:
    """Keep what the link leads to under the key of its content, and commit when it can be read back."""
    settings = deps.settings
    with tempfile.TemporaryDirectory(dir=settings.temporary) as directory:
        file = Path(directory) / "download"
        await deps.fetcher.download(
            settings.link, file, max_bytes=MAX_BYTES, seconds=settings.download_seconds
        )
        digest = await asyncio.to_thread(lambda: hashlib.sha256(file.read_bytes()).hexdigest())
        await deps.objects.put(f"kept/{digest}", file, content_type="application/octet-stream")
    content = await deps.objects.get(f"kept/{digest}")
    result = AlertsChecked(slot=run.now(), fired=len(content))
    async with run.commit(result) as transaction:
        await transaction.connection.execute("INSERT INTO effect VALUES ($1)", run.job_id)
        await transaction.connection.execute("UPDATE total SET n = n + 1")
    return result


@asynccontextmanager
async def open_deps(settings: ReachingSettings, _pool: Pool) -> AsyncGenerator[ReachingDeps]:
    """Open the store and the client for links."""
    async with open_object_store(settings.bucket) as objects, Fetcher(development=True) as fetcher:
        yield ReachingDeps(settings, fetcher, objects)


SERVICE = Service(
    name="reaching",
    worker="alert-checker",
    package="huntaze_common.testing",
    settings=ReachingSettings,
    handle=reach,
    open=open_deps,
)
