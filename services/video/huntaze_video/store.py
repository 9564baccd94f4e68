"""The video service's tables: the only importer of queries.sql."""

from huntaze_common import sql
from huntaze_common.postgres import Connection
from huntaze_contracts.video import VideoProcessed

_QUERIES = sql.load("huntaze_video")


async def save(connection: Connection, *, job_id: str, user_id: str, result: VideoProcessed) -> None:
    """Write a processed video and its keyframes, inside the transaction that marks the job done."""
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
    )
    await connection.executemany(
        _QUERIES["save_keyframe"],
        [
            (job_id, frame.ordinal, frame.time_ms, frame.position, frame.scene_score, frame.key)
            for frame in result.keyframes
        ],
    )
