"""What is a boundary between shots, and what only looks like one; over real pictures, without a decoder."""

from itertools import pairwise

import numpy as np
import pytest
from clips import RATE, Picture, dissolve, fade, flash, scene
from huntaze_video.extraction import TransitionKind
from huntaze_video.shots import Boundary, ShotDetector
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

A, B, C = scene(1, 60), scene(2, 60), scene(3, 60)


def thumbnails(pictures: list[Picture]) -> NDArray[np.uint8]:
    """Reduce pictures as the sampler does: (n, 24, 40) uint8."""
    grey = np.stack(pictures).mean(axis=3)
    return grey.reshape(len(grey), 24, 4, 40, 4).mean((2, 4)).astype(np.uint8)


def boundaries(pictures: list[Picture], threshold: float = 0.3) -> list[Boundary]:
    detector = ShotDetector(frame_rate=RATE, threshold=threshold)
    for index, thumbnail in enumerate(thumbnails(pictures)):
        detector.push(thumbnail, index / RATE)
    return detector.finish()


def test_hard_cuts_are_found_on_the_frame() -> None:
    found = boundaries(A + B + C)

    assert [(cut.first, cut.last, cut.kind) for cut in found] == [(59, 60, "cut"), (119, 120, "cut")]
    assert all(cut.score > 0.3 for cut in found)


@pytest.mark.parametrize("frames", [6, 12, 24])
def test_a_dissolve_is_one_transition_and_no_cut(frames: int) -> None:
    [found] = boundaries(dissolve(A, B, frames))

    assert found.kind is TransitionKind.DISSOLVE
    assert abs(found.first - (59 - frames)) <= 2
    assert abs(found.last - 60) <= 2


def test_a_fade_through_black_is_one_transition() -> None:
    [found] = boundaries(fade(A, B, 12))

    assert found.kind is TransitionKind.FADE
    assert found.first <= 52
    assert found.last >= 66


def test_a_wipe_is_told_from_a_pan() -> None:
    """Both move an edge across the picture; only one leaves each half alone."""
    wiped = [
        np.where(np.arange(160)[None, :, None] < 160 * (index + 1) / 17, new, old)
        for index, (old, new) in enumerate(zip(A[44:], B[:16], strict=True))
    ]

    [found] = boundaries([*A[:44], *wiped, *B[16:]])

    assert found.kind is TransitionKind.WIPE
    assert boundaries(scene(5, 90, speed=6.0)) == []


@pytest.mark.parametrize("frames", [1, 3, 6])
def test_a_flash_is_no_cut(frames: int) -> None:
    assert boundaries(flash(A + A[::-1], 55, frames)) == []


def test_a_caption_is_no_cut() -> None:
    captioned = [picture.copy() for picture in A[30:]]
    for picture in captioned:
        picture[60:90, 10:150] = 250

    assert boundaries(A[:30] + captioned) == []


def test_the_way_out_of_black_at_the_start_is_no_boundary() -> None:
    """There is no shot before it."""
    black = [np.zeros_like(A[0])] * 20

    assert boundaries(fade(black, A, 12)) == []
    assert boundaries(fade(A, black, 12)) == []


def test_a_lower_threshold_finds_what_a_higher_one_finds() -> None:
    softer = [np.clip(picture.astype(int) // 4 + 90, 0, 255).astype(np.uint8) for picture in B]
    pictures = A + softer + dissolve(C, A, 10)

    found = [{cut.last for cut in boundaries(pictures, at)} for at in (0.1, 0.3, 0.5)]

    assert found[0] >= found[1] >= found[2]
    assert found[2]


def test_a_long_video_is_searched_in_windows_without_gap_or_repetition() -> None:
    """More frames than the detector holds: each boundary is reported once, at its own place."""
    shots = [scene(seed, 60) for seed in range(60)]
    pictures = [picture for shot in shots for picture in shot]

    found = boundaries(pictures)

    assert [cut.last for cut in found if cut.kind is TransitionKind.CUT] == list(range(60, 3600, 60))


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 12), st.integers(1, 12))),
    st.sampled_from([1.0, 12.0, 30.0, 240.0]),
)
def test_any_pictures_give_ordered_boundaries(frames: NDArray[np.uint8], frame_rate: float) -> None:
    detector = ShotDetector(frame_rate=frame_rate)
    for index, frame in enumerate(frames):
        detector.push(frame, index / frame_rate)

    found = detector.finish()

    assert all(0 <= cut.first < cut.last < len(frames) and 0.3 <= cut.score <= 1 for cut in found)
    assert all(one.last <= other.last for one, other in pairwise(found))
