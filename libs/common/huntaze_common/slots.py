"""Which run of a schedule a message stands for.

A schedule's body is fixed when the schedule is made, so it holds no date. The slot is the last time at which
the cron expression fired before the delivery was signed.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from huntaze_contracts.base import Schedule

from huntaze_common.errors import PayloadInvalid

_ZONE_PREFIX = "CRON_TZ="


def slot_of(schedule: Schedule, signed_at: float) -> datetime:
    """Return the schedule's last slot at or before ``signed_at`` (seconds since the epoch).

    Raises:
        PayloadInvalid: the cron expression or its zone does not exist.
    """
    cron, zone = schedule.cron.strip(), ZoneInfo("UTC")
    if cron.startswith(_ZONE_PREFIX):
        name, _, cron = cron.removeprefix(_ZONE_PREFIX).partition(" ")
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise PayloadInvalid(f"schedule.cron names an unknown time zone '{name[:64]}'") from None
    # Backwards iteration excludes its start; a fire at exactly this second counts.
    start = datetime.fromtimestamp(signed_at, UTC).astimezone(zone) + timedelta(seconds=1)
    try:
        return next(CronSim(cron, start, reverse=True)).astimezone(UTC)
    except (CronSimError, StopIteration):
        raise PayloadInvalid("schedule.cron is not a cron expression that ever fires") from None


def slot_job_id(schedule: Schedule, slot: datetime) -> str:
    """Name the job of a slot: every message of the same slot is the same job."""
    return f"{schedule.id}.{slot:%Y%m%dT%H%M}Z"
