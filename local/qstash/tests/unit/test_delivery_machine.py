"""Queues, flow control, retries, cancellation, crashes in any order: the promises hold after every step."""

import sqlite3
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from qstash_local.core.message import Callback, Flow, Message
from qstash_local.core.plans import PLANS
from qstash_local.store import due, flows, messages, outcomes, queues
from qstash_local.store.sql import SCHEMA, Q

PLAN = PLANS["payg"]
PERIOD_MS = 10_000


class Deliveries(RuleBasedStateMachine):
    """Drives the store as the server does, with a clock that only moves when told."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.executescript(SCHEMA)
        self.now = 1_000_000
        self.accepted: list[str] = []
        self.active: list[due.Delivery] = []
        self.started: list[tuple[int, due.Delivery]] = []

    def accept(self, message: Message) -> None:
        if message.queue is not None:
            queues.ensure(self.connection, message.queue, PLAN, self.now)
        self.accepted.append(messages.insert(self.connection, message, b"", self.now).message_id)

    @rule(queue=st.sampled_from(["a", "b"]), retries=st.integers(0, 2), callback=st.booleans())
    def enqueue(self, queue, retries, callback):
        told = Callback(url="http://callback.example", retries=0) if callback else None
        self.accept(
            Message(url="http://a.example", queue=queue, retries=retries, retry_delay="5000", callback=told)
        )

    @rule(key=st.sampled_from(["calls", "rate"]), delay=st.sampled_from([0, 3000]))
    def publish(self, key, delay):
        flow = (
            Flow("calls", parallelism=2) if key == "calls" else Flow("rate", rate=3, period=PERIOD_MS // 1000)
        )
        self.accept(Message(url="http://a.example", flow=flow, retries=1, retry_delay="0", delay_ms=delay))

    @rule(room=st.integers(1, 5))
    def claim(self, room):
        for delivery in due.claim(self.connection, self.now, room).deliveries:
            self.active.append(delivery)
            self.started.append((self.now, delivery))

    @precondition(lambda self: self.active)
    @rule(status=st.sampled_from([200, 500, 489]), data=st.data())
    def settle(self, status, data):
        delivery = self.active.pop(data.draw(st.integers(0, len(self.active) - 1)))
        header = {"Upstash-Nonretryable-Error": ["true"]} if status == 489 else {}
        outcomes.settle(self.connection, delivery, outcomes.Outcome(status, header, b""), self.now)

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def cancel(self, data):
        identifier = data.draw(st.sampled_from(self.accepted))
        messages.cancel(self.connection, messages.find(self.connection, identifier), self.now)

    @rule(queue=st.sampled_from(["a", "b"]), paused=st.booleans())
    def pause(self, queue, paused):
        queues.put(self.connection, queue, None, paused, PLAN, self.now)

    @rule(milliseconds=st.sampled_from([1, 4_999, PERIOD_MS]))
    def wait(self, milliseconds):
        self.now += milliseconds

    @rule()
    def crash(self):
        """A killed server knows nothing of its open attempts; they are due again."""
        self.active.clear()
        self.connection.execute(Q["revive_active"])

    @invariant()
    def a_queue_is_in_order(self):
        """One at a time, and none after its successor has started."""
        for queue in ("a", "b"):
            order = [delivery.seq for _, delivery in self.started if delivery.message.queue == queue]
            assert order == sorted(order)
        assert (
            max(Counter(each.message.queue for each in self.active if each.message.queue).values(), default=0)
            <= 1
        )

    @invariant()
    def limits_hold(self):
        calls = [each for each in self.active if each.message.flow and each.message.flow.key == "calls"]
        assert len(calls) <= 2
        instants = [at for at, each in self.started if each.message.flow and each.message.flow.key == "rate"]
        while instants:
            window = [at for at in instants if at < instants[0] + PERIOD_MS]
            assert len(window) <= 3
            instants = instants[len(window) :]

    @invariant()
    def counters_are_true(self):
        for key in ("calls", "rate"):
            row = flows.find(self.connection, key)
            for state in ("active", "waiting"):
                query = "SELECT count(*) FROM message WHERE state = ? AND flow_key = ?"
                assert self.connection.execute(query, (state, key)).fetchone()[0] == (
                    row[state] if row else 0
                )

    def teardown(self):
        """Let everything run out: each accepted message must have come to an end."""
        for queue in ("a", "b"):
            queues.put(self.connection, queue, None, False, PLAN, self.now)
        for _ in range(1_000):
            self.claim(10)
            while self.active:
                outcomes.settle(self.connection, self.active.pop(0), outcomes.Outcome(200, {}, b""), self.now)
            self.now += PERIOD_MS
            if not self.connection.execute("SELECT 1 FROM message WHERE finished_at IS NULL").fetchone():
                break
        left = self.connection.execute("SELECT count(*) FROM message WHERE finished_at IS NULL").fetchone()[0]
        self.connection.close()
        assert left == 0


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
