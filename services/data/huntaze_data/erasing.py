"""erase-user-data: delete everything of one user, and leave a receipt that names nobody."""

import hashlib
import time

from huntaze_common.postgres import Pool
from huntaze_common.run import Run
from huntaze_common.storage import S3ObjectStore
from huntaze_contracts.data import DataProcessed, EraseUserData, UserErased

from huntaze_data import privacy_store as store
from huntaze_data.cleanup import delete_objects
from huntaze_data.continuing import first_id, follow_up_id
from huntaze_data.errors import UserUnknown


async def erase(
    job: EraseUserData, run: Run, pool: Pool, objects: S3ObjectStore, *, seconds: float
) -> DataProcessed:
    """Erase the envelope's user for about ``seconds``; a follow-up does the rest.

    From the first statement on nothing of the user is counted. Each batch commits by itself together with its
    number in the receipt, so that the receipt is right after a crash, too.

    Raises:
        UserUnknown: the envelope names no user.
    """
    user_id = run.user_id
    if user_id is None:
        raise UserUnknown("erase-user-data needs an envelope with a userId")
    give_up = time.monotonic() + seconds
    receipt_id = hashlib.sha256(f"erasure of {first_id(run.job_id)}".encode()).hexdigest()[:32]
    await store.mark_erased(pool, user_id)
    complete = await _erase_rows(pool, user_id, receipt_id, give_up)
    complete &= await delete_objects(pool, objects, until=give_up)
    result = DataProcessed(action="erase-user-data", complete=complete)
    async with run.commit(result) as transaction:
        if complete:
            rows, kept = await store.end_receipt(
                transaction.connection, user_id, receipt_id, job_id=run.job_id
            )
            transaction.result = result = DataProcessed(
                action="erase-user-data",
                rows_deleted=sum(rows.values()),
                erased=UserErased(receipt_id=receipt_id, rows=rows, kept=kept),
            )
        else:
            await transaction.send("data-processing", job, job_id=follow_up_id(run.job_id))
    return result


async def _erase_rows(pool: Pool, user_id: str, receipt_id: str, give_up: float) -> bool:
    while await store.erase_from_application(pool, user_id, receipt_id):
        if time.monotonic() > give_up:
            return False
    for table in await store.tables_to_erase(pool):
        while await store.erase_rows(pool, table, user_id, receipt_id):
            if time.monotonic() > give_up:
                return False
    return True
