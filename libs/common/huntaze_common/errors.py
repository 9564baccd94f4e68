"""Why a job can end without a result, and what QStash then does.

    JobError
    ├── RetryLater               503 + Retry-After    delivered again, after a wait
    │   ├── UpstreamUnavailable     something that the job depends on failed or timed out
    │   ├── RateLimited             429: the upstream's own wait is passed on
    │   └── ClaimLost               another delivery took the job over; this one must stop
    └── PermanentFailure         489 + Upstash-NonRetryable-Error    dead-letter queue at once
        ├── PayloadInvalid          the body does not match its contract
        ├── PayloadConflict         the job id was used before, with another payload
        ├── JobCancelled            its owner cancelled it
        ├── JobPoisonous            it took its process down too often
        └── ...                     each service adds its own, for example MediaUnreadable

Any other exception is a bug: it answers 500 and QStash retries on its own schedule.
Only `huntaze_common.worker` knows about status codes; jobs choose a class.
"""

from typing import ClassVar


class JobError(Exception):
    """A job ended without a result for a reason that its author foresaw.

    The message reaches the operator, the status API and QStash's logs: it holds no secret and no link.
    """

    code: ClassVar[str] = "job_error"


class RetryLater(JobError):
    """Nothing is wrong with the job; the same payload may succeed later."""

    code = "retry_later"

    def __init__(self, message: str, *, after: float = 30.0) -> None:
        """Store the shortest useful wait, in seconds."""
        super().__init__(message)
        self.after = after


class UpstreamUnavailable(RetryLater):
    """A database, store, model or other service did not answer, or answered with its own failure."""

    code = "upstream_unavailable"


class RateLimited(RetryLater):
    """An upstream asked us to slow down; ``after`` is the wait that it named."""

    code = "rate_limited"


class ClaimLost(RetryLater):
    """The lease ran out and another delivery took the job over; nothing of this run may be kept."""

    code = "claim_lost"


class PermanentFailure(JobError):
    """The same payload can never succeed: trying again would only cost."""

    code = "permanent_failure"


class PayloadInvalid(PermanentFailure):
    """The body does not match its contract; the message names the field."""

    code = "payload_invalid"


class PayloadConflict(PermanentFailure):
    """The job id was used before with another payload."""

    code = "payload_conflict"


class JobCancelled(PermanentFailure):
    """The job's owner cancelled it."""

    code = "cancelled"


class JobPoisonous(PermanentFailure):
    """The job's process died too many times without an answer."""

    code = "poisonous"


class ConfigurationError(Exception):
    """The process cannot start, or a part cannot work: the message names each setting and never a value."""
