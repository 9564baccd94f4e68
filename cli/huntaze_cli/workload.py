"""What is sent and computed in a month, as lists of flows.

The seed's workload is that of the platform's first sketch: 60 videos a user, an alert check every five
minutes, trends every six hours, one analytics run a day. The corrected one adds what the sketch left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

DAYS = 30
"""The sketch counts months of 30 days; so does everything that is put beside it."""
ALERTS_EVERY = 300.0
"""Seconds between two alert checks, as in deploy/schedules.toml."""
USERS_A_PAGE = 1000
"""A run over all users continues in one further message for each so many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """One kind of message, a month of it."""

    name: str
    publishes: float
    seconds: float
    """Of computing in one delivery."""
    vcpu: float = 1.0
    gib: float = 0.5
    endpoints: int = 1
    """Of the URL group that it is sent to: each gets a message of its own."""
    callbacks: float = 0.0
    """Callback messages for each attempt."""
    failures: float = 0.0
    """Share of the publishes that end in a failure callback."""
    apify_runs: float = 0.0
    model_calls: float = 0.0
    """For each publish."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """The figures that decide a month's bill."""

    users: int
    videos_per_user: float = 60
    video_seconds: float = 45
    """Of computing for one video, at 2 vCPU and 2 GiB."""
    retry_rate: float = 0.02
    """Mean further attempts for each message."""
    retries_billed: bool = True
    """Upstash's FAQ says that each attempt is a message, its price page that retries are free."""
    callbacks: float = 1.0
    """For each attempt of a video."""
    endpoints: int = 1
    """That a video's message is sent to."""
    failure_rate: float = 0.001
    message_kb: float = 2.0
    """Body, headers and answer of one message."""
    schedules: int = 6
    read_mb: float = 20.0
    """Of one video, from the store to the worker."""
    stored_mb: float = 0.5
    """Kept of one video for a year."""
    apify_usd: float = 0.0
    """For one run; depends on the actor, ask Apify."""
    model_usd: float = 0.000125
    """For one picture's analysis: 1,500 tokens in at $0.05/M, 500 out at $0.10/M."""


def seed_messages(users: int, videos_per_user: float = 60) -> float:
    """Count a month's messages as the sketch did: no retry, no callback, nothing that follows."""
    return users * videos_per_user + DAYS * (288 + 4 + 1)


def corrected_flows(load: Load) -> Sequence[Flow]:
    """Return the same workload with what a month of it really sends.

    Added: callbacks, failure callbacks, the daily statistics, hourly report dispatch and weekly clean-up that
    the sketch names and does not count, the message that collects a finished scrape, and a further message
    for each thousand users of a run over all users.
    """
    pages = max(1, -(-load.users // USERS_A_PAGE))
    videos = load.users * load.videos_per_user
    return (
        Flow(
            name="video-processing",
            publishes=videos,
            seconds=load.video_seconds,
            vcpu=2,
            gib=2,
            endpoints=load.endpoints,
            callbacks=load.callbacks,
            failures=load.failure_rate,
            model_calls=1,
        ),
        Flow(name="alert-checker", publishes=DAYS * 288 * pages, seconds=0.3, failures=load.failure_rate),
        Flow(name="content-trends", publishes=DAYS * 4, seconds=5, failures=load.failure_rate, apify_runs=1),
        Flow(name="trends: collect", publishes=DAYS * 4, seconds=5, failures=load.failure_rate),
        Flow(name="daily analytics", publishes=DAYS * pages, seconds=10, failures=load.failure_rate),
        Flow(name="daily statistics", publishes=DAYS * pages, seconds=10, failures=load.failure_rate),
        Flow(name="report dispatch", publishes=DAYS * 24 * pages, seconds=0.3, failures=load.failure_rate),
        Flow(name="weekly clean-up", publishes=DAYS / 7, seconds=10, failures=load.failure_rate),
    )


def attempts(flow: Flow, load: Load) -> float:
    """Count deliveries: publishes × endpoints × (1 + mean further attempts)."""
    return flow.publishes * flow.endpoints * (1 + load.retry_rate)


def messages(flow: Flow, load: Load) -> float:
    """Count billed messages: attempts, callbacks of each attempt, and failure callbacks."""
    sent = attempts(flow, load) if load.retries_billed else flow.publishes * flow.endpoints
    return sent + flow.callbacks * attempts(flow, load) + flow.failures * flow.publishes * flow.endpoints
