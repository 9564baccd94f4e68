"""What the decoding process is asked, and what it answers: the types on the pipe between it and the service.

Times are seconds from the start of the video, as floats rounded to the microsecond.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

Side = Annotated[int, Meta(ge=1, le=6)]
Share = Annotated[float, Meta(ge=0, le=1)]


class ImageFormat(StrEnum):
    """How pictures are encoded."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """The MIME type of the encoded picture."""
        return f"image/{self.value}"

    @property
    def extension(self) -> str:
        """The usual end of a file's name, with its dot."""
        return ".jpg" if self is ImageFormat.JPEG else f".{self.value}"


class Mode(StrEnum):
    """How much of a video is decoded."""

    EXACT = "exact"
    """Every frame, as it is meant to be seen."""
    FAST = "fast"
    """Without the frames that no other refers to, and without smoothing the edges of blocks. Boundaries may
    be off by the frames left out; pictures show some blocks."""
    PREVIEW = "preview"
    """Key frames only, and of the file little more than these. Of the boundaries only those at which the
    encoder made a key frame of its own accord; no motion and no sound."""


class TransitionKind(StrEnum):
    """How one shot gives way to the next."""

    CUT = "cut"
    DISSOLVE = "dissolve"
    WIPE = "wipe"
    FADE = "fade"


class FramePosition(StrEnum):
    """Why a frame was chosen."""

    BEGINNING = "beginning"
    QUARTER = "quarter"
    HALF = "half"
    THREE_QUARTER = "three_quarter"
    END = "end"
    SCENE = "scene"  # the first good frame of a shot
    FILL = "fill"  # to spread the frames evenly over the clip
    HOOK = "hook"  # one of the first seconds, which decide whether a viewer stays


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one file may cost; beyond it the job fails for good, except by the wall clock."""

    wall_seconds: float = 600.0
    cpu_seconds: int = 600
    address_space: int = 3 << 30
    duration: float = 1800.0
    pixels: int = 4096 * 4096
    streams: int = 32
    frames: int = 250_000
    answer_bytes: int = 64 << 20
    threads: int = 2


class ExtractRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to take out of one video."""

    mode: Mode = Mode.EXACT
    rows: Side = 3
    cols: Side = 3
    threshold: Annotated[float, Meta(ge=0.05, le=0.9)] = 0.3
    image_format: ImageFormat = ImageFormat.JPEG
    quality: Annotated[int, Meta(ge=1, le=100)] = 85
    grid_side: Annotated[int, Meta(ge=256, le=4096)] = 2048
    hook_frames: bool = True
    storyboard: bool = True
    sound: bool = True


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """One encoded picture."""

    data: bytes
    media_type: str
    width: int
    height: int


class Pace(StrEnum):
    """How fast the shots follow each other, by their mean length."""

    SLOW = "slow"  # eight seconds and more
    MODERATE = "moderate"  # four to eight
    FAST = "fast"  # two to four
    VERY_FAST = "very_fast"


class MediaInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says of itself, and what decoding found."""

    container: str
    codec: str
    width: int
    """As displayed: after rotation and with square pixels."""
    height: int
    rotation: int
    duration: float
    """Of the pictures; the sound may be longer."""
    frame_rate: float
    frames: int
    """How many were decoded."""
    damaged_packets: int
    pixel_format: str
    hdr: bool
    interlaced: bool
    alpha: bool
    audio: bool


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """The boundary between two shots.

    ``start_frame`` is the last frame that belongs wholly to the old shot, ``end_frame`` the first that
    belongs wholly to the new one, counted in display order; a hard cut lies between two neighbours. Where
    not all frames were decoded, they are counted by the average rate. ``time`` is that of ``end_frame``.
    ``score`` is in the sense of the contract's threshold.
    """

    kind: TransitionKind
    start_frame: int
    end_frame: int
    start: float
    time: float
    score: Share


class Keyframe(msgspec.Struct, frozen=True, kw_only=True):
    """One chosen frame."""

    ordinal: int
    position: FramePosition
    requested: float
    time: float
    scene_score: float | None
    """Of the transition that the frame follows; null when it was not chosen for one."""
    luma: float
    """Mean brightness, 0 to 255."""
    sharpness: float
    perceptual_hash: str
    """Difference hash, 16 hexadecimal digits."""
    image: Image


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """Where one frame is on the composite grid, in pixels; the label strip is not part of it."""

    row: int
    col: int
    ordinal: int
    time: float
    x: int
    y: int
    width: int
    height: int


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """The composite picture and the map of its cells."""

    rows: int
    cols: int
    image: Image
    cells: tuple[Cell, ...]


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """One sheet of the storyboard; its name is made from its content."""

    name: str
    image: Image


class Storyboard(msgspec.Struct, frozen=True, kw_only=True):
    """Small pictures at even steps, for players; the map refers to the sheets by name."""

    step: float
    vtt: str
    sheets: tuple[Sheet, ...]


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A point of the curves: means over one step."""

    time: float
    light: float
    """Grey level, 0 to 255."""
    motion: float | None
    """Difference of neighbouring frames in grey levels; null where neighbours were not decoded."""


class Colour(msgspec.Struct, frozen=True, kw_only=True):
    """A main colour and the share of the area that it covers."""

    rgb: str
    share: Share


class Pacing(msgspec.Struct, frozen=True, kw_only=True):
    """How long the shots are, in seconds."""

    pace: Pace
    shots: int
    mean: float
    median: float
    shortest: float
    longest: float


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which there is nothing to hear."""

    start: float
    end: float


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """How loud the video is, after EBU R 128, in LUFS."""

    loudness: float | None
    """Of the whole; null when all of it is below the standard's gate."""
    curve: tuple[float, ...]
    """Loudest 0.4 seconds of each step."""
    silences: tuple[Silence, ...]


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of a video without a model."""

    step: float
    """Seconds between the points of the curves."""
    moments: tuple[Moment, ...]
    light: float
    motion: float | None
    sharpness: float
    palette: tuple[Colour, ...]
    pacing: Pacing
    sound: Sound | None
    """Null when there is no sound track that can be read."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What the decoding process used."""

    wall_seconds: float
    cpu_seconds: float
    peak_memory: int
    """Largest resident set, in bytes."""


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """How far decoding is, by decoded time."""

    share: Share
    time: float


class Extraction(msgspec.Struct, frozen=True, kw_only=True, tag="extraction"):
    """Everything that was taken out of one video."""

    mode: Mode
    media: MediaInfo
    transitions: tuple[Transition, ...]
    keyframes: tuple[Keyframe, ...]
    hooks: tuple[Keyframe, ...]
    cover: Keyframe
    grid: Grid
    storyboard: Storyboard | None
    measures: Measures
    cost: Cost


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag="refusal"):
    """The file can't be processed; ``code`` is one of `huntaze_video.errors.REFUSALS`."""

    code: str
    message: str


class Need(msgspec.Struct, frozen=True, kw_only=True, tag="need"):
    """The decoding process waits until a range of its input can be read; one byte on its input says so."""

    start: int
    length: int


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """The one message that the decoding process reads."""

    descriptor: int
    """Number of the inherited file descriptor of the source."""
    size: int
    request: ExtractRequest
    limits: Limits


Answer = Need | Progress | Extraction | Refusal
