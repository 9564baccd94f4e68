"""Put what was taken out of a video into the object store, and tell where it is."""

from typing import Protocol

from huntaze_contracts.video import Cell, Grid, Keyframe

from huntaze_video import objects
from huntaze_video.extraction import Extraction, Image
from huntaze_video.extraction import Keyframe as Frame
from huntaze_video.store import Preview, milliseconds


class ObjectStore(Protocol):
    """Where objects are kept."""

    async def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Store one object; the same key with the same content is stored once."""
        ...

    async def presigned_get(self, key: str, *, seconds: int) -> str:
        """Make a link that reads one object for some seconds."""
        ...


class Uploads:
    """The objects of one video."""

    def __init__(self, store: ObjectStore, user_id: str, video_id: str) -> None:
        """Put them into ``store``, under keys of this user and video."""
        self._store = store
        self._user_id = user_id
        self._video_id = video_id

    async def keyframes(self, frames: tuple[Frame, ...]) -> tuple[Keyframe, ...]:
        """Store the keyframes."""
        return tuple([await self._keyframe(frame) for frame in frames])

    async def grid(self, extraction: Extraction) -> Grid:
        """Store the composite grid."""
        sheet = extraction.grid
        return Grid(
            key=await self._put(objects.grid_key(self._user_id, self._video_id, sheet.image), sheet.image),
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
                    time_ms=milliseconds(cell.time),
                )
                for cell in sheet.cells
            ),
        )

    async def previews(self, extraction: Extraction) -> list[Preview]:
        """Store the cover, the frames of the first seconds and the storyboard."""
        made = [
            Preview(kind, frame.time, await self._preview_frame(frame))
            for kind, frame in (("cover", extraction.cover), *(("hook", hook) for hook in extraction.hooks))
        ]
        board = extraction.storyboard
        if board is not None:
            vtt = board.vtt.encode()
            key = objects.storyboard_key(self._user_id, self._video_id, vtt)
            await self._store.put(key, vtt, content_type="text/vtt")
            made.append(Preview("storyboard", None, key))
            for sheet in board.sheets:
                key = objects.sheet_key(self._user_id, self._video_id, sheet)
                made.append(Preview("sheet", None, await self._put(key, sheet.image)))
        return made

    async def _keyframe(self, frame: Frame) -> Keyframe:
        key = objects.keyframe_key(self._user_id, self._video_id, frame.image)
        return Keyframe(
            ordinal=frame.ordinal,
            time_ms=milliseconds(frame.time),
            position=frame.position.value,
            scene_score=frame.scene_score,
            key=await self._put(key, frame.image),
        )

    async def _preview_frame(self, frame: Frame) -> str:
        return await self._put(objects.preview_key(self._user_id, self._video_id, frame.image), frame.image)

    async def _put(self, key: str, image: Image) -> str:
        await self._store.put(key, image.data, content_type=image.media_type)
        return key
