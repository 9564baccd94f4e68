"""Retention: delete what a policy no longer keeps, batch by batch, and never a day that was not counted."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from huntaze_common.postgres import Pool

from huntaze_data import store
from huntaze_data.errors import TooMuchToDelete
from huntaze_data.store import Policy


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of one policy."""

    policy: Policy
    cutoff: datetime
    matched: int
    deleted: int
    held_back: str | None
    complete: bool


async def clean_archived_messages(
    pool: Pool, policy: Policy, *, now: datetime, seconds: float, dry_run: bool, force: bool
) -> Cleaned:
    """Delete messages that were archived more than the policy's days before ``now``, for at most ``seconds``.

    Each batch commits by itself, so that nobody waits long for its locks and a crash loses nothing.

    Raises:
        TooMuchToDelete: more of the table than the policy allows, and not forced.
    """
    cutoff = now - timedelta(days=policy.keep_days)
    matched = await store.archived_messages_before(pool, cutoff)
    if dry_run or matched.first_day is None:
        return Cleaned(policy, cutoff, matched.rows, 0, "dry run" if dry_run else None, complete=True)
    if not force and matched.rows > policy.most_share * matched.total:
        raise TooMuchToDelete(
            f"{policy.id} would delete {matched.rows} of {matched.total} rows, more than its"
            f" {policy.most_share:.0%}; send it with force if that is right"
        )
    uncounted = await store.uncounted_days(pool, matched.first_day, cutoff.date())
    if uncounted:
        why = f"{uncounted} days from {matched.first_day} on are not counted: run aggregate-analytics first"
        return Cleaned(policy, cutoff, matched.rows, 0, why, complete=True)
    deleted, give_up = 0, time.monotonic() + seconds
    while time.monotonic() < give_up:
        batch = await store.delete_archived_messages(pool, cutoff, policy.batch_rows)
        deleted += batch
        if batch < policy.batch_rows:
            return Cleaned(policy, cutoff, matched.rows, deleted, None, complete=True)
    return Cleaned(policy, cutoff, matched.rows, deleted, None, complete=False)
