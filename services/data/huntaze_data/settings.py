"""The data service's settings."""

from typing import Annotated

from huntaze_common.settings import ObjectStoreSettings
from msgspec import Meta


class DataSettings(ObjectStoreSettings, frozen=True, kw_only=True):
    """Beside what every worker needs, and the bucket that holds reports and exports."""

    late_days: Annotated[int, Meta(ge=1, le=30)] = 3
    """How many closed days each run counts again, for events that came late."""
    job_seconds: Annotated[float, Meta(gt=0, le=240)] = 60.0
    """How long one job counts or deletes before it leaves the rest to a follow-up."""
