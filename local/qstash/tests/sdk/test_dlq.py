"""The dead-letter queue: /v2/dlq."""

import pytest
from qstash.errors import QStashError


@pytest.fixture
def dead(qstash, destination, reply):
    """Make dead letters with the given options each; return their message ids."""
    destination.answers("/dead", reply(status=404, headers={"X-Why": "gone"}, body=b"404 Not Found"))

    def make(count, **options):
        ids = []
        for number in range(count):
            options_of_one = {"url": f"{destination.url}/dead", "retries": 0, "body": f"b{number}", **options}
            ids.append(qstash.sdk.message.publish(**options_of_one).message_id)
            qstash.idle()
        return ids

    return make


def test_a_dead_letter_tells_why_it_died(qstash, dead):
    (message_id,) = dead(1, label="l")
    (entry,) = qstash.sdk.dlq.list().messages

    assert entry == qstash.sdk.dlq.get(entry.dlq_id)
    assert (entry.message_id, entry.body, entry.label, entry.max_retries) == (message_id, "b0", "l", 0)
    assert (entry.response_status, entry.response_body) == (404, "404 Not Found")
    assert entry.response_headers["X-Why"] == ["gone"]


def test_pages_show_everything_once_while_more_arrives(qstash, dead):
    """A page is asked for by the last entry seen, so that new entries shift nothing."""
    ids = dead(7)
    seen, cursor = [], None
    while True:
        page = qstash.sdk.dlq.list(cursor=cursor, count=2)
        seen += [entry.message_id for entry in page.messages]
        if len(seen) == 4:
            ids += dead(1)
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == ids
    assert "cursor" not in qstash.http.get("/v2/dlq").json()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("label=x", 1),
        ("label=x,y", 2),
        ("responseStatus=404", 3),
        ("responseStatus=500", 0),
        ("fromDate=1", 3),
        ("toDate=1", 0),
        ("topicName=t", 0),
        ("queueName=q", 0),
        ("callerIp=127.0.0.1", 3),
        ("count=1", 1),
    ],
)
def test_filters_find_dead_letters(qstash, dead, query, found):
    dead(1, label="x"), dead(1, label="y"), dead(1)

    assert len(qstash.http.get(f"/v2/dlq?{query}").json()["messages"]) == found


def test_the_message_id_and_url_filter_too(qstash, dead, destination):
    first, _ = dead(2)

    assert len(qstash.sdk.dlq.list(filter={"message_id": first}).messages) == 1
    assert len(qstash.sdk.dlq.list(filter={"url": f"{destination.url}/dead"}).messages) == 2


def test_one_is_deleted(qstash, dead):
    dead(1)
    (entry,) = qstash.sdk.dlq.list().messages
    qstash.sdk.dlq.delete(entry.dlq_id)

    assert qstash.sdk.dlq.list().messages == []
    for call in (qstash.sdk.dlq.get, qstash.sdk.dlq.delete):
        with pytest.raises(QStashError, match="not found"):
            call(entry.dlq_id)


def test_many_are_deleted_by_body_query_or_filter(qstash, dead):
    dead(3), dead(2, label="x")
    ids = [entry.dlq_id for entry in qstash.sdk.dlq.list().messages]

    assert qstash.sdk.dlq.delete_many([ids[0], "1-0"]) == 1
    assert qstash.http.delete(f"/v2/dlq?dlqIds={ids[1]}&dlqIds={ids[0]}").json() == {"deleted": 1}
    assert qstash.http.delete("/v2/dlq?label=x&count=1").json()["deleted"] == 1
    assert qstash.http.delete("/v2/dlq?label=nobody").json() == {"deleted": 0}
    assert qstash.http.delete("/v2/dlq?labeel=x").status_code == 400
    assert qstash.http.delete("/v2/dlq?count=100").json() == {"deleted": 2}


def test_a_retried_dead_letter_is_a_new_message(qstash, dead, destination, reply):
    (message_id,) = dead(1, headers={"a": "b"})
    (entry,) = qstash.sdk.dlq.list().messages
    destination.answers("/dead", reply())
    answer = qstash.http.post(f"/v2/dlq/retry/{entry.dlq_id}", headers={"Upstash-Label": "again"})
    qstash.idle()

    assert answer.status_code == 201
    assert answer.json()["messageId"] != message_id
    assert qstash.states(answer.json()["messageId"])[-1] == "DELIVERED"
    assert destination.at("/dead")[-1].header("A") == "b"
    assert qstash.sdk.dlq.list().messages == []
    assert qstash.sdk.log.list(filter={"label": "again"}).logs
    assert qstash.http.post(f"/v2/dlq/retry/{entry.dlq_id}").status_code == 404


def test_many_are_retried(qstash, dead, destination, reply):
    """The cursor of a retry is an empty text at the end, not absent."""
    dead(3)
    ids = [entry.dlq_id for entry in qstash.sdk.dlq.list().messages]
    destination.answers("/dead", reply())

    answer = qstash.http.post(f"/v2/dlq/retry?dlqIds={ids[0]}").json()
    assert (len(answer["responses"]), answer["cursor"]) == (1, "")
    answer = qstash.http.post("/v2/dlq/retry?count=1").json()
    assert (len(answer["responses"]), bool(answer["cursor"])) == (1, True)
    answer = qstash.http.post("/v2/dlq/retry?count=100", headers={"Upstash-Retries": "9"}).json()
    assert qstash.http.get(f"/v2/messages/{answer['responses'][0]['messageId']}").json()["maxRetries"] == 9
    assert qstash.sdk.dlq.list().messages == []


def test_dead_letters_expire_with_the_plan(qstash, dead):
    dead(1)
    qstash.advance("6d23h")
    assert len(qstash.sdk.dlq.list().messages) == 1
    qstash.advance("1h2m")
    qstash.idle()
    assert qstash.sdk.dlq.list().messages == []
