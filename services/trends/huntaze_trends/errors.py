"""Why a trends job can end without a result.

PermanentFailure
├── NotConfigured       APIFY_TOKEN is not set
├── PlatformUnsupported no actor is registered for the platform or the kind of query
├── ScrapeUnknown       there is no such scrape
└── ScrapeFailed        the actor's run failed, was aborted or timed out
"""

from huntaze_common.errors import PermanentFailure


class NotConfigured(PermanentFailure):
    """A credential is missing; the message names the setting."""

    code = "not_configured"


class PlatformUnsupported(PermanentFailure):
    """No actor is registered for the platform, or it cannot look for this kind of thing."""

    code = "platform_unsupported"


class ScrapeUnknown(PermanentFailure):
    """There is no such scrape, or it never started."""

    code = "scrape_unknown"


class ScrapeFailed(PermanentFailure):
    """The actor's run did not succeed; the message has its status."""

    code = "scrape_failed"
