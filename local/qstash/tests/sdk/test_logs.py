"""The log: /v2/events and /v2/logs; keys; what is out of scope."""

import hashlib

import pytest


def events(qstash, query="", path="events"):
    return qstash.http.get(f"/v2/{path}?{query}").json()


def test_the_log_is_newest_first(qstash, destination):
    message_id = qstash.sdk.message.publish(url=f"{destination.url}/x").message_id
    qstash.idle()

    logs = qstash.sdk.log.list(filter={"message_id": message_id}).logs
    assert [log.state.value for log in logs] == ["DELIVERED", "ACTIVE", "CREATED"]
    assert logs[0].response_status == 200


def test_pages_show_each_entry_once_while_more_is_written(qstash):
    """Newest first, new entries come before the page that is being read."""

    def publish():
        qstash.sdk.message.publish(url="https://a.example", delay="1h")

    for _ in range(9):
        publish()
    expected = [event["messageId"] for event in events(qstash)["events"]]
    seen, cursor = [], ""
    while cursor is not None:
        page = events(qstash, f"count=2&cursor={cursor}")
        seen += [event["messageId"] for event in page["events"]]
        publish()
        cursor = page.get("cursor")
    assert seen == expected
    reverse = [event["messageId"] for event in events(qstash, "order=earliestFirst&count=9")["events"]]
    assert reverse == expected[::-1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=DELIVERED", 2),
        ("state=CANCELLED", 1),
        ("state=CANCELED&state=DELIVERED", 3),
        ("state=IN_PROGRESS", 2),
        ("label=a", 3),
        ("label=a,b", 6),
        ("host=127.0.0.1", 6),
        ("path=/two", 3),
        ("host=other.example", 3),
        ("fromDate=1", 9),
        ("toDate=1", 0),
        ("queueName=q", 0),
        ("scheduleId=s", 0),
        ("count=4", 4),
        ("messageIds=x", 0),
    ],
)
def test_filters_choose_entries(qstash, destination, query, found):
    qstash.sdk.message.publish(url=f"{destination.url}/one?x=1", label="a")
    qstash.sdk.message.publish(url=f"{destination.url}/two", label="b")
    qstash.sdk.message.cancel(qstash.sdk.message.publish(url="https://other.example", delay="1h").message_id)
    qstash.idle()

    assert len(events(qstash, query)["events"]) == found


def test_the_newer_name_serves_the_same_entries(qstash, destination):
    qstash.sdk.message.publish(url=f"{destination.url}/x")
    qstash.idle()

    page = events(qstash, path="logs")
    assert page["logs"] == page["events"]
    assert len(page["logs"]) == 3


def test_an_unknown_state_or_order_is_refused(qstash):
    for query in ("state=LOST", "order=random", "count=x", "fromDate=yesterday", "cursor=x"):
        assert qstash.http.get(f"/v2/events?{query}").status_code == 400


def test_redacted_fields_are_shown_as_digests_and_delivered_in_clear(qstash, destination, reply):
    """The clear text is in no answer of the API, and still arrives, from the dead-letter queue too."""
    destination.answers("/r", reply(status=500), reply())
    destination.answers("/cb", reply(status=500, headers={"Upstash-NonRetryable-Error": "true"}))
    qstash.sdk.message.publish(
        url=f"{destination.url}/r",
        body="secret",
        retries=0,
        headers={"Authorization": "s3cret", "Open": "o"},
        redact={"body": True, "header": ["Authorization"]},
        callback=f"{destination.url}/cb",
    )
    qstash.idle()
    (entry,) = qstash.http.get("/v2/dlq", params={"url": f"{destination.url}/r"}).json()["messages"]
    everything = qstash.http.get("/v2/events").text + qstash.http.get("/v2/dlq").text

    assert entry["body"] == "REDACTED:" + hashlib.sha256(b"secret").hexdigest()
    assert entry["header"]["Authorization"] == ["REDACTED:" + hashlib.sha256(b"s3cret").hexdigest()]
    assert entry["header"]["Open"] == ["o"]
    assert not any(secret in everything for secret in ("secret", "s3cret", "c2VjcmV0"))
    qstash.http.post(f"/v2/dlq/retry/{entry['dlqId']}")
    again = destination.wait("/r", 2)[1]
    assert (again.body, again.header("Authorization")) == (b"secret", "s3cret")


def test_the_keys_are_the_public_ones_of_a_dev_server(qstash):
    """The JavaScript SDK takes a server with these keys for a running dev server."""
    key = qstash.sdk.signing_key.get()

    assert (key.current, key.next) == ("sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r", "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs")


def test_a_rotation_survives_a_restart(start, destination):
    server = start()
    old = server.sdk.signing_key.get()
    new = server.sdk.signing_key.rotate()
    server.stop()
    server = start()

    assert new.current == old.next
    assert server.sdk.signing_key.get() == new
    server.sdk.message.publish(url=f"{destination.url}/x", body="b")
    signature = destination.wait("/x")[0].header("Upstash-Signature")
    server.receiver.verify(signature=signature, body="b", url=f"{destination.url}/x")


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/v2",
        "/v1/publish/https://a.example",
        "/v2/nothing",
        "/v2/workflows/x",
        "/v2/trigger/x",
        "/llm/v1/chat/completions",
    ],
)
def test_what_does_not_exist_is_a_404_in_json(qstash, target):
    answer = qstash.http.post(target)

    assert (answer.status_code, set(answer.json())) == (404, {"error"})


def test_a_wrong_method_is_told_which_ones_work(qstash):
    answer = qstash.http.put("/v2/queues")

    assert (answer.status_code, answer.json()) == (
        405,
        {"error": "method PUT is not allowed here, use GET, POST"},
    )
