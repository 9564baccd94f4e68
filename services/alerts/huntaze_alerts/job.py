"""The jobs: evaluate a slot, send what waits, tell a user something."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from huntaze_common.errors import PayloadInvalid
from huntaze_common.postgres import Pool
from huntaze_common.run import Run
from huntaze_common.tokens import TokenReader
from huntaze_contracts.alerts import (
    AlertJob,
    AlertResult,
    AlertsChecked,
    CheckAlerts,
    DeliverNotifications,
    NotificationQueued,
    NotificationsDelivered,
    SendNotification,
)

from huntaze_alerts import evaluation, store
from huntaze_alerts.delivery import Courier
from huntaze_alerts.messages import SEVERITIES, Plain, Presign
from huntaze_alerts.vault import Vault

WORKER = "alert-checker"
SENDING = 25.0
"""Seconds in which a round begins messages; the job's deadline is 60 s and one message, with a chart that its
channel refuses, takes at most 33."""
ROUNDS = 200


@dataclass(frozen=True, slots=True)
class AlertsDeps:
    """Everything the jobs touch outside their own arguments."""

    pool: Pool
    courier: Callable[[Callable[[], datetime]], Courier]
    """Makes a courier for a clock."""
    tokens: TokenReader
    vault: Vault
    presign: Presign
    now: Callable[[], datetime]
    """The clock of what nobody scheduled: the API."""
    usual_pause: timedelta
    probe: Callable[[datetime], Awaitable[None]]
    """Asks others for what they know and nobody sends; never fails."""
    heartbeat: Callable[[], Awaitable[None]]
    """Tells the monitor outside that checks go on; never fails."""


async def handle(job: AlertJob, run: Run, deps: AlertsDeps) -> AlertResult:
    """Do what the payload's action says.

    Raises:
        PayloadInvalid, SlotInFuture: the payload can't be done.
    """
    match job:
        case CheckAlerts():
            return await _check(job, run, deps)
        case DeliverNotifications():
            return await _deliver(job, run, deps)
        case SendNotification():
            return await _queue(job, run, deps)


async def _check(job: CheckAlerts, run: Run, deps: AlertsDeps) -> AlertsChecked:
    """Evaluate the slot and queue a round of sending if anything is to be sent.

    The evaluation commits by itself, guarded by its slot: run again, it returns what it did the first time.
    """
    slot = run.scheduled_for or job.slot or run.now()
    await deps.probe(run.now())
    tick = await evaluation.evaluate(deps.pool, slot, now=run.now(), usual=deps.usual_pause)
    await deps.heartbeat()
    async with run.commit(tick.done) as transaction:
        if tick.letters:
            await transaction.send(WORKER, DeliverNotifications(), job_id=f"{run.job_id}.send")
    return tick.done


async def _deliver(job: DeliverNotifications, run: Run, deps: AlertsDeps) -> NotificationsDelivered:
    """Send what is due. What has to wait a little is left to a follow-up, what has to wait long to a tick."""
    result = await deps.courier(run.now).deliver(seconds=SENDING)
    following = await store.next_delivery(deps.pool, run.now())
    async with run.commit(result) as transaction:
        if following and following - run.now() < deps.usual_pause and job.round < ROUNDS:
            await transaction.send(
                WORKER,
                DeliverNotifications(round=job.round + 1),
                job_id=f"{run.job_id.removesuffix(f'.{job.round}')}.{job.round + 1}",
                delay=max(following - run.now(), timedelta(seconds=1)),
            )
    return result


async def _queue(job: SendNotification, run: Run, deps: AlertsDeps) -> NotificationQueued:
    """Put a message into the outbox of each of the user's channels, once per key and channel."""
    if run.user_id is None:
        raise PayloadInvalid("userId is needed: somebody has to be told")
    channels = await store.channels_for_message(deps.pool, run.user_id, job.channels)
    result = NotificationQueued(channels=len(channels))
    async with run.commit(result) as transaction:
        await store.queue_message(
            transaction.connection,
            key=job.key,
            user_id=run.user_id,
            channels=channels,
            severity=SEVERITIES.index(job.severity) + 1,
            message=Plain(title=job.title, text=job.text, links=job.links),
            now=run.now(),
        )
        if channels:
            await transaction.send(WORKER, DeliverNotifications(), job_id=f"{run.job_id}.send")
    return result
