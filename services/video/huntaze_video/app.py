"""The video service, put together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from huntaze_common.fetch import Fetcher
from huntaze_common.postgres import Pool
from huntaze_common.service import Service
from huntaze_common.storage import open_object_store
from huntaze_contracts.video import Analysis

from huntaze_video.decoder.process import extract
from huntaze_video.extraction import Extraction, Limits
from huntaze_video.job import VideoDeps, process_video
from huntaze_video.settings import VideoSettings
from huntaze_video.source import Sources


@asynccontextmanager
async def open_deps(settings: VideoSettings, _pool: Pool) -> AsyncGenerator[VideoDeps]:
    """Open the object store and the client for links."""
    async with open_object_store(settings.bucket) as store, Fetcher() as fetcher:
        yield VideoDeps(
            open=Sources(store, fetcher, max_bytes=settings.max_source_bytes).open,
            extract=extract,
            pictures=store,
            limits=Limits(duration=settings.max_source_seconds),
            analyse=_analyse,
        )


async def _analyse(_extraction: Extraction) -> Analysis:
    return Analysis(status="skipped", reason="PHI4_ENDPOINT is not set")


SERVICE = Service(
    name="video",
    worker="video-processing",
    package="huntaze_video",
    settings=VideoSettings,
    handle=process_video,
    open=open_deps,
)
