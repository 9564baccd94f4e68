"""Forgetting: logs, dead letters and deduplication keys whose time is over."""

import sqlite3

from qstash_local.core.plans import Plan
from qstash_local.store.sql import Q


def expire(connection: sqlite3.Connection, plan: Plan, now_ms: int) -> bool:
    """Delete up to 500 messages that nothing shows any more; return whether there may be others."""
    connection.execute(Q["expire_dlq"], (now_ms - plan.dlq_retention_ms,))
    connection.execute(Q["expire_duplicates"], (now_ms,))
    rows = connection.execute(Q["expired_messages"], (now_ms - plan.log_retention_ms,)).fetchall()
    expired = [(row["seq"],) for row in rows]
    connection.executemany(Q["delete_events"], expired)
    connection.executemany(Q["delete_message"], expired)
    return len(expired) == 500
