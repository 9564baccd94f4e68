"""Make the pictures of a video that has been looked at: keyframes, cover, and the composite grid."""

from collections.abc import Sequence

from PIL import Image as Pillow

from huntaze_video import grid
from huntaze_video.extraction import (
    ExtractRequest,
    FramePosition,
    Grid,
    Image,
    ImageFormat,
    Keyframe,
    Measures,
)
from huntaze_video.keyframes import (
    HOOK_TIMES,
    Candidate,
    Choice,
    Cut,
    choose,
    choose_cover,
)
from huntaze_video.measures import summarise, swatch
from huntaze_video.pictures import to_picture
from huntaze_video.stills import difference_hash
from huntaze_video.viewing import Seen


class Composition:
    """The chosen frames of one video, and what is made of them."""

    def __init__(self, seen: Seen, request: ExtractRequest) -> None:
        """Choose the frames; the others are let go of, for their memory is what pictures are made in."""
        self._seen = seen
        self._request = request
        self._candidates = [
            Candidate(still.time, still.thumbnail, still.sharpness, still.shows_something)
            for still in seen.stills
        ]
        cuts = [Cut(found.start, found.time, found.score) for found in seen.transitions]
        self._chosen = choose(
            self._candidates,
            cuts,
            duration=seen.media.duration,
            frame_rate=seen.media.frame_rate,
            count=request.rows * request.cols,
        )
        self._hooks = self._choose_hooks()
        cover = choose_cover(self._candidates, cuts)
        self._cover = Choice(cover, FramePosition.FILL, self._candidates[cover].time, None)
        wanted = {choice.candidate for choice in (*self._chosen, *self._hooks, self._cover)}
        self._frames = {i: still.frame for i, still in enumerate(seen.stills) if i in wanted}
        seen.stills.clear()
        self._images: dict[int, Image] = {}
        self._swatches: list[Pillow.Image] = []

    def grid(self) -> Grid:
        """Return the composite picture."""
        tiles = (
            # One picture at a time: together they would be the largest thing in memory.
            grid.Tile(ordinal, round(self._candidates[c.candidate].time, 6), self._picture(c.candidate))
            for ordinal, c in enumerate(self._chosen, start=1)
        )
        return grid.compose(
            tiles,
            rows=self._request.rows,
            cols=self._request.cols,
            side=self._request.grid_side,
            image_format=self._request.image_format,
            quality=self._request.quality,
        )

    def measures(self) -> Measures:
        """Return the measures; the colours are those of the pictures made before."""
        return summarise(
            watch=self._seen.watch,
            boundaries=[found.time for found in self._seen.transitions],
            duration=self._seen.media.duration,
            swatches=self._swatches,
            sharpness=[candidate.sharpness for candidate in self._candidates],
            sound=self._seen.sound,
        )

    def keyframes(self) -> tuple[Keyframe, ...]:
        """Return the frames of the grid, one by one."""
        return self._keyframes(self._chosen)

    def hooks(self) -> tuple[Keyframe, ...]:
        """Return the frames of the first seconds."""
        return self._keyframes(self._hooks)

    def cover(self) -> Keyframe:
        """Return the frame that stands for the video."""
        return self._keyframes([self._cover])[0]

    def _choose_hooks(self) -> list[Choice]:
        """Choose the frames nearest to the first seconds, where the video is long enough to have them."""
        if not self._request.hook_frames or self._seen.media.duration < HOOK_TIMES[-1]:
            return []
        indices = range(len(self._candidates))
        return [
            Choice(
                min(indices, key=lambda index: abs(self._candidates[index].time - time)),
                FramePosition.HOOK,
                time,
                None,
            )
            for time in HOOK_TIMES
        ]

    def _keyframes(self, choices: Sequence[Choice]) -> tuple[Keyframe, ...]:
        made: list[Keyframe] = []
        for ordinal, choice in enumerate(choices, start=1):
            chosen = self._candidates[choice.candidate]
            made.append(
                Keyframe(
                    ordinal=ordinal,
                    position=choice.position,
                    requested=round(choice.requested, 6),
                    time=round(chosen.time, 6),
                    scene_score=choice.scene_score,
                    luma=round(float(chosen.thumbnail.mean()), 2),
                    sharpness=chosen.sharpness,
                    perceptual_hash=difference_hash(chosen.thumbnail),
                    image=self._image(choice.candidate),
                )
            )
        return tuple(made)

    def _picture(self, index: int) -> Pillow.Image:
        """Return a frame as a picture, and keep what else is wanted of it."""
        picture = to_picture(self._frames[index])
        self._images[index] = grid.encode(picture, ImageFormat.JPEG, self._request.quality)
        self._swatches.append(swatch(picture))
        return picture

    def _image(self, index: int) -> Image:
        if index not in self._images:
            self._picture(index)
        return self._images[index]
