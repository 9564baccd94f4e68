"""Measure how loud a video is, as EBU R 128 does, while its packets pass by."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import av
import av.audio.stream
import av.error
import av.filter
from av.filter.context import FilterContext

SILENCE = -50.0
"""Loudness, in LUFS over 0.4 seconds, below which there is nothing to hear."""
_FLOOR = -70.0
"""The standard's absolute gate: what is below is not measured."""
_PATIENCE = 50
"""Undecodable packets after which the rest of the sound is given up."""


class Loudness(NamedTuple):
    """Momentary loudness: over the 0.4 seconds before ``time``, in LUFS."""

    time: float
    level: float


class SoundMeter:
    """Meters one audio stream. Sound that can't be decoded is left out, never an error of the video."""

    def __init__(self, stream: av.audio.stream.AudioStream) -> None:
        self.stream = stream
        self.curve: list[Loudness] = []
        self.integrated: float | None = None
        """Loudness of the whole, gated, in LUFS; None while there is nothing above the gate."""
        self._into: FilterContext | None = None
        self._out_of: FilterContext | None = None
        self._graph: av.filter.Graph | None = None
        self._damage = 0

    def feed(self, packet: "av.Packet[Any]") -> None:
        """Take the stream's next packet."""
        if self._damage > _PATIENCE:
            return
        try:
            for frame in self.stream.decode(packet):
                self._meter(frame)
        except av.error.EOFError:
            self._damage = _PATIENCE + 1
        except MemoryError:
            raise
        except av.error.FFmpegError:
            self._damage += 1

    def _meter(self, frame: av.AudioFrame) -> None:
        if self._into is None or self._out_of is None:
            self._into, self._out_of = self._build()
        self._into.push(frame)
        for measured in _pulled(self._out_of):
            level = float(measured.metadata.get("lavfi.r128.M", "nan"))
            if measured.time is not None and level == level:
                self.curve.append(Loudness(measured.time, max(level, _FLOOR)))
            whole = float(measured.metadata.get("lavfi.r128.I", "nan"))
            self.integrated = whole if whole > _FLOOR else None

    def _build(self) -> tuple[FilterContext, FilterContext]:
        self._graph = graph = av.filter.Graph()
        into = graph.add_abuffer(template=self.stream)
        meter = graph.add("ebur128", "metadata=1")
        out_of = graph.add("abuffersink")
        into.link_to(meter)
        meter.link_to(out_of)
        graph.configure()
        return into, out_of


def silences(curve: list[Loudness], *, least: float = 0.5) -> list[tuple[float, float]]:
    """Return the stretches of at least ``least`` seconds in which there is nothing to hear."""
    found: list[tuple[float, float]] = []
    since: float | None = None
    for time, level in curve:
        if level < SILENCE:
            since = time if since is None else since
            continue
        if since is not None and time - since >= least:
            found.append((since, time))
        since = None
    if since is not None and curve[-1].time - since >= least:
        found.append((since, curve[-1].time))
    return found


def _pulled(sink: FilterContext) -> Iterator[av.AudioFrame]:
    while True:
        try:
            frame = sink.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if isinstance(frame, av.AudioFrame):
            yield frame
