"""What all jobs of the service do alike when one message is not enough."""

import hashlib
from datetime import datetime

from huntaze_common.run import Run

_LONGEST_ID = 128


def time_of(run: Run) -> datetime:
    """Return the schedule's own slot where there is one: a late delivery does the work of its own day."""
    return run.scheduled_for or run.now()


def follow_up_id(job_id: str) -> str:
    """Name the next part of a job: `cleanup.20261129T0317Z-part2`, then `-part3`."""
    stem, separator, number = job_id.rpartition("-part")
    if separator and number.isdigit():
        return derived_id(stem, f"part{int(number) + 1}")
    return derived_id(job_id, "part2")


def first_id(job_id: str) -> str:
    """Return the name of the job that a follow-up belongs to: that of its first part."""
    stem, separator, number = job_id.rpartition("-part")
    return stem if separator and number.isdigit() else job_id


def derived_id(job_id: str, suffix: str) -> str:
    """Name a job that another one asks for; the same for the same job, whatever its length."""
    name = f"{job_id}-{suffix}"
    if len(name) <= _LONGEST_ID:
        return name
    digest = hashlib.sha256(job_id.encode()).hexdigest()[:32]
    return f"{job_id[: _LONGEST_ID - len(suffix) - 34]}-{digest}-{suffix}"
