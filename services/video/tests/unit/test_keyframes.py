"""Which frames are chosen: rules that hold for any video, and a few videos in particular."""

from itertools import pairwise

import numpy as np
import pytest
from huntaze_video.extraction import FramePosition
from huntaze_video.keyframes import Candidate, Cut, anchor_times, choose, choose_cover, schedule
from hypothesis import given
from hypothesis import strategies as st


def candidate(time: float, *, seed: int, sharpness: float = 100.0, shows: bool = True) -> Candidate:
    thumbnail = np.random.default_rng(seed).integers(0, 255, (6, 8), np.uint8)
    return Candidate(time, thumbnail, sharpness, shows)


def every(step: float, duration: float) -> list[Candidate]:
    return [candidate(i * step, seed=i) for i in range(int(duration / step))]


@given(st.floats(0.001, 3600), st.floats(0.5, 240))
def test_anchors_lie_on_a_frame_that_exists(duration: float, frame_rate: float) -> None:
    """Asking for a frame nearer to the end than one and a half gets none from some decoders."""
    times = [time for _, time in anchor_times(duration, frame_rate)]

    assert times == sorted(times)
    assert all(0 <= time <= max(0, duration - 1.5 / frame_rate) for time in times)


@given(st.floats(0.04, 600), st.integers(1, 36), st.booleans())
def test_the_schedule_stays_within_the_video_and_its_budget(duration: float, count: int, hooks: bool) -> None:
    times = schedule(duration, 25.0, count, hooks=hooks)

    assert times == sorted(set(times))
    assert 0 <= times[0] <= times[-1] < max(duration, 0.04)
    assert len(times) <= 2 * count + 5 + 4


@given(
    st.lists(st.tuples(st.floats(0, 60), st.integers(0, 5), st.booleans()), min_size=1, max_size=60),
    st.lists(st.tuples(st.floats(0, 59), st.floats(0.3, 1)), max_size=12),
    st.integers(1, 36),
)
def test_chosen_frames_are_different_ordered_and_no_more_than_asked(
    frames: list[tuple[float, int, bool]], cuts: list[tuple[float, float]], count: int
) -> None:
    candidates = [candidate(time, seed=seed, shows=shows) for time, seed, shows in frames]

    chosen = choose(
        candidates,
        [Cut(time, time + 0.04, score) for time, score in cuts],
        duration=60.0,
        frame_rate=25.0,
        count=count,
    )

    times = [candidates[choice.candidate].time for choice in chosen]
    pictures = {candidates[choice.candidate].thumbnail.tobytes() for choice in chosen}
    assert 1 <= len(chosen) <= count
    assert times == sorted(times)
    assert len(pictures) == len(chosen)
    assert all((choice.scene_score is None) == (choice.position != "scene") for choice in chosen)


def test_strong_cuts_come_before_weak_ones_and_keep_their_distance() -> None:
    cuts = [Cut(10.0, 10.04, 0.9), Cut(10.4, 10.44, 0.5), Cut(20.0, 20.04, 0.6)]

    chosen = choose(every(0.1, 30), cuts, duration=30.0, frame_rate=25.0, count=4)

    assert [(c.position, c.scene_score) for c in chosen] == [
        (FramePosition.BEGINNING, None),
        (FramePosition.SCENE, 0.9),
        (FramePosition.SCENE, 0.6),
        (FramePosition.END, None),
    ]


def test_without_cuts_the_frames_are_spread_evenly() -> None:
    candidates = every(0.25, 36)

    chosen = choose(candidates, [], duration=36.0, frame_rate=25.0, count=9)

    gaps = [candidates[b.candidate].time - candidates[a.candidate].time for a, b in pairwise(chosen)]
    assert len(chosen) == 9
    assert max(gaps) < 2.5 * min(gaps)


def test_blurred_dark_and_half_dissolved_frames_are_passed_over() -> None:
    candidates = every(0.5, 10)
    candidates[10] = candidate(5.0, seed=10, sharpness=5.0)
    candidates[11] = candidate(5.5, seed=11, shows=False)

    chosen = choose(candidates, [Cut(7.3, 8.2, 0.8)], duration=10.0, frame_rate=25.0, count=36)

    times = {candidates[choice.candidate].time for choice in chosen}
    assert not times & {5.0, 5.5, 7.5, 8.0}
    assert len(times) == 16


def test_a_video_that_is_dark_throughout_still_has_a_sheet() -> None:
    candidates = [candidate(t, seed=t, shows=False) for t in range(5)]

    assert len(choose(candidates, [], duration=5.0, frame_rate=25.0, count=4)) == 4


@pytest.mark.parametrize(("sharpness", "cover"), [((10.0, 500.0), 1), ((500.0, 10.0), 0)])
def test_the_sharper_frame_is_the_cover(sharpness: tuple[float, float], cover: int) -> None:
    """Of two pictures that are alike otherwise."""
    first, second = (candidate(t, seed=1, sharpness=sharp) for t, sharp in enumerate(sharpness))

    assert choose_cover([first, second], []) == cover
