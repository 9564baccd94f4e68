"""The one clock: wall time that the test control API may shift or stop."""

import time
from collections.abc import Callable

# A wall clock that moved back by more than this between two looks was set, not slewed.
_JUMP_MS = 1_000


class Clock:
    """Milliseconds since the epoch; every due time and timestamp of the server comes from here.

    It follows the wall clock (so that due times survive a restart) until `pause` or `advance` is called.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._offset_ms = 0
        self._paused_at: int | None = None
        self._latest = 0
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> int:
        """Return the present instant in milliseconds since the epoch."""
        if self._paused_at is not None:
            return self._paused_at
        return self.wall_ms() + self._offset_ms

    def wall_ms(self) -> int:
        """Return the real time. Signatures carry it, since receivers check them against their own clocks."""
        return int(self._wall() * 1000)

    @property
    def paused(self) -> bool:
        """Whether time stands still until it is advanced or resumed."""
        return self._paused_at is not None

    def set_back_since(self) -> int | None:
        """Return the latest instant seen before the clock was set back, or None if it was not."""
        now = self.now()
        latest, self._latest = self._latest, now
        return latest if now < latest - _JUMP_MS else None

    def seconds_until(self, instant_ms: int | None, *, at_most: float) -> float:
        """Return how long to wait for an instant, in real seconds, at most ``at_most``.

        A stopped clock reaches no instant by waiting; its listeners tell when it moved.
        """
        if instant_ms is None:
            return at_most
        left = (instant_ms - self.now()) / 1000
        return at_most if self.paused and left > 0 else min(max(left, 0.0), at_most)

    def pause(self) -> None:
        """Stop time at the present instant."""
        self._paused_at = self.now()

    def resume(self) -> None:
        """Let time run on from where it stands."""
        if self._paused_at is not None:
            self._offset_ms = self._paused_at - self.wall_ms()
            self._paused_at = None
        self._tell()

    def move_to(self, instant_ms: int) -> None:
        """Jump to an instant; running time runs on from there."""
        if self._paused_at is not None:
            self._paused_at = instant_ms
        else:
            self._offset_ms += instant_ms - self.now()
        self._tell()

    def reset(self) -> None:
        """Follow the wall clock again."""
        self._offset_ms = 0
        self._paused_at = None
        self._latest = 0
        self._tell()

    def on_move(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever time is moved by hand."""
        self._listeners.append(listener)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
