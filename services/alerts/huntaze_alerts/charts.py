"""The chart of an alert: its rule's own query, asked for the time around the event."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import structlog
from huntaze_common.postgres import Pool
from huntaze_contracts.alerts import Rule

from huntaze_alerts import store
from huntaze_alerts.drawing import Curve, describe, draw, finite
from huntaze_alerts.messages import Chart, Presign
from huntaze_alerts.store import Channel

_log = structlog.get_logger()

SECONDS = 3.0
"""For reading, drawing and keeping one; a message never waits longer for its picture."""
SLOTS = 48
_SHORTEST = timedelta(hours=1)
_WINDOWS = 8
"""How many windows of the query a chart shows before the event."""


@dataclass(frozen=True, slots=True)
class Illustrator:
    """Makes charts for the channels that show pictures."""

    pool: Pool
    keep: Callable[[str, bytes], Awaitable[None]]
    """Stores a PNG under a key."""
    presign: Presign
    now: Callable[[], datetime]

    async def chart_of(self, alert_id: int, channel: Channel) -> Chart | None:
        """Draw an alert's metric in the channel's time zone; None when there is nothing to draw, or no time.

        Never fails: a message without a picture is better than none.
        """
        try:
            async with asyncio.timeout(SECONDS):
                curve = await read_curve(self.pool, alert_id, now=self.now())
                if curve is None or not curve.measured:
                    return None
                zone = ZoneInfo(channel.time_zone)
                png = await asyncio.to_thread(draw, curve, zone)
                url = await self._link(png) if channel.kind == "slack" else None
                return Chart(png, describe(curve, zone), url)
        except Exception as error:
            _log.warning("chart_failed", alert=alert_id, error=f"{type(error).__name__}: {error}"[:300])
            return None

    async def _link(self, png: bytes) -> str:
        # Slack's webhooks take no files, only addresses of pictures.
        key = f"alerts/charts/{hashlib.sha256(png).hexdigest()}.png"
        await self.keep(key, png)
        return await self.presign(key)


async def read_curve(pool: Pool, alert_id: int, *, now: datetime) -> Curve | None:
    """Read what an alert's metric was around the event; None when there is no such alert, or it never fired.

    Raises:
        asyncpg.PostgresError: the source is not there.
    """
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        alert = await store.find_drawn_alert(connection, alert_id)
        if alert is None or alert["fired_at"] is None:
            return None
        rule = msgspec.json.decode(alert["definition"], type=Rule)
        end = alert["resolved_at"] or now
        begin = alert["fired_at"] - max(_SHORTEST, _WINDOWS * timedelta(seconds=rule.query.window))
        step = (end - begin) / (SLOTS - 1)
        slots = sorted({*(begin + step * number for number in range(SLOTS)), alert["fired_at"]})
        values = [await store.value_at(connection, alert, slot) for slot in slots]
    return Curve(
        points=[(slot, finite(value)) for slot, value in zip(slots, values, strict=True)],
        threshold=rule.levels[0].threshold,
        above=rule.comparison in ("gt", "ge"),
        clear=rule.clear,
        fired_at=alert["fired_at"],
        resolved_at=alert["resolved_at"],
    )
