"""F16, F17: leases under a held event loop, all interleavings of two owners, the ledger against a model."""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
from huntaze_common.errors import ClaimLost
from huntaze_common.ledger.claims import Claim, Failure, Ledger, Ticket
from huntaze_common.testing.killing import Record
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

FAILURE = Failure(code="test", message="asked for", retryable=True)


def ticket(job_id: str, payload: bytes = b"p") -> Ticket:
    return Ticket(
        job_id=job_id,
        type="alert-checker",
        schema_version=1,
        user_id=None,
        body=payload,
        payload_sha=hashlib.sha256(payload).digest(),
        message_id=None,
        schedule_id=None,
        traceparent=None,
        enqueued_at=None,
    )


async def test_a_held_event_loop_keeps_its_lease(laboratory, volume: Callable[[int, int], int]) -> None:
    """F16: a job that computes for three leases without a pause is not taken over."""
    record = Record(jobs=volume(1, 20), faults=volume(1, 20))
    async with laboratory.worker(BUSY_SECONDS="3") as busy, laboratory.worker() as rival:
        await busy.live(lease=1)
        await rival.live(lease=1)
        for n in range(record.jobs):
            body = laboratory.job(n)
            delivery = asyncio.create_task(busy.deliver(body))
            async with laboratory.sql() as connection:
                while await connection.fetchval("SELECT count(*) FROM job") == n:
                    await asyncio.sleep(0.02)
            copy = await rival.deliver(body)
            answer = await delivery
            record.deliveries += 2
            assert answer.headers["x-job-outcome"] == "done"
            assert copy.headers["x-job-outcome"] == "replayed"
    async with laboratory.sql() as connection:
        assert await connection.fetchval("SELECT max(epoch) FROM job") == 1
    assert (await laboratory.conclude("F16 event loop held for 3 leases", record)).jobs == record.jobs


async def test_a_slow_commit_is_not_mistaken_for_a_lost_lease(laboratory) -> None:
    """A beat that waits for the row of a committing job finds it finished: that is no reason to stop the job."""
    async with laboratory.sql() as connection:
        await connection.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_sleep(0.8); RETURN NULL; END';"
            "CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON job DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW WHEN (NEW.state = 'succeeded') EXECUTE FUNCTION slow()"
        )
    async with laboratory.worker() as worker:
        await worker.live(lease=1)
        answers = [await worker.deliver(laboratory.job(n)) for n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200], answers[0].text
    await laboratory.conclude("F16 commit slower than a beat", Record(jobs=3, deliveries=3, faults=3))


async def test_every_interleaving_of_two_owners_ends_with_one_effect(laboratory) -> None:
    """F17: the lease may run out before any step of an owner; whoever was fenced leaves nothing behind."""
    orders = [
        "".join("A" if n in chosen else "B" for n in range(10))
        for chosen in itertools.combinations(range(10), 5)
    ]
    pool = await asyncpg.create_pool(laboratory.dsn, min_size=5, max_size=5)
    try:
        for number, order in enumerate(orders):
            job_id = f"job-{number}"
            # Leases of no length: the other owner may take the job over at every step.
            owners = {
                name: _owner(Ledger(pool, lease=timedelta(0), owner=name), pool, job_id) for name in "AB"
            }
            for name in order:
                await anext(owners[name], None)
            effects = await pool.fetchval("SELECT count(*) FROM effect WHERE job_id = $1", job_id)
            state = await pool.fetchval("SELECT state FROM job WHERE job_id = $1", job_id)
            assert (effects, state) == (1, "succeeded"), order
    finally:
        await pool.close()


async def _owner(ledger: Ledger, pool: asyncpg.Pool, job_id: str) -> AsyncGenerator[None]:
    """Go through one delivery a step at a time: claim, begin, effect, finish, commit.

    Where a step waits for the other owner's open transaction, which goes on only after it, it gives way.
    """
    claim = await _or_none(ledger.claim(ticket(job_id)))
    yield
    if claim is None:
        return
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield
        await connection.execute("INSERT INTO effect VALUES ($1)", job_id)
        yield
        try:
            await asyncio.wait_for(ledger.finish(connection, claim, b"null"), 0.3)
        except (ClaimLost, TimeoutError):
            await transaction.rollback()
            return
        yield
        await transaction.commit()
    yield


async def _or_none(waiting: Awaitable[Claim | None]) -> Claim | None:
    try:
        return await asyncio.wait_for(waiting, 0.3)
    except TimeoutError:
        return None


def test_the_ledger_behaves_like_its_model(
    database: str, make_schema: Callable[[str], Awaitable[None]], volume: Callable[[int, int], int]
) -> None:
    """F17: any sequence of deliveries, crashes, failures, cancels and finishes."""
    runner = asyncio.Runner()
    run = runner.run
    run(make_schema(database))
    pool = run(_open_pool(database))
    numbers = itertools.count()

    class LedgerAgainstModel(RuleBasedStateMachine):
        """The model: a state, an epoch, a count of crashes, and whether the lease is alive."""

        def __init__(self) -> None:
            super().__init__()
            self.job_id = f"job-{next(numbers)}"
            self.ledger = Ledger(pool, lease=timedelta(hours=1), owner="test")
            self.claims: list[Claim] = []
            self.state: str | None = None
            self.epoch = self.crashes = 0
            self.alive = False

        @rule()
        def deliver(self) -> None:
            claim = run(self.ledger.claim(ticket(self.job_id)))
            free = self.state in {None, "retry", "failed"} or (self.state == "running" and not self.alive)
            assert (claim is not None) == free
            if claim is not None:
                self.crashes += self.state == "running"
                self.crashes = 0 if self.state == "failed" else self.crashes
                self.state, self.alive, self.epoch = "running", True, self.epoch + 1
                assert (claim.epoch, claim.crashes) == (self.epoch, self.crashes)
                self.claims.append(claim)

        @rule()
        def deliver_another_payload(self) -> None:
            if self.epoch:
                assert run(self.ledger.claim(ticket(self.job_id, b"other"))) is None

        @rule()
        def let_the_lease_run_out(self) -> None:
            expire = "UPDATE job SET lease_until = 'epoch' WHERE job_id = $1 AND state = 'running'"
            run(pool.execute(expire, self.job_id))
            self.alive = False

        @rule(data=st.data())
        def finish(self, data: st.DataObject) -> None:
            for claim in self._chosen(data):
                fits = self.state == "running" and claim.epoch == self.epoch
                try:
                    run(self._finish(claim))
                except ClaimLost:
                    assert not fits
                else:
                    assert fits
                    self.state = "succeeded"

        @rule(data=st.data(), state=st.sampled_from(["retry", "failed", "cancelled"]))
        def give_up(self, data: st.DataObject, state: Any) -> None:
            for claim in self._chosen(data):
                if state == "retry":
                    run(self.ledger.release(claim, FAILURE))
                else:
                    run(self.ledger.fail(claim, state, FAILURE))
                if self.state == "running" and claim.epoch == self.epoch:
                    self.state = state

        @rule()
        def cancel(self) -> None:
            answer = run(self.ledger.cancel(self.job_id))
            assert (answer is not None) == (self.state in {"retry", "running"})
            if self.state == "retry":
                self.state = "cancelled"

        @rule()
        def bury(self) -> None:
            held = self.state in {"succeeded", "cancelled"} or (self.state == "running" and self.alive)
            assert run(self.ledger.bury(ticket(self.job_id), "dlq", FAILURE)) != held
            self.state = self.state if held else "failed"

        @invariant()
        def agrees(self) -> None:
            found = run(self.ledger.find(self.job_id))
            assert (found and found.state) == self.state

        async def _finish(self, claim: Claim) -> None:
            async with pool.acquire() as connection, connection.transaction():
                await self.ledger.finish(connection, claim, b"1")

        def _chosen(self, data: st.DataObject) -> list[Claim]:
            return [data.draw(st.sampled_from(self.claims))] if self.claims else []

    examples = settings(
        max_examples=volume(40, 2000),
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(LedgerAgainstModel, settings=examples)
    finally:
        run(pool.close())
        runner.close()


async def _open_pool(dsn: str) -> asyncpg.Pool:
    return await asyncpg.create_pool(dsn, min_size=1, max_size=2)
