"""Why a video can end without a result.

PermanentFailure
└── MediaRefused                 the file itself; the same bytes fail again
    ├── MediaUnreadable             damaged, or no video at all
    ├── NoVideoStream               sound only, or a cover picture only
    ├── MediaUnsupported            a container or codec that is not on our lists
    ├── MediaTooLarge               more pixels, seconds, streams, frames or memory than the limits allow
    ├── DecoderCrashed              the decoder died of this file
    └── DecoderOverran              the file costs more CPU time than one job may use
RetryLater
├── DecoderStopped               killed from outside, or by the wall clock of a busy machine
└── TemporarySpaceShort          no room on the disk while other videos are there

Each class has a ``code`` of its own, which the status API, the metrics and the decoding process use.
"""

from huntaze_common.errors import PermanentFailure, RetryLater


class MediaRefused(PermanentFailure):
    """This file can't be processed, now or later."""

    code = "media_refused"


class MediaUnreadable(MediaRefused):
    """The file is damaged, or is no video."""

    code = "media_unreadable"


class NoVideoStream(MediaRefused):
    """The file holds no moving picture: sound alone, or an attached cover."""

    code = "no_video_stream"


class MediaUnsupported(MediaRefused):
    """The container or the codec is not on the list of those that we open."""

    code = "media_unsupported"


class MediaTooLarge(MediaRefused):
    """The file is over a limit; the message names which."""

    code = "media_too_large"


class DecoderCrashed(MediaRefused):
    """The decoding process died of a signal, or broke its protocol, on this file."""

    code = "decoder_crashed"


class DecoderOverran(MediaRefused):
    """The decoding process used up the CPU time of one job."""

    code = "decoder_overran"


class DecoderStopped(RetryLater):
    """The decoding process was stopped by something that is not the file's fault."""

    code = "decoder_stopped"


class TemporarySpaceShort(RetryLater):
    """The disk has no room for this file now; other jobs will give theirs back."""

    code = "temporary_space_short"


REFUSALS: dict[str, type[MediaRefused]] = {
    kind.code: kind
    for kind in (MediaRefused, MediaUnreadable, NoVideoStream, MediaUnsupported, MediaTooLarge)
}
"""What the decoding process may answer, by the code that it sends."""
