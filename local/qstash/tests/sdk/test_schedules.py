"""Schedules: /v2/schedules."""

import pytest
from qstash.errors import QStashError


def test_a_schedule_publishes_at_every_instant_of_its_cron(qstash, destination):
    """An hour of a five-minute schedule passes in milliseconds."""
    now = qstash.control("clock/pause")["now"]
    qstash.advance((3_600_000 - now % 3_600_000) / 1000)
    schedule_id = qstash.sdk.schedule.create(
        destination=f"{destination.url}/tick?a=1", cron="*/5 * * * *", body="b", schedule_id="five"
    )
    qstash.advance("1h")

    requests = destination.at("/tick")
    assert schedule_id == "five"
    assert len(requests) == 12
    assert {(each.body, each.path, each.header("Upstash-Schedule-Id")) for each in requests} == {
        (b"b", "/tick?a=1", "five")
    }
    assert len({each.header("Upstash-Message-Id") for each in requests}) == 12


def test_a_zone_moves_the_hour(qstash):
    schedule_id = qstash.sdk.schedule.create(
        destination="https://a.example", cron="CRON_TZ=America/New_York 0 4 * * *"
    )

    shown = qstash.http.get(f"/v2/schedules/{schedule_id}").json()
    assert shown["nextScheduleTime"] % 86_400_000 in (8 * 3_600_000, 9 * 3_600_000)


def test_a_schedule_shows_how_it_was_made(qstash):
    """The fields that clients need are there, `isPaused` is literally false, the cron is trimmed."""
    qstash.http.post(
        "/v2/schedules/https://a.example/x?y=1",
        content=b"body",
        headers={
            "upstash-cron": "*/10 * * * *",
            "upstash-schedule-id": "sid",
            "upstash-delay": "10s",
            "upstash-retries": "5",
            "upstash-timeout": "30s",
            "upstash-queue-name": "q",
            "upstash-forward-a": "b",
            "upstash-label": "l",
            "upstash-callback": "https://cb.example",
            "upstash-failure-callback": "https://fcb.example",
        },
    )
    shown = qstash.http.get("/v2/Schedules/sid/").json()

    assert {shown.pop("createdAt") % 1, shown.pop("nextScheduleTime") % 600_000} == {0}
    assert shown == {
        "scheduleId": "sid",
        "cron": "*/10 * * * *",
        "destination": "https://a.example/x?y=1",
        "method": "POST",
        "header": {"A": ["b"]},
        "body": "body",
        "retries": 5,
        "delay": 10,
        "timeout": 30,
        "queueName": "q",
        "isPaused": False,
        "callback": "https://cb.example",
        "failureCallback": "https://fcb.example",
        "callerIP": "127.0.0.1",
        "callerIp": "127.0.0.1",
        "label": "l",
        "labels": ["l"],
    }


def test_the_same_id_replaces_a_schedule_wholesale(qstash):
    """What is not said again is gone, and there is still one schedule."""
    qstash.sdk.schedule.create(destination="https://a.example", cron="1 1 1 1 1", body="b", schedule_id="s")
    qstash.sdk.schedule.create(destination="https://b.example", cron="2 2 2 2 2", schedule_id="s")

    (schedule,) = qstash.sdk.schedule.list()
    assert (schedule.destination, schedule.cron, schedule.body) == ("https://b.example", "2 2 2 2 2", None)


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_a_paused_schedule_ignores_its_instants(qstash, destination, method):
    qstash.control("clock/pause")
    schedule_id = qstash.sdk.schedule.create(destination=f"{destination.url}/s", cron="* * * * *")
    qstash.http.request(method, f"/v2/schedules/{schedule_id}/pause").raise_for_status()
    qstash.advance("10m")
    assert (qstash.sdk.schedule.get(schedule_id).paused, destination.at("/s")) == (True, [])

    qstash.http.request(method, f"/v2/schedules/{schedule_id}/resume").raise_for_status()
    qstash.advance("1m")
    assert len(destination.at("/s")) == 1


def test_a_schedule_may_feed_a_queue_or_a_group(qstash, destination):
    """Its queue keeps the parallelism it had."""
    qstash.control("clock/pause")
    qstash.sdk.queue.upsert("q", parallelism=5)
    qstash.sdk.url_group.upsert_endpoints(
        "g", [{"url": f"{destination.url}/g1"}, {"url": f"{destination.url}/g2"}]
    )
    qstash.sdk.schedule.create(destination="g", cron="* * * * *", queue="q")
    qstash.advance("1m")

    assert [len(destination.at(path)) for path in ("/g1", "/g2")] == [1, 1]
    assert destination.at("/g1")[0].header("Upstash-Topic-Name") == "g"
    assert qstash.sdk.queue.get("q").parallelism == 5


def test_a_trigger_that_fails_leaves_its_error(qstash):
    qstash.control("clock/pause")
    schedule_id = qstash.sdk.schedule.create(destination="missing", cron="* * * * *")
    qstash.advance("1m")

    assert qstash.sdk.schedule.get(schedule_id).error == "topic missing not found"


def test_a_schedule_tells_how_its_last_messages_went(qstash, destination, reply):
    destination.answers("/s", reply(status=500), reply())
    qstash.control("clock/pause")
    schedule_id = qstash.sdk.schedule.create(destination=f"{destination.url}/s", cron="0 0 * * *", retries=1)
    shown = qstash.http.get(f"/v2/schedules/{schedule_id}").json()
    qstash.advance((shown["nextScheduleTime"] - qstash.http.get("/control/clock").json()["now"]) / 1000)
    states = [list(qstash.http.get(f"/v2/schedules/{schedule_id}").json()["lastScheduleStates"].values())]
    qstash.advance("13s")
    states.append(list(qstash.http.get(f"/v2/schedules/{schedule_id}").json()["lastScheduleStates"].values()))

    assert states == [["IN_PROGRESS"], ["SUCCESS"]]


def test_the_delay_of_a_schedule_delays_its_messages(qstash, destination):
    now = qstash.control("clock/pause")["now"]
    qstash.sdk.schedule.create(destination=f"{destination.url}/s", cron="0 * * * *", delay="10s")
    qstash.advance((3_600_000 - now % 3_600_000 + 9_000) / 1000)
    assert destination.at("/s") == []
    qstash.advance(1)
    assert len(destination.at("/s")) == 1


def test_a_deleted_schedule_is_gone(qstash):
    schedule_id = qstash.sdk.schedule.create(destination="https://a.example", cron="1 1 1 1 1")
    qstash.sdk.schedule.delete(schedule_id)

    for call in (qstash.sdk.schedule.get, qstash.sdk.schedule.delete, qstash.sdk.schedule.pause):
        with pytest.raises(QStashError, match="not found"):
            call(schedule_id)


@pytest.mark.parametrize(
    "cron",
    ["", "* * * *", "* * * * * *", "61 * * * *", "CRON_TZ=Mars/Base 0 0 * * *", "0 0 30 2 *", "@daily"],
)
def test_a_bad_cron_is_refused(qstash, cron):
    answer = qstash.http.post("/v2/schedules/https://a.example", headers={"Upstash-Cron": cron})

    assert answer.status_code == 400
    assert "Upstash-Cron" in answer.json()["error"]
