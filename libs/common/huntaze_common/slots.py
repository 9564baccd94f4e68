"""Which run of a schedule a message stands for.

A schedule's body is fixed when the schedule is made, so it holds no date. The slot is the last time at which
the cron expression fired before the delivery was signed.
"""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from huntaze_contracts.base import Schedule

from huntaze_common.errors import PayloadInvalid

_ZONE_PREFIX = "CRON_TZ="
_SLOT = "%Y%m%dT%H%MZ"


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
    # Counting backwards excludes its start, and a fire at exactly this second counts.
    signed = datetime.fromtimestamp(math.floor(signed_at), UTC)
    start = (signed + timedelta(seconds=1)).astimezone(zone)
    try:
        slot = next(CronSim(cron, start, reverse=True))
        # Backwards, fires of the hour that comes twice in an autumn night can be missed: look forwards, too.
        for later in CronSim(cron, slot):
            if later > signed:
                return slot.astimezone(UTC)
            slot = later
    except (CronSimError, StopIteration):
        pass
    raise PayloadInvalid("schedule.cron is not a cron expression that ever fires")


def slot_in(job_id: str, schedule: Schedule) -> datetime:
    """Return the slot that `slot_job_id` made ``job_id`` from.

    Raises:
        PayloadInvalid: it is no job of this schedule.
    """
    try:
        slot = datetime.strptime(job_id.rpartition(".")[2], _SLOT).replace(tzinfo=UTC)
    except ValueError:
        slot = None
    if slot is None or slot_job_id(schedule, slot) != job_id:
        raise PayloadInvalid(f"jobId is no slot of schedule {schedule.id}")
    return slot


def slot_job_id(schedule: Schedule, slot: datetime) -> str:
    """Name the job of a slot: every message of the same slot is the same job."""
    return f"{schedule.id}.{slot:{_SLOT}}"
