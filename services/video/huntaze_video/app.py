"""The video service, put together."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from huntaze_common.fetch import Fetcher
from huntaze_common.postgres import Pool
from huntaze_common.service import Service
from huntaze_common.storage import open_object_store

from huntaze_video.analysis import VideoAnalyst
from huntaze_video.capacity import DecoderSlots, available_memory, decoders_for
from huntaze_video.decoder.process import extract
from huntaze_video.extraction import Limits
from huntaze_video.job import VideoDeps, process_video
from huntaze_video.model import ChatModel, ModelSettings
from huntaze_video.settings import VideoSettings
from huntaze_video.source import Sources
from huntaze_video.store import KeptAnalyses


@asynccontextmanager
async def open_deps(settings: VideoSettings, pool: Pool) -> AsyncGenerator[VideoDeps]:
    """Open the object store, the client for links, and the model's if there is one."""
    processors = os.cpu_count() or 1
    async with (
        open_object_store(settings.bucket) as store,
        Fetcher(development=settings.environment == "development") as fetcher,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        yield VideoDeps(
            open=Sources(store, fetcher, max_bytes=settings.max_source_bytes).open,
            extract=extract,
            objects=store,
            limits=Limits(duration=settings.max_source_seconds, threads=min(4, processors)),
            slots=DecoderSlots(decoders_for(available_memory(), processors)),
            analyst=_analyst(settings, pool, client),
        )


def _analyst(settings: VideoSettings, pool: Pool, client: httpx.AsyncClient) -> VideoAnalyst | None:
    if settings.phi4_endpoint is None:
        return None
    model = ModelSettings(
        endpoint=settings.phi4_endpoint,
        key=settings.phi4_api_key.reveal() if settings.phi4_api_key else "",
        model=settings.phi4_model,
        usd_per_million_input=settings.phi4_usd_per_million_input,
        usd_per_million_output=settings.phi4_usd_per_million_output,
    )
    return VideoAnalyst(ChatModel(model, client=client), KeptAnalyses(pool))


SERVICE = Service(
    name="video",
    worker="video-processing",
    package="huntaze_video",
    settings=VideoSettings,
    handle=process_video,
    open=open_deps,
    objects=lambda deps: deps.objects,
)
