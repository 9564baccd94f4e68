"""What each plan of the hosted service allows (its pricing page, 2026)."""

from dataclasses import dataclass

_MB = 1 << 20
_MINUTE_MS = 60_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Limits of one plan; None means that there is none."""

    messages_per_day: int | None
    message_bytes: int
    delay_ms: int | None
    timeout_ms: int
    dlq_retention_ms: int
    log_retention_ms: int
    schedules: int
    url_groups: int
    endpoints_per_group: int
    queues: int
    queue_parallelism: int
    parallelism: int
    retries: int


PLANS = {
    "free": Plan(
        messages_per_day=1_000,
        message_bytes=_MB,
        delay_ms=7 * _DAY_MS,
        timeout_ms=15 * _MINUTE_MS,
        dlq_retention_ms=3 * _DAY_MS,
        log_retention_ms=3 * _DAY_MS,
        schedules=10,
        url_groups=1,
        endpoints_per_group=100,
        queues=10,
        queue_parallelism=2,
        parallelism=10,
        retries=999,
    ),
    "payg": Plan(
        messages_per_day=None,
        message_bytes=10 * _MB,
        delay_ms=365 * _DAY_MS,
        timeout_ms=120 * _MINUTE_MS,
        dlq_retention_ms=7 * _DAY_MS,
        log_retention_ms=14 * _DAY_MS,
        schedules=1_000,
        url_groups=100,
        endpoints_per_group=100,
        queues=100,
        queue_parallelism=10,
        parallelism=100,
        retries=999,
    ),
    "fixed-1m": Plan(
        messages_per_day=1_000_000,
        message_bytes=50 * _MB,
        delay_ms=None,
        timeout_ms=360 * _MINUTE_MS,
        dlq_retention_ms=30 * _DAY_MS,
        log_retention_ms=14 * _DAY_MS,
        schedules=10_000,
        url_groups=1_000,
        endpoints_per_group=1_000,
        queues=1_000,
        queue_parallelism=10,
        parallelism=200,
        retries=999,
    ),
}
BATCH_BYTES = 100 * _MB
