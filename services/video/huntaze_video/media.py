"""Open one video file and decode it, frame by frame, under limits.

libav never gets a URL and never guesses: the container is recognised here from its first bytes, exactly one
demuxer is opened by name, and only the codecs below may decode. Demuxers that open other resources
(playlists, concat, DASH, image sequences) are not on the list, so nothing in a file can name another file.
"""

from collections.abc import Iterator
from fractions import Fraction
from io import RawIOBase
from typing import Self, cast

import av
import av.container
import av.error
import av.video.stream
from av.stream import Disposition

from huntaze_video.errors import MediaTooLarge, MediaUnreadable, MediaUnsupported, NoVideoStream
from huntaze_video.extraction import Limits, MediaInfo
from huntaze_video.pictures import displayed_size, has_alpha, is_hdr
from huntaze_video.sound import SoundMeter

_VIDEO_CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mjpeg", "prores"})
_KEEPING_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_DECODERS = sorted(
    _VIDEO_CODECS
    | {"aac", "mp3", "mp3float", "opus", "vorbis", "ac3", "eac3", "flac", "alac"}
    | {"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_f32le", "pcm_u8"}
)
_SNIFFED_BYTES = 4096
_MAX_CONSECUTIVE_DAMAGE = 300
"""Damaged packets in a row after which the rest of a file is given up: ten seconds at 30 frames/s."""


def recognise(head: bytes) -> str:
    """Return the name of the one demuxer for a file that starts with ``head``.

    Raises:
        MediaUnsupported: the bytes are of no container on our list; extensions and content types don't count.
    """
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head.startswith(b"RIFF") and head[8:12] in {b"AVI ", b"AVIX"}:
        return "avi"
    if head.startswith(b"FLV\x01"):
        return "flv"
    if any(head[first::size][:3] == b"\x47\x47\x47" for first, size in ((0, 188), (4, 192))):
        return "mpegts"
    raise MediaUnsupported("the file is no MP4, QuickTime, WebM, Matroska, AVI, MPEG-TS or FLV video")


class Media:
    """One open video: what it is, and its frames in display order."""

    def __init__(self, container: av.container.InputContainer, limits: Limits) -> None:
        self._container = container
        self._limits = limits
        self._stream = _choose_stream(container, limits)
        self._decoder = _decoder_of(self._stream)
        self._decoder.thread_type = "AUTO"
        self._decoder.thread_count = limits.threads
        self.sound: SoundMeter | None = None
        self.frames_decoded = 0
        self.damaged_packets = 0
        self.last_time = 0.0
        self.duration = self._announced_duration()
        _check(self.duration <= limits.duration, f"the video is longer than {limits.duration:.0f} s")

    @classmethod
    def open(cls, source: RawIOBase, limits: Limits) -> Self:
        """Open a seekable binary file.

        Raises:
            MediaUnsupported: no container or codec of ours.
            NoVideoStream: nothing in it moves.
            MediaTooLarge: its header announces more than the limits allow.
            MediaUnreadable: the demuxer can't make sense of it.
        """
        source.seek(0)
        demuxer = recognise(source.read(_SNIFFED_BYTES))
        source.seek(0)
        try:
            container = av.open(
                source,
                "r",
                format=demuxer,
                container_options={
                    "codec_whitelist": ",".join(_DECODERS),
                    "max_streams": str(limits.streams + 1),
                    "probesize": str(8 << 20),
                    "analyzeduration": "5000000",
                    # Applies to the decoders that the probe opens, too.
                    "max_pixels": str(limits.pixels),
                },
                buffer_size=1 << 18,
            )
        except MemoryError:
            raise  # PyAV's is a kind of FFmpegError, too
        except av.error.FFmpegError as error:
            raise MediaUnreadable(f"the {demuxer} container can't be read: {_reason(error)}") from error
        return cls(container, limits)

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
        ``sound`` has metered the first sound track if it was asked to.

        Raises:
            MediaTooLarge: a frame, their number or their time span is over the limits.
            MediaUnreadable: not a single frame could be decoded.
        """
        self.frames_decoded = self.damaged_packets = 0
        start, step, previous = self._start_time(), 1.0 / self.frame_rate, -1.0
        self.sound = self._meter(with_sound)
        for frame in self._decoded():
            _check(frame.width * frame.height <= self._limits.pixels, "a frame has too many pixels")
            stamp = previous + step if frame.pts is None else frame.time - start
            # Broken time stamps may stand still or run backwards; ours never do.
            time = max(stamp, 0.0) if stamp > previous else previous + 1e-6
            _check(time <= self._limits.duration, f"the video is longer than {self._limits.duration:.0f} s")
            self.frames_decoded += 1
            _check(self.frames_decoded <= self._limits.frames, "the video has too many frames")
            previous = self.last_time = time
            yield time, frame
        if not self.frames_decoded:
            raise MediaUnreadable("no frame of the video can be decoded")
        self.duration = self.last_time + step

    def rewind(self) -> None:
        """Go back to the start, to decode a second time."""
        self._seek_to_start()
        self._decoder.flush_buffers()

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

    def _meter(self, wanted: bool) -> SoundMeter | None:
        tracks = self._container.streams.audio
        return SoundMeter(tracks[0]) if wanted and tracks else None

    def _seek_to_start(self) -> None:
        try:
            self._container.seek(0, backward=True)
        except av.error.FFmpegError as error:
            raise MediaUnreadable(f"the start can't be found again: {_reason(error)}") from error

    def _start_time(self) -> float:
        # The container's start is the earliest of all streams': sound may begin before the pictures.
        start = cast("int | None", self._container.start_time)  # PyAV's types leave None out
        return start / av.time_base if start is not None else 0.0

    def _announced_duration(self) -> float:
        """Return the seconds of pictures that the headers announce, else those that the packets span."""
        stream = self._stream
        if stream.duration and stream.time_base and stream.frames:
            return float(stream.duration * stream.time_base)
        last, packets = 0.0, 0
        try:
            for packet in self._container.demux(stream):
                if packet.pts is not None:
                    last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                packets += 1
                _check(packets <= self._limits.frames, "the video has too many packets")
        except av.error.FFmpegError:
            pass  # Damage behind what could be read: the frames up to there still count.
        self._seek_to_start()
        return max(last - self._start_time(), 0.0)


def _choose_stream(container: av.container.InputContainer, limits: Limits) -> av.video.stream.VideoStream:
    """Return the video stream to decode: the default one, else the first."""
    _check(len(container.streams) <= limits.streams, f"the file has more than {limits.streams} streams")
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving:
        raise NoVideoStream("the file holds no video, only sound or a cover picture")
    stream = next((s for s in moving if s.disposition & Disposition.default), moving[0])
    context = stream.codec_context
    # PyAV leaves the context out when libav knows no decoder at all.
    if context is None or context.name not in _VIDEO_CODECS:  # pyright: ignore[reportUnnecessaryComparison]
        name = "unknown" if context is None else context.name  # pyright: ignore[reportUnnecessaryComparison]
        raise MediaUnsupported(f"the codec {name} is not on the list of those that we decode")
    _check(context.width * context.height <= limits.pixels, "the frames have too many pixels")
    return stream


def _decoder_of(stream: av.video.stream.VideoStream) -> av.VideoCodecContext:
    """Return the stream's decoder; for a transparent WebM the one that does not drop the alpha channel."""
    context = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and context.name in _KEEPING_ALPHA:
        return cast(av.VideoCodecContext, av.CodecContext.create(_KEEPING_ALPHA[context.name], "r"))
    return context


def _check(within: bool, message: str) -> None:
    if not within:
        raise MediaTooLarge(message)


def _reason(error: av.error.FFmpegError) -> str:
    return error.strerror or type(error).__name__
