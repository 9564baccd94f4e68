"""Open the container of a video file: exactly one demuxer, and decoders from a list.

libav never gets a URL and never guesses: the container is recognised here from its first bytes, one demuxer
is opened by name, and only the codecs below may decode. Demuxers that open other resources (playlists,
concat, DASH, image sequences) are not on the list, so nothing in a file can name another file.
"""

from io import RawIOBase
from typing import cast

import av
import av.container
import av.error
import av.video.stream
from av.stream import Disposition

from huntaze_video.errors import MediaTooLarge, MediaUnreadable, MediaUnsupported, NoVideoStream
from huntaze_video.extraction import Limits

_VIDEO_CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mjpeg", "prores"})
_KEEPING_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_DECODERS = sorted(
    _VIDEO_CODECS
    | {"aac", "mp3", "mp3float", "opus", "vorbis", "ac3", "eac3", "flac", "alac"}
    | {"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_f32le", "pcm_u8"}
)
_SNIFFED_BYTES = 4096


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


def open_container(source: RawIOBase, limits: Limits) -> av.container.InputContainer:
    """Open a seekable binary file from its start.

    Raises:
        MediaUnsupported: no container of ours.
        MediaUnreadable: the demuxer can't make sense of it.
    """
    source.seek(0)
    demuxer = recognise(source.read(_SNIFFED_BYTES))
    source.seek(0)
    options = {
        "codec_whitelist": ",".join(_DECODERS),
        "max_streams": str(limits.streams + 1),
        "probesize": str(8 << 20),
        "analyzeduration": "5000000",
        # Applies to the decoders that the probe opens, too.
        "max_pixels": str(limits.pixels),
    }
    try:
        return av.open(source, "r", format=demuxer, container_options=options, buffer_size=1 << 16)
    except MemoryError:
        raise  # PyAV's is a kind of FFmpegError, too
    except av.error.FFmpegError as error:
        raise MediaUnreadable(f"the {demuxer} container can't be read: {reason(error)}") from error


def choose_stream(container: av.container.InputContainer, limits: Limits) -> av.video.stream.VideoStream:
    """Return the video stream to decode: the default one, else the first."""
    check(len(container.streams) <= limits.streams, f"the file has more than {limits.streams} streams")
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving:
        raise NoVideoStream("the file holds no video, only sound or a cover picture")
    stream = next((s for s in moving if s.disposition & Disposition.default), moving[0])
    context = stream.codec_context
    # PyAV leaves the context out when libav knows no decoder at all.
    if context is None or context.name not in _VIDEO_CODECS:  # pyright: ignore[reportUnnecessaryComparison]
        name = "unknown" if context is None else context.name  # pyright: ignore[reportUnnecessaryComparison]
        raise MediaUnsupported(f"the codec {name} is not on the list of those that we decode")
    check(context.width * context.height <= limits.pixels, "the frames have too many pixels")
    return stream


def decoder_of(stream: av.video.stream.VideoStream) -> av.VideoCodecContext:
    """Return the stream's decoder; for a transparent WebM the one that does not drop the alpha channel."""
    context = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and context.name in _KEEPING_ALPHA:
        return cast(av.VideoCodecContext, av.CodecContext.create(_KEEPING_ALPHA[context.name], "r"))
    return context


def check(within: bool, message: str) -> None:
    """Refuse a file that is over a limit.

    Raises:
        MediaTooLarge: it is.
    """
    if not within:
        raise MediaTooLarge(message)


def reason(error: av.error.FFmpegError) -> str:
    """Return what libav says of an error."""
    return error.strerror or type(error).__name__
