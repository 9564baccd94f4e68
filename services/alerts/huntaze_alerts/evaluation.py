"""One tick: evaluate the due rules of a slot, each set of them in one statement."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import structlog
from huntaze_common.postgres import Connection, Pool
from huntaze_contracts.alerts import AlertsChecked

from huntaze_alerts import metrics, store
from huntaze_alerts.errors import SlotInFuture
from huntaze_alerts.store import Moves

_log = structlog.get_logger()

AHEAD = timedelta(minutes=1)
"""How far a slot may lie in the future: clocks differ a little."""

# The source itself is missing, so asking for each rule alone would only repeat the answer.
_SOURCE_ERRORS = (
    asyncpg.UndefinedTableError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedColumnError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.QueryCanceledError,
)


@dataclass(frozen=True, slots=True)
class Tick:
    """What a tick came to."""

    done: AlertsChecked
    letters: bool
    """Messages wait that can be sent now."""


@dataclass(frozen=True, slots=True)
class _Slot:
    connection: Connection
    at: datetime
    now: datetime
    pause: timedelta | None
    usual: timedelta
    errors: bool


async def evaluate(pool: Pool, slot: datetime, *, now: datetime, usual: timedelta) -> Tick:
    """Evaluate a slot, unless it or a later one was.

    Everything that follows from it is one transaction: states, log, notifications and the mark that the slot
    is done. So a repeated, late or concurrent delivery finds the mark and does nothing.

    Args:
        pool: of the service's own role.
        slot: the instant to evaluate.
        now: when the notifications are due.
        usual: the pause between two slots.

    Raises:
        SlotInFuture: the slot lies ahead.
    """
    if slot > now + AHEAD:
        raise SlotInFuture(slot)
    began = time.perf_counter()
    async with pool.acquire() as connection, connection.transaction():
        await store.prepare_for_ticks(connection)
        await store.lock(connection)
        due = await store.due(connection, slot)
        if due.last is not None and slot <= due.last:
            earlier = await store.find_evaluation(connection, slot)
            return Tick(earlier or AlertsChecked(slot=slot, skipped=True), due.letters)
        if not due.rules:
            return Tick(AlertsChecked(slot=slot), due.letters)
        pause = slot - due.last if due.last else None
        done = await _evaluate(_Slot(connection, slot, now, pause, usual, due.errors), due)
        await store.save_evaluation(connection, done, pause=pause, seconds=time.perf_counter() - began)
        if due.last is not None and due.last.date() != slot.date():
            await store.prune(connection, slot)
    return Tick(done, due.letters or done.notifications > 0)


async def _evaluate(slot: _Slot, due: store.Due) -> AlertsChecked:
    if max(map(len, due.rules.values())) > store.MANY_RULES:
        await store.plan_for_many(slot.connection)
    moves = await store.close_orphans(slot.connection, slot=slot.at, now=slot.now)
    failed = 0
    for statement, rules in due.rules.items():
        moved, bad = await _evaluate_rules(slot, statement, rules)
        moves, failed = moves + moved, failed + bad
    if failed:
        await metrics.count(slot.connection, "alerts.rules_failed", failed, at=slot.now)
    return AlertsChecked(
        slot=slot.at,
        rules=sum(map(len, due.rules.values())),
        rules_failed=failed,
        fired=moves.fired,
        resolved=moves.resolved,
        notifications=moves.notifications,
    )


async def _evaluate_rules(slot: _Slot, statement: str, rules: Sequence[int]) -> tuple[Moves, int]:
    """Evaluate rules together; if that fails, halve them until the bad ones are alone.

    Returns how many instances moved, and how many rules failed. A failed rule's alerts stay as they are.
    """
    try:
        async with slot.connection.transaction():
            moves = await store.tick(
                slot.connection,
                statement,
                rules,
                slot=slot.at,
                now=slot.now,
                pause=slot.pause,
                usual=slot.usual,
            )
            if slot.errors:
                await store.mark_rules(slot.connection, rules, None, slot.at)
    except (asyncpg.PostgresConnectionError, asyncpg.TransactionRollbackError):
        raise
    except asyncpg.PostgresError as error:
        if len(rules) > 1 and not isinstance(error, _SOURCE_ERRORS):
            middle = len(rules) // 2
            first, bad = await _evaluate_rules(slot, statement, rules[:middle])
            second, worse = await _evaluate_rules(slot, statement, rules[middle:])
            return first + second, bad + worse
        _log.warning("rules_failed", statement=statement, rules=len(rules), error=str(error))
        await store.mark_rules(slot.connection, rules, str(error)[:300], slot.at)
        return Moves(), len(rules)
    else:
        return moves, 0
