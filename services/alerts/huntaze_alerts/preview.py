"""When a rule would have fired: the very same state machine, run over the past and then rolled back."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from huntaze_common.postgres import Pool
from huntaze_contracts.alerts import Rule

from huntaze_alerts import records, store
from huntaze_alerts.records import FiringRow

MOST_SLOTS = 700
LONGEST = timedelta(days=30)


class _RollBack(Exception):
    """Ends the transaction without keeping anything."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would have done."""

    step_seconds: int
    """How far apart the evaluated slots are; a finer rule may have fired in between."""
    firings: list[FiringRow]


async def preview(
    pool: Pool, rule: Rule, *, owner: str | None, begin: datetime, end: datetime, usual: timedelta
) -> Preview:
    """Evaluate a rule over ``begin`` to ``end``; nothing is stored and nobody is told.

    Raises:
        asyncpg.PostgresError: its source is not there.
    """
    step = max(usual, timedelta(seconds=rule.every), (end - begin) / MOST_SLOTS)
    step = timedelta(minutes=-(-step // timedelta(minutes=1)))
    silent = msgspec.structs.replace(
        rule, channels=(), escalation=None, depends_on=None, replaces=None, enabled=True
    )
    firings: list[FiringRow] = []
    try:
        async with pool.acquire() as connection, connection.transaction():
            await store.prepare_for_ticks(connection)
            number, source, sized = await records.add_trial(connection, owner, silent, begin)
            statement = store.READERS[source, sized]
            slot = begin
            while slot <= end:
                await store.tick(connection, statement, [number], slot=slot, now=slot, pause=step, usual=step)
                slot += step
            firings = await records.firings_of_trial(connection, number)
            raise _RollBack
    except _RollBack:
        return Preview(int(step.total_seconds()), firings)
