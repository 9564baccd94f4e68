"""F2, F3, F15: copies, late copies, and copies with forged headers."""

import asyncio
import random
import time

from huntaze_common.testing.killing import Record


async def test_a_storm_of_duplicates_runs_each_job_once(laboratory, volume) -> None:
    """F2: twenty copies of each job at once, over two processes, as QStash may and an attacker will."""
    jobs, copies = volume(20, 1000), 20
    record = Record(jobs=jobs, deliveries=jobs * copies, faults=jobs * (copies - 1))
    async with laboratory.worker() as first, laboratory.worker() as second:
        await first.live(lease=30)
        await second.live(lease=30)
        for batch in range(0, jobs, 10):
            bodies = [laboratory.job(n) for n in range(batch, min(batch + 10, jobs))]
            answers = await asyncio.gather(
                *(worker.deliver(body) for body in bodies for worker in [first, second] * (copies // 2))
            )
            statuses = [answer.status_code for answer in answers if answer is not None]
            assert len(statuses) == len(bodies) * copies
            assert set(statuses) <= {200, 409}
            record.lost += len(bodies) - sum(
                answer.headers["x-job-outcome"] == "done" for answer in answers if answer.status_code == 200
            )

    assert (await laboratory.conclude("F2 20 copies at once, 2 processes", record)).jobs == jobs


async def test_reordered_and_late_deliveries_change_nothing(laboratory, volume) -> None:
    """F3: copies of finished jobs come back in any order, hours later for all that the ledger knows."""
    jobs = volume(40, 2000)
    seed = time.time_ns()
    order = [n for n in range(jobs) for _ in range(3)]
    random.Random(seed).shuffle(order)
    record = Record(jobs=jobs, deliveries=len(order), faults=len(order) - jobs)
    async with laboratory.worker() as worker:
        await worker.live()
        first_answers: dict[int, bytes] = {}
        for n in order:
            answer = await worker.deliver(laboratory.job(n), retried=order.count(n) - 1)
            assert answer is not None, seed
            assert first_answers.setdefault(n, answer.content) == answer.content, seed

    assert (await laboratory.conclude("F3 reordered, late", record)).jobs == jobs


async def test_forged_headers_decide_nothing(laboratory) -> None:
    """F15: a captured delivery comes again with other message ids and attempts: those are not signed."""
    body = laboratory.job("captured")
    async with laboratory.worker() as worker:
        await worker.live()
        answers = [await worker.deliver(body, message_id=f"msg_forged_{n}", retried=n % 4) for n in range(10)]
    outcomes = [answer.headers["x-job-outcome"] for answer in answers if answer is not None]
    assert outcomes == ["done"] + ["replayed"] * 9
    assert (
        await laboratory.conclude("F15 forged headers", Record(jobs=1, deliveries=10, faults=9))
    ).jobs == 1


async def test_a_job_id_with_another_payload_is_refused(laboratory) -> None:
    """Whoever reuses an id by mistake must learn it, not get another job's result."""
    async with laboratory.worker() as worker:
        await worker.live()
        await worker.deliver(laboratory.job("a"))
        other = laboratory.job("a").replace(b'"u1"', b'"u2"')
        answer = await worker.deliver(other)
    assert answer.status_code == 489
    assert answer.json()["code"] == "payload_conflict"
    assert (await laboratory.effects()).rows == 1
