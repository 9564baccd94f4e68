"""calculate-user-stats: each user's last thirty days, windows and streaks, in one transaction."""

from huntaze_common.run import Run
from huntaze_contracts.data import DataProcessed

from huntaze_data import store
from huntaze_data.continuing import time_of

WINDOW = 30
"""Days of 24 hours; compared with as many before."""
ROLLING = (7, 28, 90)
"""Civil days."""


async def calculate(run: Run) -> DataProcessed:
    """Compute the statistics of all users; the same data again writes no row."""
    # The result is known only after the statements, so they run in the transaction that holds the result.
    async with run.commit(DataProcessed(action="calculate-user-stats")) as transaction:
        counted = await store.save_statistics(
            transaction.connection, until=time_of(run), window_days=WINDOW, rolling=ROLLING
        )
        transaction.result = result = DataProcessed(
            action="calculate-user-stats",
            users=counted.users,
            rows_read=counted.messages,
            rows_written=counted.rows_written,
        )
    return result
