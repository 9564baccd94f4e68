"""The API through its routes: whose things are seen, and what hostile bodies get."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from huntaze_alerts.app import SERVICE
from huntaze_alerts.settings import AlertsSettings
from huntaze_common.secret import Secret
from huntaze_common.service import running
from huntaze_common.testing.signing import KEY, NEXT_KEY
from huntaze_common.tokens import make_token

TOKENS = Secret("t" * 32)
RULE = {"name": "mine", "query": {"metric": "test.mine", "aggregation": "avg", "delay": 0},
        "levels": [{"severity": "error", "threshold": 100}]}  # fmt: skip


class Api:
    """The service's application, asked by users and operators."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(
        self, method: str, path: str, body: Any = None, *, user: str | None = "ann"
    ) -> httpx.Response:
        headers = {}
        if user:
            expires = datetime.now(UTC) + timedelta(minutes=5)
            token = make_token(TOKENS, user_id=user, expires=expires, operator=user == "root")
            headers["authorization"] = f"Bearer {token}"
        content = body if isinstance(body, bytes) else msgspec.json.encode(body) if body is not None else None
        return await self._client.request(method, path, content=content, headers=headers)


@pytest.fixture
async def api(world) -> AsyncGenerator[Api]:
    world.slot = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)
    settings = AlertsSettings(
        environment="development",
        public_base_url="http://127.0.0.1:1",
        database_url=Secret(world.dsn + "?search_path=alerts"),
        qstash_token=Secret("token"),
        qstash_current_signing_key=Secret(KEY),
        qstash_next_signing_key=Secret(NEXT_KEY),
        status_token_key=TOKENS,
        channel_key=Secret("Yn1hbm9uc2Vuc2Vub25zZW5zZW5vbnNlbnNlbm9uc2U="),
        s3_bucket="huntaze",
        aws_access_key_id=Secret("id"),
        aws_secret_access_key=Secret("secret"),
    )
    async with running(SERVICE, settings) as (app, _, _):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
            yield Api(client)


async def fire(world, user: str) -> int:
    await world.rule(group_by=("subject",))
    await world.feed("r", 120, user_id=user)
    return await world.pool.fetchval("SELECT max(id) FROM alert")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/alerts"), ("GET", "/inbox"), ("GET", "/rules"), ("PUT", "/rules/x"), ("GET", "/channels"),
     ("POST", "/silences"), ("POST", "/samples"), ("POST", "/channels/x/test"), ("POST", "/rules/preview")],
)  # fmt: skip
async def test_nobody_gets_in_without_a_token(api, method: str, path: str) -> None:
    """The peer's endpoints were open to everyone."""
    answer = await api.ask(method, path, {}, user=None)

    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"


async def test_others_alerts_are_not_there(api, world) -> None:
    """Not even their existence is told."""
    alert = await fire(world, "ann")

    for path in (f"/alerts/{alert}", f"/alerts/{alert}/acknowledge", f"/alerts/{alert}/resolve"):
        method = "GET" if path.endswith(str(alert)) else "POST"
        assert (await api.ask(method, path, user="bob")).status_code == 404
        assert (await api.ask(method, path, user="ann")).status_code == 200
        assert (await api.ask(method, path, user="root")).status_code == 200
    assert (await api.ask("GET", "/alerts", user="bob")).json()["alerts"] == []
    assert len((await api.ask("GET", "/alerts", user="ann")).json()["alerts"]) == 1


async def test_an_alert_is_shown_with_its_history(api, world) -> None:
    """What happened, and who was told."""
    alert = await fire(world, "ann")
    await api.ask("POST", f"/alerts/{alert}/acknowledge", {"note": "on it"})
    await api.ask("POST", f"/alerts/{alert}/resolve", {"note": "done"})

    shown = (await api.ask("GET", f"/alerts/{alert}")).json()

    assert [event["kind"] for event in shown["events"]] == ["firing", "acknowledged", "resolved"]
    assert shown["alert"]["acknowledgedBy"] == "ann"
    assert shown["alert"]["reason"] == "by_hand"
    assert [told["kind"] for told in shown["notifications"]] == ["firing", "resolved"]


async def test_the_inbox_is_the_readers_own(api, world) -> None:
    """And remembers what was read."""
    await fire(world, "ann")

    entries = (await api.ask("GET", "/inbox")).json()["entries"]
    assert entries[0]["item"]["title"] == "r for ann: firing"
    assert (await api.ask("GET", "/inbox", user="bob")).json()["entries"] == []
    assert (await api.ask("POST", "/inbox/read", {"upTo": entries[0]["id"]})).json() == {"read": 1}
    assert (await api.ask("GET", "/inbox")).json()["entries"][0]["readAt"] is not None


async def test_a_users_rule_sees_the_user_alone(api, world) -> None:
    """It is stored under the user's name, and other users' series do not concern it."""
    assert (await api.ask("PUT", "/rules/mine", RULE)).json() == {"id": "ann/mine"}
    await world.sample("mine", 120, user_id="bob", ago=-1)
    await world.tick(2)
    assert await world.state("ann/mine") == "ok"

    await world.sample("mine", 120, user_id="ann", ago=-1)
    await world.tick(2)
    assert await world.state("ann/mine") == "firing"
    assert (await api.ask("DELETE", "/rules/mine", user="bob")).status_code == 404
    assert (await api.ask("DELETE", "/rules/mine")).status_code == 204


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"clear": 150}, "clear"),
        ({"levels": []}, "levels"),
        ({"levels": [{"severity": "error", "threshold": 5}, {"severity": "info", "threshold": 9}]}, "levels"),
        ({"repeatMax": 60}, "repeatMax"),
        ({"query": RULE["query"] | {"metric": "job.finished"}}, "query.metric"),
        ({"query": RULE["query"] | {"metric": "drop table"}}, "query.metric"),
        ({"query": RULE["query"] | {"aggregation": "change"}}, "baseline"),
        ({"query": RULE["query"] | {"aggregation": "ratio"}}, "part"),
        ({"query": RULE["query"] | {"groupBy": ["subject"]}}, "groupBy"),
        ({"channels": ["@subject"]}, "channels"),
        ({"channels": ["../bob"]}, "name"),
        ({"runbookUrl": "javascript:alert(1)"}, "runbookUrl"),
        ({"sql": "1"}, "sql"),
    ],
)
async def test_rules_that_make_no_sense_are_refused(api, change: dict, named: str) -> None:
    """The error names the field, and nothing is stored."""
    answer = await api.ask("PUT", "/rules/mine", RULE | change)

    assert answer.status_code in (400, 422)
    assert named in answer.json()["detail"]
    assert (await api.ask("GET", "/rules")).json()["rules"] == []


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 100_000, b'{"samples":[]}', b"\xff"])
async def test_bodies_that_are_none(api, body: bytes) -> None:
    """400 with a reason, and no crash."""
    assert (await api.ask("POST", "/samples", body, user="root")).status_code == 400


@pytest.mark.parametrize(
    ("sample", "named"),
    [
        ({"at": "2020-01-01T00:00:00Z"}, "at"),
        ({"at": "2126-01-01T00:00:00Z"}, "at"),
        ({"metric": "job.finished"}, "metric"),
        ({"kind": "counter", "value": -1}, "value"),
        ({"value": 1e300}, "value"),
        ({"labels": {f"l{n}": "x" for n in range(9)}}, "labels"),
        ({"metric": "a" * 200}, "metric"),
    ],
)
async def test_samples_that_can_not_be(api, world, sample: dict, named: str) -> None:
    """One of them refuses all, so that a sender notices."""
    good = {"metric": "a.b", "kind": "gauge", "value": 1}
    answer = await api.ask("POST", "/samples", {"samples": [good, good | sample]}, user="root")

    assert answer.status_code in (400, 422)
    assert f"samples[1].{named}" in answer.json()["detail"] or named in answer.json()["detail"]
    assert await world.rows("SELECT FROM point") == []


async def test_samples_make_alerts(api, world) -> None:
    """From the endpoint to an alert; users may not report."""
    await world.rule("mine", aggregation="sum")
    samples = {"samples": [{"metric": "test.mine", "kind": "counter", "value": 60, "at": world.slot}] * 2}
    assert (await api.ask("POST", "/samples", samples)).status_code == 403

    assert (await api.ask("POST", "/samples", samples, user="root")).json() == {"taken": 2}
    await world.tick(1)
    assert await world.state("mine") == "firing"


async def test_a_silence_is_the_owners(api, world) -> None:
    """Bob's silence does not silence Ann's alert, and Ann can't end Bob's."""
    until = datetime.now(UTC) + timedelta(hours=1)
    start = world.slot - timedelta(hours=1)
    made = await api.ask("POST", "/silences", {"startsAt": start, "endsAt": until}, user="bob")
    assert (await api.ask("DELETE", f"/silences/{made.json()['id']}")).status_code == 404
    await fire(world, "ann")
    assert await world.notices("r") == ["firing"]

    await api.ask("POST", "/silences", {"startsAt": start, "endsAt": until})
    await world.feed("r", 10, 120, user_id="ann")
    assert await world.notices("r") == ["firing", "resolved"]
    assert len((await api.ask("GET", "/silences")).json()["silences"]) == 1


async def test_secrets_go_in_and_never_come_out(api, world) -> None:
    """Neither in an answer nor in the database."""
    secret = "https://hooks.slack.com/services/T0/B0/verysecret"
    body = {"kind": "slack", "name": "ours", "url": secret}
    assert (await api.ask("PUT", "/channels/ours", body)).json() == {"id": "ann/ours"}

    listed = await api.ask("GET", "/channels")

    assert listed.json()["channels"][0]["name"] == "ours"
    assert "verysecret" not in listed.text
    assert b"verysecret" not in await world.pool.fetchval("SELECT secret FROM channel WHERE id = 'ann/ours'")
    assert (await api.ask("POST", "/channels/ours/test", user="bob")).status_code == 404


@pytest.mark.parametrize(
    "change",
    [{"timeZone": "Mars/Olympus"}, {"quietFrom": "22:00"}, {"url": "file:///etc/passwd"}, {"kind": "fax"},
     {"kind": "webhook", "secret": "whsec_short"}, {"digestMinutes": -1}],
)  # fmt: skip
async def test_channels_that_make_no_sense(api, change: dict) -> None:
    """Refused when they are made, not when the alert comes."""
    body = {"kind": "slack", "name": "ours", "url": "https://hooks.slack.com/x"} | change
    assert (await api.ask("PUT", "/channels/ours", body)).status_code in (400, 422)


async def test_a_test_message_tells_what_became_of_it(api) -> None:
    """At once, without a retry."""
    await api.ask("PUT", "/channels/ours", {"kind": "slack", "name": "ours", "url": "http://127.0.0.1:1/x"})

    answer = (await api.ask("POST", "/channels/ours/test")).json()

    assert answer["sent"] is False
    assert "did not answer" in answer["error"]


async def test_preview_tells_when_a_rule_would_have_fired(api, world) -> None:
    """By the same state machine, and without a trace."""
    begin = world.slot
    for value in (120, 50, 130, 140, 50):
        world.slot += timedelta(minutes=5)
        await world.sample("mine", value, user_id="ann")

    answer = await api.ask("POST", "/rules/preview", {"rule": RULE, "begin": begin, "end": world.slot})

    assert answer.json()["fired"] == 2
    assert answer.json()["stepSeconds"] == 300
    assert [round(firing["value"]) for firing in answer.json()["firings"]] == [120, 130]
    assert (
        await world.rows("SELECT FROM alert UNION ALL SELECT FROM rule UNION ALL SELECT FROM notification")
        == []
    )
