"""Why a data job can end without a result.

PermanentFailure
├── DayInFuture        a day that has not ended cannot be counted
├── DaySealed          messages of the day are deleted, and the count was not forced
├── UnknownPolicy      no retention policy has this name
├── TooMuchToDelete    the policy would delete a large share of its table, and was not forced
├── PeriodInvalid      a report's period is not over, or is no period
└── UserUnknown        the job is about one user, and the envelope names nobody, or somebody who is gone
"""

from huntaze_common.errors import PermanentFailure


class DayInFuture(PermanentFailure):
    """A day was asked for that has not ended anywhere yet."""

    code = "day_in_future"


class DaySealed(PermanentFailure):
    """Clean-up deleted messages of a day, so that a new count would lack them; `force` overrides it."""

    code = "day_sealed"


class UnknownPolicy(PermanentFailure):
    """No retention policy has this name."""

    code = "unknown_policy"


class TooMuchToDelete(PermanentFailure):
    """The clean-up would delete more than its policy's largest share of the table; `force` overrides it."""

    code = "too_much_to_delete"


class PeriodInvalid(PermanentFailure):
    """No report can be made of these days; the message names the field."""

    code = "period_invalid"


class UserUnknown(PermanentFailure):
    """The envelope names no user, or one that the application does not have."""

    code = "user_unknown"
