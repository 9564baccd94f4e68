"""The video service: the shots, keyframes and contact sheet of one video."""

from typing import Annotated, Literal

from msgspec import Meta

from huntaze_contracts.base import Count, HttpsUrl, Id, Key, Payload, Result, Score

Side = Annotated[int, Meta(ge=1, le=6, description="Cells along one side of the grid.")]
Milliseconds = Annotated[int, Meta(ge=0, description="A time or duration in milliseconds.")]


class StoredVideo(Payload, frozen=True, tag_field="kind", tag="object"):
    """A video that the web app put in the object store: preferred, since a key never expires."""

    key: Key


class LinkedVideo(Payload, frozen=True, tag_field="kind", tag="url"):
    """A video behind a public https link. Private networks are refused."""

    url: HttpsUrl


class GridLayout(Payload, frozen=True):
    """The shape of the contact sheet."""

    rows: Side = 3
    cols: Side = 3


class VideoProcessing(Payload, frozen=True):
    """Ask for the keyframes and the contact sheet of one video.

    Safe to deliver twice: the objects' keys are made from their content.
    """

    video_id: Id
    source: StoredVideo | LinkedVideo
    grid_layout: GridLayout = GridLayout()
    scene_change_threshold: Annotated[
        float,
        Meta(ge=0.05, le=0.9, description="How large a change starts a shot; lower finds more."),
    ] = 0.3
    image_format: Literal["jpeg", "png", "webp"] = "jpeg"


class Keyframe(Result, frozen=True):
    """One chosen frame."""

    ordinal: Annotated[int, Meta(ge=1, description="1 is the first cell of the grid.")]
    time_ms: Milliseconds
    position: Annotated[
        Literal["beginning", "quarter", "half", "three_quarter", "end", "scene", "hook", "fill"],
        Meta(description="Why this frame was chosen."),
    ]
    key: Key
    scene_score: Annotated[
        Score | None, Meta(description="The change that started its shot; null when it is not a cut.")
    ] = None


class Cell(Result, frozen=True):
    """Where a keyframe stands in the grid, in pixels from its top left corner."""

    ordinal: Annotated[int, Meta(ge=1)]
    x: Count
    y: Count
    width: Count
    height: Count
    time_ms: Milliseconds


class Grid(Result, frozen=True):
    """The contact sheet: one labelled picture of all keyframes."""

    key: Key
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    bytes: Count
    width: Count
    height: Count
    rows: Side
    cols: Side
    cells: tuple[Cell, ...]


class Analysis(Result, frozen=True):
    """What the multimodal model said of the grid, or why it was not asked."""

    status: Literal["ok", "partial", "skipped", "failed"]
    reason: str = ""


class VideoProcessed(Result, frozen=True):
    """The keyframes and the grid of one video; the keys are read with links made at the time of use."""

    video_id: Id
    duration_ms: Milliseconds
    width: Count
    height: Count
    frame_rate: float
    shots: Annotated[int, Meta(ge=1, description="How many shots the video has.")]
    keyframes: tuple[Keyframe, ...]
    grid: Grid
    analysis: Analysis
    processing_ms: Milliseconds
