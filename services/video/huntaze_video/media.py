"""Decode a video, frame by frame, under limits."""

from collections.abc import Iterator
from fractions import Fraction
from io import RawIOBase
from itertools import islice
from typing import Any, cast

import av
import av.error

from huntaze_video.containers import check, choose_stream, decoder_of, open_container
from huntaze_video.errors import MediaUnreadable
from huntaze_video.extraction import Limits, MediaInfo, Mode
from huntaze_video.pictures import displayed_size, has_alpha, is_hdr
from huntaze_video.sound import SoundMeter

_MAX_CONSECUTIVE_DAMAGE = 300
"""Damaged packets in a row after which the rest of a file is given up: ten seconds at 30 frames/s."""


class Media:
    """One open video: what it is, and its frames in display order."""

    def __init__(self, source: RawIOBase, limits: Limits, mode: Mode = Mode.EXACT) -> None:
        """Open a seekable binary file.

        Raises:
            MediaUnsupported: no container or codec of ours.
            NoVideoStream: nothing in it moves.
            MediaTooLarge: its header announces more than the limits allow.
            MediaUnreadable: the demuxer can't make sense of it.
        """
        self._source = source
        self._limits = limits
        self._mode = mode
        self.sound: SoundMeter | None = None
        self.frames_decoded = 0
        self.damaged_packets = 0
        self.last_time = 0.0
        self._open()
        self.duration = self._announced_duration()
        check(self.duration <= limits.duration, f"the video is longer than {limits.duration:.0f} s")

    def rewind(self) -> None:
        """Go back to the start, to decode a second time."""
        # Opened anew, because not every file that can be read from its start can be sought in.
        self._container.close()
        self._open()

    def close(self) -> None:
        """Free the decoder and the demuxer."""
        self._container.close()

    @property
    def frame_rate(self) -> float:
        """Average frames per second; 25 when the file does not say."""
        for rate in (self._stream.average_rate, self._stream.guessed_rate, self._stream.base_rate):
            if rate and 0 < rate <= 1000:
                return float(rate)
        return 25.0

    def describe(self, first: av.VideoFrame, *, frames: int) -> MediaInfo:
        """Say what the file is, once its first frame has been seen."""
        width, height = displayed_size(first, self._stream.sample_aspect_ratio)
        return MediaInfo(
            container=self._container.format.name.partition(",")[0],
            codec=self._stream.codec_context.name,
            width=width,
            height=height,
            rotation=first.rotation % 360,
            duration=round(self.duration, 6),
            frame_rate=round(self.frame_rate, 3),
            frames=frames,
            damaged_packets=self.damaged_packets,
            pixel_format=first.format.name,
            hdr=is_hdr(first),
            interlaced=first.interlaced_frame,
            alpha=has_alpha(first),
            audio=bool(self._container.streams.audio),
        )

    @property
    def sample_aspect_ratio(self) -> Fraction | None:
        """Width of one stored sample over its height; null where samples are square."""
        return self._stream.sample_aspect_ratio

    def frames(self, *, with_sound: bool = False) -> Iterator[tuple[float, av.VideoFrame]]:
        """Yield the time and the picture of each frame, in display order, from the start.

        Damaged packets are counted and skipped. When it ends, ``duration`` is what was really there, and
        ``sound`` has metered the first sound track if it was asked to; a preview learns neither.

        Raises:
            MediaTooLarge: a frame, their number or their time span is over the limits.
            MediaUnreadable: not a single frame could be decoded.
        """
        self.frames_decoded = self.damaged_packets = 0
        start, step, previous = self._start_time(), 1.0 / self.frame_rate, -1.0
        base = self._stream.time_base or Fraction(1, 90_000)
        preview = self._mode is Mode.PREVIEW
        self.sound = self._meter(with_sound and not preview)
        for frame in self._key_frames() if preview else self._decoded():
            check(frame.width * frame.height <= self._limits.pixels, "a frame has too many pixels")
            # Frames that a decoder holds back lose their time base; their stamps are in the stream's.
            stamp = previous + step if frame.pts is None else float(frame.pts * base) - start
            # Broken time stamps may stand still or run backwards; ours never do.
            time = max(stamp, 0.0) if stamp > previous else previous + 1e-6
            check(time <= self._limits.duration, f"the video is longer than {self._limits.duration:.0f} s")
            self.frames_decoded += 1
            check(self.frames_decoded <= self._limits.frames, "the video has too many frames")
            previous = self.last_time = time
            yield time, frame
        if not self.frames_decoded:
            raise MediaUnreadable("no frame of the video can be decoded")
        self.duration = max(self.last_time + step, self.duration if preview else 0.0)

    def _open(self) -> None:
        self._container = open_container(self._source, self._limits)
        self._stream = choose_stream(self._container, self._limits)
        self._decoder = decoder_of(self._stream)
        self._decoder.thread_type = "AUTO"
        self._decoder.thread_count = self._limits.threads
        if self._mode is Mode.FAST:
            self._decoder.skip_frame = "NONREF"
            self._decoder.options = {"skip_loop_filter": "all", "flags2": "fast"}

    def _decoded(self) -> Iterator[av.VideoFrame]:
        in_a_row = 0
        packets = self._container.demux([self._stream, *([self.sound.stream] if self.sound else [])])
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except MemoryError:
                raise
            except av.error.FFmpegError:
                self.damaged_packets += 1
                packet = None
            if self.sound is not None and packet is not None and packet.stream is self.sound.stream:
                self.sound.feed(packet)
                continue
            try:
                # A packet without data, as the demuxer's last one is, drains the decoder.
                yield from self._decoder.decode(packet)
                in_a_row = 0
            except av.error.EOFError:
                return
            except MemoryError:
                raise
            except av.error.FFmpegError:
                self.damaged_packets += 1
                in_a_row += 1
            if packet is None or in_a_row > _MAX_CONSECUTIVE_DAMAGE:
                return

    def _key_frames(self) -> Iterator[av.VideoFrame]:
        """Decode key frames alone. Where the file has an index, nothing else of it is read."""
        for packet in self._key_packets():
            try:
                yield from self._decoder.decode(packet)
                yield from self._decoder.decode(None)
            except MemoryError:
                raise
            except av.error.FFmpegError:
                self.damaged_packets += 1
            self._decoder.flush_buffers()

    def _key_packets(self) -> Iterator["av.Packet[Any]"]:
        stream = self._stream
        indexed = [entry.timestamp for entry in stream.index_entries if entry.is_keyframe]
        if len(indexed) < 2:
            yield from (packet for packet in self._readable_packets() if packet.is_keyframe)
            return
        seen: set[int | None] = set()
        # Some demuxers take these stamps for times of display and go to the key frame before; one more
        # stamp, behind the last, then still brings the last.
        behind = indexed[-1] + int(10 / (stream.time_base or 1))
        for timestamp in (*indexed, behind):
            try:
                self._container.seek(timestamp, stream=stream, backward=True)
                packet = next((p for p in islice(self._readable_packets(), 4) if p.is_keyframe), None)
            except av.error.FFmpegError:
                packet = None
            if packet is None:
                self.damaged_packets += 1
            elif packet.pts not in seen:
                seen.add(packet.pts)
                yield packet

    def _readable_packets(self) -> Iterator["av.Packet[Any]"]:
        """Yield the video's packets up to the end, or to what can't be demuxed."""
        try:
            yield from (packet for packet in self._container.demux(self._stream) if packet.size)
        except MemoryError:
            raise
        except av.error.FFmpegError:
            self.damaged_packets += 1

    def _meter(self, wanted: bool) -> SoundMeter | None:
        tracks = self._container.streams.audio
        return SoundMeter(tracks[0]) if wanted and tracks else None

    def _start_time(self) -> float:
        # The container's start is the earliest of all streams': sound may begin before the pictures.
        start = cast("int | None", self._container.start_time)  # PyAV's types leave None out
        return start / av.time_base if start is not None else 0.0

    def _announced_duration(self) -> float:
        """Return the seconds of pictures that the headers announce, else those that the packets span."""
        stream = self._stream
        if stream.duration and stream.time_base and stream.frames:
            return float(stream.duration * stream.time_base)
        if self._mode is Mode.PREVIEW and self._container.duration:
            return self._container.duration / av.time_base
        last, start = 0.0, self._start_time()
        for number, packet in enumerate(self._readable_packets()):
            check(number < self._limits.frames, "the video has too many packets")
            if packet.pts is not None:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                last = max(last, end - start)
        # Damage behind what could be read changes nothing about the frames up to there.
        self.damaged_packets = 0
        self.rewind()
        return max(last, 0.0)
