"""The trends service's settings."""

from typing import Annotated

from huntaze_common.secret import Secret
from huntaze_common.settings import Url, WorkerSettings
from msgspec import Meta

Usd = Annotated[float, Meta(gt=0)]


class TrendsSettings(WorkerSettings, frozen=True, kw_only=True):
    """Beside what every worker needs."""

    apify_token: Secret | None = None
    """Without it the service runs, and scrapes fail with a message that names this setting."""
    apify_api_url: Url = "https://api.apify.com"
    most_usd_per_run: Usd = 1.0
    """Apify stops a run that would cost more."""
    most_usd_per_day: Usd = 50.0
    """Of all runs that start on one UTC day, by what they cost or may cost."""
    most_usd_per_user_per_day: Usd = 10.0
    """Of those that one user asks for; what many follow is on the platform."""
