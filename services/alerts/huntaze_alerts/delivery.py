"""Send what waits: bundle, claim, send, mark.

A message is claimed under a lease, sent, then marked; several are in flight, never a batch under one mark. So
whoever dies takes none with it, and repeats at most those that were in flight. Receivers that take a key
(PagerDuty, our webhooks) see the same key again; the others read "possibly repeated".
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from huntaze_common.postgres import Pool
from huntaze_contracts.alerts import NotificationsDelivered

from huntaze_alerts import metrics, store
from huntaze_alerts.errors import Deferred, Refused
from huntaze_alerts.messages import MOST_ITEMS, Chart, Item, Message, Presign, item_of
from huntaze_alerts.store import Channel, Delivery

_log = structlog.get_logger()

IN_FLIGHT = 8
MOST_NOTIFICATIONS = 50_000
"""Bundled at once; more wait for the next round."""
GIVE_UP_AFTER = timedelta(hours=24)
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 900.0

_SHOW_PICTURES = {"email", "slack"}
"""Kinds of channels."""

Send = Callable[[Message, Channel], Awaitable[str | None]]
"""Sends a message and returns the provider's id for it; raises `ChannelError`."""


@dataclass(frozen=True, slots=True)
class Courier:
    """Sends messages through the channels that it knows."""

    pool: Pool
    senders: Mapping[str, Send]
    """By kind of channel."""
    presign: Presign
    chart_of: Callable[[int, Channel], Awaitable[Chart | None]]
    """Draws an alert's metric for a channel; never fails."""
    now: Callable[[], datetime]
    lease: timedelta
    """Longer than any attempt at sending; how long a message waits whose sender died."""

    async def deliver(self, *, seconds: float) -> NotificationsDelivered:
        """Send what is due, and begin no new message after ``seconds``."""
        until = asyncio.get_running_loop().time() + seconds
        sent = failed = 0
        while True:
            async with self.pool.acquire() as connection, connection.transaction():
                await store.bundle(connection, self.now(), MOST_NOTIFICATIONS)
            counts = await asyncio.gather(*(self._work(until) for _ in range(IN_FLIGHT)))
            sent += sum(good for good, _ in counts)
            failed += sum(bad for _, bad in counts)
            if not any(map(any, counts)) or asyncio.get_running_loop().time() >= until:
                break
        if failed:
            await metrics.count(self.pool, "alerts.messages_failed", failed, at=self.now())
        return NotificationsDelivered(sent=sent, failed=failed)

    async def test(self, channel: Channel) -> None:
        """Send a test message once.

        Raises:
            ChannelError: it was not taken, and is not tried again.
        """
        now = self.now()
        item = Item("message", "info", "Test message", "If you can read this, the channel works.", now)
        message = Message(
            key=f"huntaze-test-{uuid4()}", items=[item], total=1, at=now, recipient=channel.owner or ""
        )
        await self._sender(channel)(message, channel)

    async def _work(self, until: float) -> tuple[int, int]:
        sent = failed = 0
        while asyncio.get_running_loop().time() < until:
            delivery = await store.claim_delivery(self.pool, self.now(), self.lease)
            if delivery is None:
                break
            if await self._attempt(delivery):
                sent += 1
            else:
                failed += 1
        return sent, failed

    async def _attempt(self, delivery: Delivery) -> bool:
        try:
            provider_id = await self._send(delivery)
        except Refused as error:
            _log.error("message_refused", delivery=delivery.id, channel=delivery.channel_id, error=str(error))
            await store.delivery_dead(self.pool, delivery.id, self.now(), str(error))
            return False
        except Deferred as error:
            await self._put_off(delivery, error)
            return False
        await store.delivery_sent(self.pool, delivery.id, self.now(), provider_id)
        return True

    async def _send(self, delivery: Delivery) -> str | None:
        channel = await store.find_channel(self.pool, delivery.channel_id)
        assert channel is not None  # a foreign key sees to it
        rows = await store.contents(self.pool, delivery.id, MOST_ITEMS)
        message = Message(
            key=f"huntaze-{delivery.id}",
            items=[await item_of(row, self.presign) for row in rows],
            total=delivery.notifications,
            at=delivery.created_at,
            recipient=delivery.recipient,
            uncertain=delivery.uncertain,
        )
        alert_id = message.items[0].alert_id
        if channel.kind not in _SHOW_PICTURES or alert_id is None:
            return await self._sender(channel)(message, channel)
        illustrated = replace(message, chart=await self.chart_of(alert_id, channel))
        try:
            return await self._sender(channel)(illustrated, channel)
        except Refused:
            # Slack refuses a message whose picture it can't fetch, as from a store that only we reach.
            if illustrated.chart is None:
                raise
            return await self._sender(channel)(message, channel)

    def _sender(self, channel: Channel) -> Send:
        sender = self.senders.get(channel.kind)
        if sender is None:
            raise Refused(f"there are no messages to channels of kind {channel.kind}")
        return sender

    async def _put_off(self, delivery: Delivery, error: Deferred) -> None:
        now = self.now()
        if now - delivery.created_at > GIVE_UP_AFTER:
            await store.delivery_dead(self.pool, delivery.id, now, str(error))
            return
        wait = min(_FIRST_WAIT * 2 ** min(delivery.attempts - 1, 20), _LONGEST_WAIT)
        wait = max(wait * random.uniform(0.8, 1.2), error.after or 0)  # noqa: S311 - spreads retries
        _log.warning(
            "message_put_off", delivery=delivery.id, channel=delivery.channel_id, error=str(error), wait=wait
        )
        await store.delivery_deferred(self.pool, delivery.id, now + timedelta(seconds=wait), str(error))
