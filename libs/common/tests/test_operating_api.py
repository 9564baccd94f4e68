"""The API that shows an operator more: searches, histories with logs, pictures, activity."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from huntaze_common import logs
from huntaze_common.errors import PermanentFailure
from huntaze_common.run import Run
from huntaze_contracts.alerts import AlertsChecked

FIND = "SELECT {n} || '-' || n, 'alert-checker', 1, 'u' || n % 7, '{{}}', '', {state}, now() - n * interval '1 second' FROM generate_series(1, $1::integer) AS n"
INSERT = "INSERT INTO job (job_id, type, schema_version, user_id, body, payload_sha, state, first_seen_at) "


async def found(service: Any, query: str) -> list[str]:
    answer = await service.http.get(f"/jobs?{query}", headers=service.bearer(operator=True))
    assert answer.status_code == 200, answer.text
    return [job["jobId"] for job in answer.json()["jobs"]]


async def test_filters_and_searches_find_what_they_say(service: Any) -> None:
    for name, user in (("alpha", "u1"), ("beta", "u2"), ("gamma", "u2")):
        await service.deliver(service.job(name, user_id=user))
    await service.sql(
        "UPDATE job SET state = 'failed', error = '{\"code\": \"lens_cap\"}' WHERE job_id = 'beta'"
    )
    await service.sql("UPDATE job SET schedule_id = 'nightly', message_id = 'msg_77' WHERE job_id = 'gamma'")
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query, names in {
        "user=u2": ["gamma", "beta"],
        "state=failed": ["beta"],
        "state=failed&user=u1": [],
        "schedule=nightly": ["gamma"],
        "q=ALPH": ["alpha"],
        "q=msg_77": ["gamma"],
        "q=lens_cap": ["beta"],
        "q=lens_cap&state=succeeded": [],
        "q=u2&state=succeeded": ["gamma"],
        f"since={later}": [],
        f"until={later}": ["gamma", "beta", "alpha"],
    }.items():
        assert await found(service, query) == names, query


async def test_a_user_finds_only_their_own(service: Any) -> None:
    for name, user in (("alpha", "u1"), ("beta", "u2")):
        await service.deliver(service.job(name, user_id=user))
    for query in ("q=a", "user=u2", "state=succeeded"):
        answer = await service.http.get(f"/jobs?{query}", headers=service.bearer("u1"))
        assert [job["jobId"] for job in answer.json()["jobs"]] == ["alpha"], query


@pytest.mark.parametrize(
    "query", ["since=yesterday", "until=2026-01-01T00:00:00", "q=", "q=%00", "q=" + "x" * 201]
)
async def test_a_wrong_filter_is_named(service: Any, query: str) -> None:
    answer = await service.http.get(f"/jobs?{query}", headers=service.bearer())
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query")
    assert query.partition("=")[0] in answer.json()["detail"]


async def test_rare_jobs_come_from_their_own_index(service: Any) -> None:
    """One failed job among 20,000 must not cost a walk over all of them."""
    await service.sql(INSERT + FIND.format(n="'ok'", state="'succeeded'"), 20_000)
    await service.sql(INSERT + FIND.format(n="'bad'", state="'failed'"), 3)
    await service.sql("ANALYZE job")
    assert await found(service, "state=failed") == ["bad-1", "bad-2", "bad-3"]
    for planning in ("force_generic_plan", "force_custom_plan"):
        await service.sql(f"ALTER DATABASE {service.dsn.rpartition('/')[2]} SET plan_cache_mode = {planning}")
        text = counting_query("list_unsettled")
        plan = "\n".join(row[0] for row in await service.sql(f"EXPLAIN {text}"))
        assert "job_unsettled" in plan, plan


def counting_query(name: str) -> str:
    """Return a query of the ledger with the parameters of a plain listing of failed jobs."""
    from huntaze_common import sql

    text = sql.load("huntaze_common.ledger")[name].rstrip("; \n")
    values = {1: "NULL", 2: "'failed'", 3: "NULL", 4: "NULL", 5: "51", 6: "NULL", 7: "NULL", 8: "NULL"}
    for number, value in values.items():
        text = text.replace(f"${number}::", f"{value}::")
    return text


async def test_a_cursor_walks_over_every_job_once(service: Any) -> None:
    await service.sql(INSERT + FIND.format(n="'ok'", state="'succeeded'"), 250)
    for more in ("", "&state=succeeded", "&q=ok-"):
        seen: list[str] = []
        cursor = ""
        while True:
            answer = await service.http.get(
                f"/jobs?limit=100{more}{cursor}", headers=service.bearer(operator=True)
            )
            seen += [job["jobId"] for job in answer.json()["jobs"]]
            if answer.json()["cursor"] is None:
                break
            cursor = f"&cursor={answer.json()['cursor']}"
        assert seen == [f"ok-{n}" for n in range(1, 251)]


async def history(service: Any, job_id: str, *, operator: bool = True) -> dict[str, Any]:
    answer = await service.http.get(f"/jobs/{job_id}/history", headers=service.bearer(operator=operator))
    return answer.json() if answer.status_code == 200 else {"status": answer.status_code}


async def test_a_history_tells_attempts_stages_and_logs(serve: Callable[..., Any]) -> None:
    """Two deliveries: the first fails for good after a stage and logs why, the second is asked for by hand."""
    calls: list[str] = []

    async def fail_once(_: Any, run: Run) -> AlertsChecked:
        calls.append(run.job_id)
        await run.progress("looking", 10)
        if len(calls) == 1:
            structlog.get_logger().warning("lamp_broken", bulb=3, key="sig_" + "x" * 20)
            raise PermanentFailure("no light")
        return AlertsChecked(slot=run.now())

    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    merge, render = structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer()
    structlog.configure([merge, structlog.processors.add_log_level, stamp, logs.keep, render])
    try:
        async with serve(fail_once) as service:
            body = service.job("a")
            assert (await service.deliver(body)).status_code == 489
            while not any(entry["event"] == "log" for entry in (await history(service, "a"))["timeline"]):
                await asyncio.sleep(0.02)
            assert (await service.http.post("/jobs/a/retry", headers=service.bearer())).status_code == 202
            assert (await service.deliver(body)).status_code == 200
            seen = await history(service, "a")
            # Logs tell of the service's inside: not even to the job's own user.
            assert (await history(service, "a", operator=False)) == {"status": 403}
    finally:
        structlog.reset_defaults()
    assert seen["envelope"] == json.loads(body)
    events = [entry["event"] for entry in seen["timeline"]]
    assert events == ["delivery", "stage", "log", "log", "log", "retried by hand", "delivery", "stage"]
    assert [entry["number"] for entry in seen["timeline"] if entry["event"] == "delivery"] == [1, 2]
    assert seen["timeline"][2]["text"] == "lamp_broken bulb=3 key=sig_***"


async def test_a_timeline_does_not_grow_without_end(service: Any) -> None:
    await service.deliver(service.job("a"))
    full = "(SELECT jsonb_agg(jsonb_build_object('event', 'stage')) FROM generate_series(1, 199))"
    await service.sql(f"UPDATE job SET state = 'retry', finished_at = NULL, timeline = {full}")
    await service.deliver(service.job("a"))
    assert len((await history(service, "a"))["timeline"]) == 200


async def test_activity_counts_what_waits_and_what_was_finished(service: Any) -> None:
    for name in ("a", "b", "c"):
        await service.deliver(service.job(name))
    await service.sql("UPDATE job SET state = 'failed' WHERE job_id = 'b'")
    await service.sql("UPDATE job SET state = 'retry', finished_at = NULL WHERE job_id = 'c'")
    answer = await service.http.get("/activity?minutes=5&steps=5", headers=service.bearer(operator=True))
    seen = answer.json()
    assert [(each["state"], each["jobs"]) for each in seen["waiting"]] == [("retry", 1)]
    assert sum(step["succeeded"] for step in seen["steps"]) == 1
    assert sum(step["failed"] for step in seen["steps"]) == 1
    assert (seen["totals"]["jobs"], seen["totals"]["deliveries"]) == (2, 2)
    assert seen["totals"]["runP95"] >= seen["totals"]["runP50"] >= 0
    since = datetime.now(UTC).strftime("%Y-%m-%dT00:00:00Z")
    answer = await service.http.get(f"/activity?since={since}", headers=service.bearer(operator=True))
    assert answer.json()["totals"]["jobs"] == 2


async def test_activity_is_for_operators(service: Any) -> None:
    assert (await service.http.get("/activity", headers=service.bearer())).status_code == 403
    assert (await service.http.get("/activity")).status_code == 401


async def test_only_objects_that_the_result_names_are_opened(serve: Callable[..., Any]) -> None:
    class Links:
        async def presigned_get(self, key: str, *, seconds: int) -> str:
            return f"https://store.example/{key}?for={seconds}"

    async def do(_: Any, run: Run) -> AlertsChecked:
        return AlertsChecked(slot=run.now())

    async with serve(do, objects=lambda _: Links()) as service:
        await service.deliver(service.job("a"))
        await service.sql('UPDATE job SET result = \'{"files": [{"key": "videos/u1/grid.jpg"}]}\'')
        answers = {
            key: await service.http.get("/jobs/a/objects", params={"key": key}, headers=service.bearer())
            for key in ("videos/u1/grid.jpg", "videos/u2/grid.jpg", "../grid.jpg", "")
        }
        assert [answer.status_code for answer in answers.values()] == [302, 404, 404, 404]
        opened = answers["videos/u1/grid.jpg"].headers
        assert opened["location"] == "https://store.example/videos/u1/grid.jpg?for=900"
        strange = await service.http.get(
            "/jobs/a/objects?key=videos/u1/grid.jpg", headers=service.bearer("u2")
        )
        assert strange.status_code == 404
