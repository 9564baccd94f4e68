"""Why a data job can end without a result.

PermanentFailure
├── DayInFuture        a day that has not ended cannot be counted
├── UnknownPolicy      no retention policy has this name
└── TooMuchToDelete    the policy would delete a large share of its table, and was not forced
"""

from huntaze_common.errors import PermanentFailure


class DayInFuture(PermanentFailure):
    """A day was asked for that has not ended anywhere yet."""

    code = "day_in_future"


class UnknownPolicy(PermanentFailure):
    """No retention policy has this name."""

    code = "unknown_policy"


class TooMuchToDelete(PermanentFailure):
    """The clean-up would delete more than its policy's largest share of the table; `force` overrides it."""

    code = "too_much_to_delete"
