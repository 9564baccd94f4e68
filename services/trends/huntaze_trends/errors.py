"""Why a trends job can end without a result.

PermanentFailure
├── NotConfigured       APIFY_TOKEN is not set
├── PlatformUnsupported no actor is registered for the platform or the kind of query
├── BudgetSpent         the day's money for scrapes is spent
├── ApifyRefused        Apify will not do it: the token, the input, the plan
├── ScrapeUnknown       there is no such scrape
└── ScrapeFailed        the actor's run failed

RetryLater
├── DatasetIncomplete   Apify does not show all rows yet
└── StartUnclear        a start may or may not have reached Apify, which cannot be told yet
"""

from huntaze_common.errors import PermanentFailure, RetryLater


class NotConfigured(PermanentFailure):
    """A credential is missing; the message names the setting."""

    code = "not_configured"


class PlatformUnsupported(PermanentFailure):
    """No actor is registered for the platform, or it cannot look for this kind of thing."""

    code = "platform_unsupported"


class BudgetSpent(PermanentFailure):
    """Scraping now could cost more than the day's budget has left; tomorrow it may be asked for again."""

    code = "budget_spent"


class ApifyRefused(PermanentFailure):
    """Apify refused for good; the message has its status and its name for the reason."""

    code = "apify_refused"


class ScrapeUnknown(PermanentFailure):
    """There is no such scrape, or it never started."""

    code = "scrape_unknown"


class ScrapeFailed(PermanentFailure):
    """The actor's run did not succeed; the message has its status."""

    code = "scrape_failed"


class DatasetIncomplete(RetryLater):
    """The dataset shows fewer rows than it says it has."""

    code = "dataset_incomplete"


class StartUnclear(RetryLater):
    """The answer to a start was lost, and the run may not be listed yet."""

    code = "start_unclear"
