"""The video service, put together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from huntaze_common.postgres import Pool
from huntaze_common.service import Service
from huntaze_common.storage import S3ObjectStore, open_object_store
from huntaze_contracts.video import Analysis, LinkedVideo, StoredVideo

from huntaze_video.decoder.process import extract
from huntaze_video.errors import MediaTooLarge
from huntaze_video.extraction import Extraction, Limits
from huntaze_video.job import VideoDeps, process_video
from huntaze_video.settings import VideoSettings


@asynccontextmanager
async def open_deps(settings: VideoSettings, _pool: Pool) -> AsyncGenerator[VideoDeps]:
    """Open the object store."""
    async with open_object_store(settings.bucket) as store:
        yield VideoDeps(
            fetch=partial(_fetch, store, settings.max_source_bytes),
            extract=extract,
            pictures=store,
            limits=Limits(duration=settings.max_source_seconds),
            analyse=_analyse,
        )


async def _fetch(store: S3ObjectStore, max_bytes: int, source: StoredVideo | LinkedVideo, path: Path) -> None:
    assert isinstance(source, StoredVideo)
    size = await store.size(source.key)
    if size > max_bytes:
        raise MediaTooLarge(f"the video has {size} bytes, the limit is {max_bytes}")
    await store.download(source.key, path)


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
