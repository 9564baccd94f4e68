"""The loop that looks for what is due, sends it on its way and settles the outcome."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from urllib.parse import urlsplit

from qstash_local.core.clock import Clock
from qstash_local.core.errors import Refused
from qstash_local.core.plans import Plan
from qstash_local.dispatch.attempt import Courier
from qstash_local.dispatch.faults import Faults
from qstash_local.store import due, outcomes, retention, schedules
from qstash_local.store.database import Database
from qstash_local.store.due import Claim, Delivery
from qstash_local.store.outcomes import Outcome
from qstash_local.store.sql import Q

log = logging.getLogger("qstash_local")
# The wall clock may be set while we wait: look at it at least this often.
_LOOK_SECONDS = 1.0
_FULL_DISK_PAUSE_SECONDS = 1.0
_EXPIRE_EVERY_MS = 60_000


class Dispatcher:
    """Delivers what is due, as many messages at a time as the plan allows."""

    def __init__(
        self, database: Database, clock: Clock, plan: Plan, courier: Courier, signing_key: Callable[[], str]
    ) -> None:
        self.faults = Faults()
        self._database = database
        self._clock = clock
        self._plan = plan
        self._courier = courier
        self._signing_key = signing_key
        self._wake = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()
        self._settled = asyncio.Event()
        self._resting = False
        self._expire_at = 0
        clock.on_move(self.wake)

    @property
    def active(self) -> int:
        """How many messages are at their destinations now."""
        return len(self._attempts)

    def wake(self) -> None:
        """Look for due messages again, because something changed."""
        self._wake.set()

    async def idle(self) -> None:
        """Return once nothing is under way, due, or about to be looked at."""
        while not await self._is_idle():
            await _wait(self._settled, _LOOK_SECONDS)

    async def _is_idle(self) -> bool:
        self._settled.clear()
        if self._attempts or self._wake.is_set() or not self._resting:
            return False
        next_at = await self.next_instant()
        return not self._attempts and self._resting and (next_at is None or next_at > self._clock.now())

    async def next_instant(self) -> int | None:
        """Return when the next message, schedule or rate window is due, in milliseconds."""
        return await self._database.write(lambda connection: due.next_instant(connection), durable=False)

    async def run(self) -> None:
        """Deliver until canceled; what is then under way will be delivered again at the next start."""
        await self._database.write(lambda connection: connection.execute(Q["revive_active"]).rowcount)
        try:
            while True:
                self._wake.clear()
                next_at = await self._round()
                wait = self._clock.seconds_until(next_at, at_most=_LOOK_SECONDS)
                if wait > 0 and not self._wake.is_set():
                    self._resting = True
                    self._settled.set()
                    await _wait(self._wake, wait)
                    self._resting = False
        finally:
            for attempt in self._attempts:
                attempt.cancel()
            await asyncio.gather(*self._attempts, return_exceptions=True)

    async def _round(self) -> int | None:
        """Start what is due; return when to look again."""
        room = self._plan.parallelism - len(self._attempts)
        set_back = self._clock.set_back_since()

        def choose(connection: sqlite3.Connection) -> Claim:
            now = self._clock.now()
            if set_back is not None:
                connection.execute(Q["pull_due"], (set_back, now))
            schedules.fire_due(connection, self._plan, now)
            self._expire(connection, now)
            if room <= 0:
                return Claim([], None)
            return due.claim(connection, now, room)

        try:
            claim = await self._database.write(choose, durable=False)
        except Refused as refusal:
            log.error("cannot start deliveries: %s", refusal.message)
            return self._clock.now() + 1000 if not self._clock.paused else None
        for delivery in claim.deliveries:
            attempt = asyncio.create_task(self._attempt(delivery))
            self._attempts.add(attempt)
            attempt.add_done_callback(self._attempted)
        return claim.next_at

    def _expire(self, connection: sqlite3.Connection, now_ms: int) -> None:
        if not self._expire_at - _EXPIRE_EVERY_MS <= now_ms < self._expire_at:
            more = retention.expire(connection, self._plan, now_ms)
            self._expire_at = now_ms + (0 if more else _EXPIRE_EVERY_MS)

    def _attempted(self, attempt: asyncio.Task[None]) -> None:
        self._attempts.discard(attempt)
        self._wake.set()
        if not attempt.cancelled() and (error := attempt.exception()) is not None:
            log.critical(
                "an outcome could not be recorded; its message is due again after a restart", exc_info=error
            )

    async def _attempt(self, delivery: Delivery) -> None:
        outcome = self.faults.take(delivery.message.url)
        if outcome is None:
            outcome = await self._courier.deliver(delivery, self._signing_key(), self._clock.wall_ms())
        state = await self._settle(delivery, outcome)
        log.info(
            "%s %s %s -> %s, attempt %d: %s",
            delivery.id,
            delivery.message.method,
            _shown(delivery.message.url),
            outcome.status or outcome.error,
            delivery.retried + 1,
            "retry" if state == "ready" else state,
        )

    async def _settle(self, delivery: Delivery, outcome: Outcome) -> str:
        while True:
            try:
                return await self._database.write(
                    lambda connection: outcomes.settle(connection, delivery, outcome, self._clock.now()),
                    durable=False,
                )
            except Refused as refusal:
                log.error("cannot record what became of %s: %s", delivery.id, refusal.message)
                await asyncio.sleep(_FULL_DISK_PAUSE_SECONDS)


def _shown(url: str) -> str:
    # Users put secrets into user names and query strings; the log gets neither.
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
