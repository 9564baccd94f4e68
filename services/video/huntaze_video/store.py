"""The video service's tables: the only importer of queries.sql."""

from decimal import Decimal
from typing import NamedTuple

import msgspec
from huntaze_common import sql
from huntaze_common.postgres import Connection, Pool
from huntaze_contracts.video import VideoProcessed

from huntaze_video.analysis import VideoAnalysis
from huntaze_video.extraction import Extraction

_QUERIES = sql.load("huntaze_video")


class Preview(NamedTuple):
    """An object that players and lists show; ``kind`` is cover, hook, storyboard or sheet."""

    kind: str
    time: float | None
    key: str


async def save(
    connection: Connection,
    *,
    job_id: str,
    user_id: str,
    result: VideoProcessed,
    extraction: Extraction,
    previews: list[Preview],
    analysis_key: str | None,
) -> None:
    """Write a processed video and all that was found in it, in the transaction that marks the job done."""
    grid = result.grid
    await connection.execute(
        _QUERIES["save_video"],
        job_id,
        user_id,
        result.video_id,
        result.duration_ms,
        result.width,
        result.height,
        result.frame_rate,
        result.shots,
        grid.key,
        grid.rows,
        grid.cols,
        result.analysis.status,
        analysis_key,
        _json(extraction.media),
        _json(extraction.measures),
    )
    await connection.executemany(
        _QUERIES["save_keyframe"],
        [
            (job_id, frame.ordinal, frame.time_ms, frame.position, frame.scene_score, frame.key)
            for frame in result.keyframes
        ],
    )
    await connection.executemany(
        _QUERIES["save_transition"],
        [
            (job_id, ordinal, found.kind, milliseconds(found.start), milliseconds(found.time), found.score)
            for ordinal, found in enumerate(extraction.transitions, start=1)
        ],
    )
    await connection.executemany(
        _QUERIES["save_preview"],
        [
            (job_id, ordinal, kind, None if time is None else milliseconds(time), key)
            for ordinal, (kind, time, key) in enumerate(previews, start=1)
        ],
    )


class KeptAnalyses:
    """Analyses that were paid for, in the database."""

    def __init__(self, pool: Pool) -> None:
        """Keep them through connections of ``pool``."""
        self._pool = pool

    async def find(self, key: str) -> VideoAnalysis | None:
        """Return the analysis of a picture, if one is kept."""
        content: str | None = await self._pool.fetchval(_QUERIES["find_analysis"], key)
        return None if content is None else msgspec.json.decode(content, type=VideoAnalysis)

    async def keep(self, key: str, analysis: VideoAnalysis) -> None:
        """Keep an analysis; one that is there already stays."""
        cost = Decimal(str(analysis.usage.cost_usd if analysis.usage else 0))
        await self._pool.execute(_QUERIES["keep_analysis"], key, analysis.status, _json(analysis), cost)


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds, as contracts and tables have them."""
    return round(seconds * 1000)


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()
