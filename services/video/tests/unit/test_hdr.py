"""Light of known strength in both curves of high dynamic range."""

import numpy as np
import pytest
from huntaze_video.hdr import to_standard_range

WHITE = 203.0


def pq(nits: float) -> int:
    """Encode light as SMPTE ST 2084 does."""
    y = (nits / 10_000) ** 0.1593017578125
    return round(65535 * ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


def grey(signal: int, *, hlg: bool = False) -> int:
    shown = to_standard_range(np.full((2, 2, 3), signal, np.uint16), hlg=hlg)
    assert np.ptp(shown) <= 1
    return int(shown[0, 0, 0])


@pytest.mark.parametrize("nits", [0.5, 10.0, 50.0, 100.0])
def test_light_below_the_knee_is_shown_as_strong_as_it_is(nits: float) -> None:
    assert grey(pq(nits)) == pytest.approx(255 * (nits / WHITE) ** (1 / 2.4), abs=1.5)


def test_highlights_are_bent_and_not_cut() -> None:
    """A lamp of 600 nits is still brighter than a wall of 300."""
    levels = [grey(pq(nits)) for nits in (150, 203, 300, 600, 4000)]

    assert levels == sorted(set(levels)) or levels[-1] == levels[-2] == 255
    assert levels[1] < 250
    assert levels[-1] == 255


def test_hlg_white_is_near_white() -> None:
    """BT.2408 puts the white of a scene at 75 % of the signal."""
    assert grey(round(0.75 * 65535), hlg=True) == pytest.approx(grey(pq(WHITE)), abs=6)


def test_a_saturated_colour_keeps_its_hue() -> None:
    red = np.zeros((1, 1, 3), np.uint16)
    red[..., 0], red[..., 1], red[..., 2] = pq(500), pq(60), pq(60)

    shown = to_standard_range(red, hlg=False)[0, 0]

    assert shown[0] > 245 > 120 > shown[1]
    assert abs(int(shown[1]) - int(shown[2])) < 60
