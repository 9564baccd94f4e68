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
    LinkedVideo,
    StoredVideo,
    VideoProcessed,
    VideoProcessing,
)

from huntaze_video import store
from huntaze_video.analysis import Status, VideoAnalyst
from huntaze_video.capacity import DecoderSlots
from huntaze_video.decoder.process import Input
from huntaze_video.extraction import Extraction, ExtractRequest, ImageFormat, Limits, Progress
from huntaze_video.spool import Spool
from huntaze_video.store import milliseconds
from huntaze_video.uploads import ObjectStore, Uploads


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
    objects: ObjectStore
    limits: Limits
    slots: DecoderSlots
    analyst: VideoAnalyst | None
    """None where no model is configured."""


async def process_video(job: VideoProcessing, run: Run, deps: VideoDeps) -> VideoProcessed:
    """Find the shots of one video, choose keyframes, and store them and their contact sheet.

    Reads of the source what decoding needs. Writes one object per picture, under keys made from their
    content, and rows about all of it in the transaction that marks the job done. Running it again writes the
    same objects, and asks no model a second time.

    Raises:
        PayloadInvalid: the envelope names no user.
        MediaRefused: the file cannot be processed, in one of its kinds.
        UpstreamUnavailable: the source or the store did not answer.
        DecodersBusy, DecoderStopped, TemporarySpaceShort: this machine has no room for it now.
    """
    if run.user_id is None:
        raise PayloadInvalid("userId is needed: objects are kept by user")
    began = run.now()
    extraction = await _extract(job, run, deps)
    await run.progress("upload", 85)
    uploads = Uploads(deps.objects, run.user_id, job.video_id)
    grid = await uploads.grid(extraction)
    keyframes = await uploads.keyframes(extraction.keyframes)
    previews = await uploads.previews(extraction)
    await run.progress("analyse", 95)
    analysis, analysis_key = await _analyse(extraction, deps.analyst)
    result = VideoProcessed(
        video_id=job.video_id,
        duration_ms=milliseconds(extraction.media.duration),
        width=extraction.media.width,
        height=extraction.media.height,
        frame_rate=extraction.media.frame_rate,
        shots=len(extraction.transitions) + 1,
        keyframes=keyframes,
        grid=grid,
        analysis=analysis,
        processing_ms=milliseconds((run.now() - began).total_seconds()),
    )
    async with run.commit(result) as transaction:
        await store.save(
            transaction.connection,
            job_id=run.job_id,
            user_id=run.user_id,
            result=result,
            extraction=extraction,
            previews=previews,
            analysis_key=analysis_key,
        )
    return result


async def _extract(job: VideoProcessing, run: Run, deps: VideoDeps) -> Extraction:
    request = ExtractRequest(
        rows=job.grid_layout.rows,
        cols=job.grid_layout.cols,
        threshold=job.scene_change_threshold,
        image_format=ImageFormat(job.image_format),
    )
    reports: set[asyncio.Task[None]] = set()

    def report(progress: Progress) -> None:
        task = asyncio.ensure_future(run.progress("decode", 5 + 80 * progress.share))
        reports.add(task)
        task.add_done_callback(reports.discard)

    async with deps.slots.one():
        await run.progress("open", 1)
        async with deps.open(job.source) as source:
            try:
                return await deps.extract(source, request, limits=deps.limits, on_progress=report)
            finally:
                await asyncio.gather(*reports, return_exceptions=True)


async def _analyse(extraction: Extraction, analyst: VideoAnalyst | None) -> tuple[Analysis, str | None]:
    """Return what the result says of the analysis, and the key under which all of it is kept."""
    if analyst is None:
        return Analysis(status="skipped", reason="PHI4_ENDPOINT is not set"), None
    found = await analyst.analyse(extraction)
    match found.status:
        case Status.OK:
            return Analysis(status="ok"), analyst.key_of(extraction)
        case Status.PARTIAL:
            return Analysis(status="partial", reason=found.reason), analyst.key_of(extraction)
        case _:
            return Analysis(status="failed", reason=found.reason), None
