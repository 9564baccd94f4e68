"""Why something of this service can fail.

PermanentFailure
└── SlotInFuture          a check by hand for a time to come: it would make all ticks until then late
ChannelError              how sending one message went wrong; never leaves this service
├── Refused                  the destination will never take it
└── Deferred                 it may later
"""

from datetime import datetime

from huntaze_common.errors import PermanentFailure


class SlotInFuture(PermanentFailure):
    """The slot lies in the future."""

    code = "slot_in_future"

    def __init__(self, slot: datetime) -> None:
        """Name the slot."""
        super().__init__(f"payload.slot {slot.isoformat()} lies in the future")


class ChannelError(Exception):
    """A message was not sent. The text goes to the log and to the channel's owner, so it holds no secret."""


class Refused(ChannelError):
    """The destination answered that it will never take this message."""


class Deferred(ChannelError):
    """The destination did not answer, was busy or failed; ``after`` is the wait in seconds that it named."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        """Store the destination's own wish, if it had one."""
        super().__init__(message)
        self.after = after
