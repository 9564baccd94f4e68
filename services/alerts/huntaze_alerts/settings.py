"""The alerts service's settings."""

from typing import Annotated

from huntaze_common.secret import Secret
from huntaze_common.settings import ObjectStoreSettings, Port, Url
from msgspec import Meta


class AlertsSettings(ObjectStoreSettings, frozen=True, kw_only=True):
    """Beside what every worker and the object store need."""

    check_interval: Annotated[int, Meta(ge=60, le=86_400)] = 300
    """Seconds between two slots of the schedule `alerts`; keep the two alike."""
    heartbeat_url: Url | None = None
    """Fetched after every check, so that a monitor outside notices when checks stop."""
    channel_key: Secret | None = None
    """Encrypts the channels' secrets at rest (Fernet; several separated by commas, the newest first).

    Without it, only channels without secrets can be made: inbox, log and e-mail."""
    send_seconds: Annotated[float, Meta(gt=0, le=15)] = 10.0
    """For one message, from finding its destination to the answer."""
    smtp_host: str | None = None
    """Without it, channels of kind e-mail can't be made."""
    smtp_port: Port = 587
    smtp_security: Annotated[str, Meta(pattern="^(starttls|tls|none)$")] = "starttls"
    smtp_user: str | None = None
    smtp_password: Secret | None = None
    email_from: str = "alerts@localhost"
    pagerduty_url: Url = "https://events.pagerduty.com"
    """Of the service region: https://events.eu.pagerduty.com in Europe."""
    telegram_url: Url = "https://api.telegram.org"
