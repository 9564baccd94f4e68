"""The job: one video in, its keyframes and its contact sheet out."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from huntaze_common.errors import PayloadInvalid
from huntaze_common.run import Run
from huntaze_contracts.video import (
    Analysis,
    Cell,
    Grid,
    Keyframe,
    LinkedVideo,
    StoredVideo,
    VideoProcessed,
    VideoProcessing,
)

from huntaze_video import objects, store
from huntaze_video.decoder.process import Input
from huntaze_video.extraction import Extraction, ExtractRequest, Image, ImageFormat, Limits, Progress
from huntaze_video.spool import Spool


class PictureStore(Protocol):
    """Where the pictures go."""

    async def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Store one object; the same key with the same content is stored once."""
        ...


class Extractor(Protocol):
    """Decodes one video; see `huntaze_video.decoder.process.extract`."""

    def __call__(
        self,
        source: Input,
        request: ExtractRequest,
        *,
        limits: Limits,
        on_progress: Callable[[Progress], None],
    ) -> Awaitable[Extraction]:
        """Return what was asked for."""
        ...


@dataclass(frozen=True, slots=True)
class VideoDeps:
    """Everything the job touches outside its own arguments."""

    open: Callable[[StoredVideo | LinkedVideo], AbstractAsyncContextManager[Spool]]
    """Opens the source; see `huntaze_video.source.Sources.open`."""
    extract: Extractor
    pictures: PictureStore
    limits: Limits
    analyse: Callable[[Extraction], Awaitable[Analysis]]


async def process_video(job: VideoProcessing, run: Run, deps: VideoDeps) -> VideoProcessed:
    """Find the shots of one video, choose keyframes, and store them and their contact sheet.

    Reads the source once. Writes one object per picture, under keys made from their content, and one row per
    keyframe in the transaction that marks the job done. Running it again writes the same objects.

    Raises:
        PayloadInvalid: the envelope names no user.
        MediaRefused: the file cannot be processed, in one of its kinds.
        UpstreamUnavailable: the source or the store did not answer.
    """
    if run.user_id is None:
        raise PayloadInvalid("userId is needed: objects are kept by user")
    began = run.now()
    await run.progress("open", 1)
    async with deps.open(job.source) as source:
        extraction = await _extract(job, run, deps, source)
    await run.progress("upload", 85)
    grid, keyframes = await _upload(job.video_id, run.user_id, extraction, deps.pictures)
    await run.progress("analyse", 95)
    analysis = await deps.analyse(extraction)
    result = VideoProcessed(
        video_id=job.video_id,
        duration_ms=_milliseconds(extraction.media.duration),
        width=extraction.media.width,
        height=extraction.media.height,
        frame_rate=extraction.media.frame_rate,
        shots=len(extraction.transitions) + 1,
        keyframes=keyframes,
        grid=grid,
        analysis=analysis,
        processing_ms=_milliseconds((run.now() - began).total_seconds()),
    )
    async with run.commit(result) as transaction:
        await store.save(transaction.connection, job_id=run.job_id, user_id=run.user_id, result=result)
    return result


async def _extract(job: VideoProcessing, run: Run, deps: VideoDeps, source: Spool) -> Extraction:
    request = ExtractRequest(
        rows=job.grid_layout.rows,
        cols=job.grid_layout.cols,
        threshold=job.scene_change_threshold,
        image_format=ImageFormat(job.image_format),
    )
    reports: set[asyncio.Task[None]] = set()

    def report(progress: Progress) -> None:
        task = asyncio.ensure_future(run.progress("decode", 10 + 70 * progress.share))
        reports.add(task)
        task.add_done_callback(reports.discard)

    try:
        return await deps.extract(source, request, limits=deps.limits, on_progress=report)
    finally:
        await asyncio.gather(*reports, return_exceptions=True)


async def _upload(
    video_id: str, user_id: str, extraction: Extraction, pictures: PictureStore
) -> tuple[Grid, tuple[Keyframe, ...]]:
    async def put(key: str, image: Image) -> str:
        await pictures.put(key, image.data, content_type=image.media_type)
        return key

    sheet = extraction.grid
    keyframes: list[Keyframe] = []
    for frame in extraction.keyframes:
        key = await put(objects.keyframe_key(user_id, video_id, frame.image), frame.image)
        keyframes.append(
            Keyframe(
                ordinal=frame.ordinal,
                time_ms=_milliseconds(frame.time),
                position=frame.position.value,
                scene_score=frame.scene_score,
                key=key,
            )
        )
    grid = Grid(
        key=await put(objects.grid_key(user_id, video_id, sheet.image), sheet.image),
        sha256=objects.sha256(sheet.image),
        bytes=len(sheet.image.data),
        width=sheet.image.width,
        height=sheet.image.height,
        rows=sheet.rows,
        cols=sheet.cols,
        cells=tuple(
            Cell(
                ordinal=cell.ordinal,
                x=cell.x,
                y=cell.y,
                width=cell.width,
                height=cell.height,
                time_ms=_milliseconds(cell.time),
            )
            for cell in sheet.cells
        ),
    )
    return grid, tuple(keyframes)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
