"""Bring pictures of high dynamic range into the range of a standard display. Pure numpy.

Curves from ITU-R BT.2100 (PQ, which is SMPTE ST 2084, and HLG for a display of 1000 nits), primaries from
BT.2087, the level of white from BT.2408, the display from BT.1886. Highlights above 70 % of white are bent
down smoothly, hue kept, instead of being cut off.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Light = NDArray[np.floating[Any]]
"""(height, width, 3)."""

_WHITE_NITS = 203.0
_HLG_PEAK_NITS = 1000.0
_HLG_SYSTEM_GAMMA = 1.2
_DISPLAY_GAMMA = 2.4
_KNEE = 0.7
_LUMA_2020 = np.array((0.2627, 0.6780, 0.0593), np.float32)
_TO_709 = np.array(
    ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)), np.float32
)


def to_standard_range(signal: NDArray[np.uint16], *, hlg: bool) -> NDArray[np.uint8]:
    """Return what a standard display should be sent.

    ``signal``: (height, width, 3) uint16, RGB of BT.2020 primaries, full range.
    """
    nits = _hlg_nits(signal) if hlg else _pq_nits()[signal]
    light = np.maximum((nits / _WHITE_NITS) @ _TO_709.T, 0)
    brightest = light.max(-1, keepdims=True)
    bent = np.where(brightest > _KNEE, _bend(brightest), brightest)
    shown = light * (bent / np.maximum(brightest, 1e-6))
    return np.round(255 * np.minimum(shown, 1) ** (1 / _DISPLAY_GAMMA)).astype(np.uint8)


def _bend(light: Light) -> Light:
    room = 1 - _KNEE
    return _KNEE + room * (1 - np.exp((_KNEE - light) / room))


def _hlg_nits(signal: NDArray[np.uint16]) -> Light:
    scene = _hlg_scene()[signal]
    luma = np.maximum((scene @ _LUMA_2020)[..., None], 1e-6)
    return _HLG_PEAK_NITS * luma ** (_HLG_SYSTEM_GAMMA - 1) * scene


@cache
def _pq_nits() -> NDArray[np.float32]:
    """Return the light in nits of each 16-bit signal."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = np.linspace(0, 1, 65536) ** (1 / m2)
    return (10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)).astype(np.float32)


@cache
def _hlg_scene() -> NDArray[np.float32]:
    """Return the scene light, 0 to 1, of each 16-bit signal."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    signal = np.linspace(0, 1, 65536)
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12).astype(np.float32)
