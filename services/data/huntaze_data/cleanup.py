"""cleanup-old-data: delete what a policy no longer keeps, in batches; never a day that was not counted."""

import asyncio
import math
import time
from datetime import datetime, timedelta

import asyncpg
from huntaze_common.errors import UpstreamUnavailable
from huntaze_common.postgres import Pool
from huntaze_common.run import Run
from huntaze_common.storage import S3ObjectStore
from huntaze_contracts.data import CleanupOldData, DataProcessed, PolicyApplied
from msgspec.structs import replace

from huntaze_data import retention_store as store
from huntaze_data.continuing import follow_up_id, time_of
from huntaze_data.errors import DayInFuture, TooMuchToDelete, UnknownPolicy
from huntaze_data.retention_store import FIRST_KEY, Key, Plan, Policy, Span

MESSAGES = "archived-messages"
"""The one policy whose rows are the application's; the others are of tables of the service's own."""
PARTITION_PAUSE, PARTITION_TRIES = 0.1, 100
"""Seconds between attempts at a partition that somebody reads, and how many; then its rows are deleted."""
OBJECTS_AT_ONCE = 100


async def clean(
    job: CleanupOldData, run: Run, pool: Pool, objects: S3ObjectStore, *, seconds: float
) -> DataProcessed:
    """Apply the policies for about ``seconds`` together; a follow-up does the rest.

    Each batch commits by itself, with its place in the audit row: nobody waits long for its locks, and after
    a crash the next delivery goes on. Objects are deleted after the rows that held their keys.

    Raises:
        UnknownPolicy: there is none of this name.
        TooMuchToDelete: more of a table than its policy allows, and not forced.
    """
    policies = await store.policies(pool, job.policy)
    if job.policy is not None and not policies:
        raise UnknownPolicy(f"there is no retention policy '{job.policy}'")
    now = job.as_of or time_of(run)
    if now > run.now():
        raise DayInFuture(f"asOf {now.isoformat()} is in the future")
    cleaner = Cleaner(pool, job_id=run.job_id, now=now, seconds=seconds, dry_run=job.dry_run, force=job.force)
    applied = [await cleaner.apply(policy) for policy in policies]
    complete = all(each.complete for each in applied)
    if not job.dry_run:
        complete &= await delete_objects(pool, objects, until=cleaner.give_up)
    result = DataProcessed(
        action="cleanup-old-data",
        rows_read=sum(each.matched for each in applied),
        rows_deleted=sum(each.deleted for each in applied),
        complete=complete,
        policies=tuple(applied),
    )
    async with run.commit(result) as transaction:
        if not complete:
            # What was allowed to begin may end: the share of what is left says nothing.
            rest = replace(job, as_of=now, force=True)
            await transaction.send("data-processing", rest, job_id=follow_up_id(run.job_id))
    return result


class Cleaner:
    """Applies policies for one job."""

    def __init__(
        self, pool: Pool, *, job_id: str, now: datetime, seconds: float, dry_run: bool, force: bool
    ) -> None:
        """Ages are counted from ``now``; deleting stops after ``seconds``."""
        self._pool = pool
        self._job_id = job_id
        self._now = now
        self._dry_run = dry_run
        self._force = force
        self.give_up = time.monotonic() + seconds

    async def apply(self, policy: Policy) -> PolicyApplied:
        """Delete what one policy names, and leave an audit row.

        Raises:
            TooMuchToDelete: it is more of the table than the policy allows, and not forced.
        """
        cutoff = self._now - timedelta(days=policy.keep_days)
        if policy.id == MESSAGES:
            return await self._messages(policy, cutoff)
        return await self._rows(policy, cutoff)

    async def _messages(self, policy: Policy, cutoff: datetime) -> PolicyApplied:
        span = await store.deletable_span(self._pool, cutoff)
        plan = await store.plan_messages(self._pool, span)
        least = math.ceil(plan.matched / policy.most_share)
        if not self._force and not self._dry_run and not await store.has_messages(self._pool, least):
            raise _too_much(policy, plan.matched)
        applied = PolicyApplied(
            policy=policy.id,
            cutoff=cutoff,
            matched=plan.matched,
            uncounted=plan.uncounted,
            on_hold=plan.on_hold,
            held_back=self._why_not(plan),
        )
        await store.begin_cleanup(self._pool, self._job_id, applied, dry_run=self._dry_run)
        complete = True
        if applied.held_back is None and plan.matched:
            await self._drop_partitions(policy, span)
            complete = await self._delete_messages(policy, span)
        return await store.end_cleanup(self._pool, self._job_id, replace(applied, complete=complete))

    def _why_not(self, plan: Plan) -> str | None:
        if self._dry_run:
            return "dry run"
        if plan.uncounted and not plan.matched:
            return "their days are not counted: run aggregate-analytics over them first"
        return None

    async def _drop_partitions(self, policy: Policy, span: Span) -> None:
        for partition in await store.partitions(self._pool, span):
            for _ in range(PARTITION_TRIES):
                if time.monotonic() > self.give_up:
                    return
                try:
                    async with self._pool.acquire() as connection, connection.transaction():
                        deleted = await store.drop_partition(connection, partition, span)
                        await store.add_to_cleanup(
                            connection, self._job_id, policy.id, deleted, partitions=int(deleted > 0)
                        )
                    break
                except asyncpg.LockNotAvailableError:
                    await asyncio.sleep(PARTITION_PAUSE)

    async def _delete_messages(self, policy: Policy, span: Span) -> bool:
        after: Key | None = FIRST_KEY
        async with self._pool.acquire() as connection:
            while after is not None:
                if time.monotonic() > self.give_up:
                    return False
                async with connection.transaction():
                    deleted, after = await store.delete_messages(connection, span, after, policy.batch_rows)
                    if deleted:
                        await store.add_to_cleanup(connection, self._job_id, policy.id, deleted, batches=1)
        return True

    async def _rows(self, policy: Policy, cutoff: datetime) -> PolicyApplied:
        matched = await store.count_rows(self._pool, policy, cutoff)
        if not self._force and not self._dry_run and matched.rows > policy.most_share * matched.total:
            raise _too_much(policy, matched.rows)
        applied = PolicyApplied(
            policy=policy.id,
            cutoff=cutoff,
            matched=matched.rows,
            held_back="dry run" if self._dry_run else None,
        )
        await store.begin_cleanup(self._pool, self._job_id, applied, dry_run=self._dry_run)
        complete = self._dry_run or await self._delete_rows(policy, cutoff)
        return await store.end_cleanup(self._pool, self._job_id, replace(applied, complete=complete))

    async def _delete_rows(self, policy: Policy, cutoff: datetime) -> bool:
        while time.monotonic() < self.give_up:
            async with self._pool.acquire() as connection, connection.transaction():
                deleted = await store.delete_rows(connection, policy, cutoff)
                if not deleted:
                    return True
                await store.add_to_cleanup(connection, self._job_id, policy.id, deleted, batches=1)
        return False


async def delete_objects(pool: Pool, objects: S3ObjectStore, *, until: float) -> bool:
    """Delete the objects whose rows are gone; return whether none is left ``until`` then (monotonic seconds).

    An object that is gone already is no error, so a request that is carried out twice does no harm. While the
    store does not answer, the requests wait for the next clean-up.
    """
    while waiting := await store.waiting_deletions(pool, OBJECTS_AT_ONCE):
        if time.monotonic() > until:
            return False
        try:
            for _, key in waiting:
                await objects.delete(key)
        except UpstreamUnavailable:
            return True
        await store.end_deletions(pool, [number for number, _ in waiting])
    return True


def _too_much(policy: Policy, rows: int) -> TooMuchToDelete:
    return TooMuchToDelete(
        f"{policy.id} would delete {rows} rows, more than {policy.most_share:.0%} of the table;"
        " send it with force if that is right"
    )
