"""F9, F10, F13, F14: clocks that differ, keys that rotate, hostile and slow requests."""

import asyncio
import json
import random
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from huntaze_common.testing.killing import Record, Target
from huntaze_common.testing.signing import KEY, NEXT_KEY, sign, signed_headers

Volume = Callable[[int, int], int]


@pytest.mark.parametrize(
    ("skew", "status"),
    [(0, 200), (29, 200), (-300, 200), (-325, 200), (-335, 401), (-3600, 401), (35, 401), (3600, 401)],
)
async def test_clocks_may_differ_by_the_leeway(laboratory, skew: int, status: int) -> None:
    """F9: a token lives for 300 seconds, and half a minute more in both directions."""
    async with laboratory.worker() as worker:
        await worker.live()
        answer = await worker.deliver(laboratory.job("a"), at=time.time() + skew)
    assert answer.status_code == status
    assert (await laboratory.effects()).rows == (status == 200)


async def test_keys_rotate_without_a_refused_delivery(laboratory) -> None:
    """F10: one rotation behind, the next key is the current one; two behind, everything is refused."""
    record = Record(jobs=40, deliveries=60, faults=2)
    async with laboratory.worker() as worker:
        await worker.live()
        for n in range(40):
            answer = await worker.deliver(laboratory.job(n), key=KEY if n < 20 else NEXT_KEY)
            assert answer.status_code == 200, answer.text
        for n in range(40, 60):
            answer = await worker.deliver(laboratory.job(n), key="sig_newest_" + "x" * 32)
            assert answer.status_code == 401
    assert (await laboratory.conclude("F10 keys rotated twice", record)).jobs == 40


def hostile_bodies(good: bytes) -> list[bytes]:
    """Bodies that are signed, and wrong."""
    envelope = json.loads(good)

    def with_(**changes: object) -> bytes:
        return json.dumps({**envelope, **changes}).encode()

    return [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1e999",
        b"\xff\xfe",
        b"\xef\xbb\xbf" + good,
        good[:-1],
        good + b"x",
        b"[" * 30_000,
        b'{"payload":' * 5_000 + b"1" + b"}" * 5_000,
        with_(jobId=None),
        with_(jobId="has:colon"),
        with_(jobId="x" * 129),
        with_(jobId="nul\x00"),
        with_(jobId=7),
        with_(userId={"$gt": ""}),
        with_(userId="../../etc/passwd"),
        with_(type="video-processing"),
        with_(type="x"),
        with_(schemaVersion=0),
        with_(schemaVersion="one"),
        with_(enqueuedAt="yesterday"),
        with_(enqueuedAt="2026-01-01T00:00:00"),
        with_(traceContext={"traceparent": "00-x"}),
        with_(extra=1),
        with_(payload=None),
        with_(payload=[]),
        with_(payload={}),
        with_(payload={"action": "drop-table"}),
        with_(payload={"action": "check-alerts", "unknown": True}),
        with_(payload={"action": "check-alerts", "slot": "NaN"}),
        with_(payload={"action": "check-alerts", "slot": 1e400}),
        with_(schedule={"id": "a", "cron": "* * * * *"}),
        with_(jobId=None, schedule={"id": "a", "cron": "not a cron"}),
        with_(jobId=None, schedule={"id": "a", "cron": "0 0 30 2 *"}),
        with_(jobId=None, schedule={"id": "a", "cron": "CRON_TZ=../../etc/passwd 0 0 * * *"}),
        with_(jobId=None, schedule={"id": "a", "cron": "CRON_TZ=Mars/Olympus 0 0 * * *"}),
        with_(jobId=None, schedule={"id": "a", "cron": "9" * 199}),
    ]


async def test_hostile_bodies_are_refused_for_good_and_write_nothing(laboratory) -> None:
    """F13: whoever can sign can still be wrong; trying again would not help, so QStash is told not to."""
    bodies = hostile_bodies(laboratory.job("a"))
    async with laboratory.worker() as worker:
        await worker.live()
        for body in bodies:
            answer = await worker.deliver(body)
            assert answer is not None, body[:100]
            assert (answer.status_code, answer.json()["code"]) == (489, "payload_invalid"), body[:100]
            assert answer.headers["upstash-nonretryable-error"] == "true"
    await _nothing_was_written(laboratory)


async def test_random_damage_is_never_a_server_error(laboratory, volume: Volume) -> None:
    """F13: signed bodies with bytes changed, cut and doubled; unsigned garbage in every header."""
    seed = time.time_ns()
    chance = random.Random(seed)
    good = laboratory.job("a")
    async with laboratory.worker() as worker:
        await worker.live()
        for _ in range(volume(150, 5000)):
            body = bytearray(good)
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(body))
                body[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
            answer = await worker.deliver(bytes(body))
            assert answer is not None, seed
            assert answer.status_code in {200, 489}, (seed, bytes(body))
            token = chance.randbytes(chance.randint(0, 200)).hex()
            answer = await _raw_post(worker, good, {"upstash-signature": token})
            assert answer.status_code == 401, seed


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c",
        "..",
        "x" * 5000,
        jwt.encode({"iss": "Upstash"}, KEY * 2, algorithm="HS512"),
        jwt.encode({"iss": "Upstash"}, None, algorithm="none"),
        jwt.encode({"iss": "Upstash"}, KEY, algorithm="HS256"),
    ],
)
async def test_odd_tokens_get_the_same_answer(laboratory, token: str) -> None:
    """F13: an attacker learns nothing from how a token is wrong."""
    async with laboratory.worker() as worker:
        await worker.live()
        answer = await _raw_post(worker, laboratory.job("a"), {"upstash-signature": token})
    assert answer.status_code == 401
    assert answer.json()["detail"] == "the request is not signed for this endpoint"
    await _nothing_was_written(laboratory)


async def test_each_claim_is_checked(laboratory) -> None:
    """F13: a token of ours for another endpoint, another body or another issuer."""
    body = laboratory.job("a")
    async with laboratory.worker() as worker:
        await worker.live()
        for wrong in (
            sign(body, worker.url + "/"),
            sign(body, worker.url.replace("http", "https")),
            sign(body, worker.url, claims={"iss": "upstash"}),
            sign(body + b" ", worker.url),
            sign(body, worker.url, claims={"body": ""}),
            sign(body, worker.url, key="sig_other_" + "o" * 32),
        ):
            answer = await _raw_post(worker, body, {"upstash-signature": wrong})
            assert answer.status_code == 401
    await _nothing_was_written(laboratory)


async def test_wrong_methods_types_and_sizes(laboratory) -> None:
    """F13: each has its status, and none reaches the signature or the ledger."""
    body = laboratory.job("a")
    async with laboratory.worker() as worker:
        await worker.live()
        big = b"x" * 2_000_000
        statuses = [
            (await _raw_post(worker, big, signed_headers(big, worker.url))).status_code,
            (await _raw_post(worker, body, {"content-type": "text/plain"})).status_code,
            (await _raw_post(worker, body, {"content-encoding": "gzip"})).status_code,
        ]
        async with httpx.AsyncClient() as client:
            statuses.append((await client.get(worker.url)).status_code)
            statuses.append((await client.post(worker.url + "x")).status_code)
    assert statuses == [413, 415, 415, 405, 404]
    await _nothing_was_written(laboratory)


async def test_slow_senders_do_not_hold_up_good_ones(laboratory, volume: Volume) -> None:
    """F14: many sockets that send a byte and wait; good requests are answered as ever."""
    record = Record(jobs=20, deliveries=20, faults=volume(100, 400))
    async with laboratory.worker() as worker:
        await worker.live()
        host, port = urlsplit(worker.url).hostname, urlsplit(worker.url).port
        slow = [socket.create_connection((host, port)) for _ in range(record.faults)]
        for number, sender in enumerate(slow):
            sender.sendall(b"POST /api/workers/alert-checker HTTP/1.1\r\nhost: x\r\n"[: 5 + number % 40])
        answers = [await worker.deliver(laboratory.job(n)) for n in range(record.jobs)]
        assert {answer.status_code for answer in answers} == {200}
        for sender in slow:
            sender.close()
    await laboratory.conclude("F14 slow senders", record)


async def test_a_body_that_does_not_come_is_given_up(laboratory) -> None:
    """F14: headers and half a body, then silence: 408 after ten seconds, and nothing was written."""
    async with laboratory.worker() as worker:
        await worker.live()
        parts = urlsplit(worker.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(
            b"POST /api/workers/alert-checker HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"content-length: 100\r\n\r\n{"
        )
        status_line = await asyncio.wait_for(reader.readline(), 20)
        writer.close()
        await writer.wait_closed()
    assert b" 408 " in status_line
    await _nothing_was_written(laboratory)


async def _raw_post(worker: Target, body: bytes, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(
            worker.url, content=body, headers={"content-type": "application/json", **headers}
        )


async def _nothing_was_written(laboratory) -> None:
    async with laboratory.sql() as connection:
        assert await connection.fetchval("SELECT count(*) FROM job") == 0
        assert await connection.fetchval("SELECT count(*) FROM effect") == 0
