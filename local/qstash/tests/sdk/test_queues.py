"""FIFO queues: /v2/queues and /v2/enqueue."""

import threading

import pytest
from qstash.errors import QStashError


def bodies(requests):
    return [request.body for request in requests]


def test_a_queue_is_strictly_in_order_through_retries(qstash, destination, reply):
    """The next message starts only when the one before is delivered or failed, retries included."""
    destination.answers("/q", reply(status=500), reply(status=500), reply(status=500), reply())
    qstash.control("clock/pause")
    for number in range(3):
        qstash.sdk.message.enqueue(queue="q", url=f"{destination.url}/q", body=str(number), retries=1)
    qstash.idle()
    assert bodies(destination.at("/q")) == [b"0"]
    assert qstash.sdk.queue.get("q").lag == 3

    qstash.advance("1h")
    assert bodies(destination.at("/q")) == [b"0", b"0", b"1", b"1", b"2"]
    assert qstash.sdk.queue.get("q").lag == 0


def test_the_next_message_waits_for_callbacks(qstash, destination, reply):
    """A turn ends with the callbacks of its message."""
    destination.answers("/cb", reply(status=500), reply())
    qstash.control("clock/pause")
    for number in range(2):
        qstash.sdk.message.enqueue(
            queue="q", url=f"{destination.url}/q", body=str(number), callback=f"{destination.url}/cb"
        )
    qstash.idle()
    assert bodies(destination.at("/q")) == [b"0"]
    qstash.advance("13s")
    assert bodies(destination.at("/q")) == [b"0", b"1"]


def test_parallelism_bounds_what_is_under_way(qstash, destination, reply, request):
    hold = threading.Event()
    request.addfinalizer(hold.set)
    destination.answers("/q", reply(hold=hold))
    qstash.sdk.queue.upsert("wide", parallelism=3)
    for number in range(5):
        qstash.sdk.message.enqueue(queue="wide", url=f"{destination.url}/q", body=str(number))
    destination.wait("/q", 3)

    assert len(destination.at("/q")) == 3
    hold.set()
    qstash.idle()
    assert len(destination.at("/q")) == 5


def test_a_paused_queue_accepts_and_holds(qstash, destination):
    qstash.sdk.queue.upsert("q", paused=True)
    for number in range(2):
        qstash.sdk.message.enqueue(queue="q", url=f"{destination.url}/q", body=str(number))
    qstash.idle()
    assert (qstash.sdk.queue.get("q").paused, qstash.sdk.queue.get("q").lag) == (True, 2)
    assert destination.at("/q") == []

    qstash.sdk.queue.resume("q")
    assert bodies(destination.wait("/q", 2)) == [b"0", b"1"]


def test_a_pause_holds_a_retry_too(qstash, destination, reply):
    destination.answers("/q", reply(status=500), reply())
    qstash.control("clock/pause")
    qstash.sdk.message.enqueue(queue="q", url=f"{destination.url}/q")
    qstash.idle()
    qstash.sdk.queue.pause("q")
    qstash.advance("1h")
    assert len(destination.at("/q")) == 1

    qstash.sdk.queue.resume("q")
    qstash.idle()
    assert len(destination.at("/q")) == 2


def test_queues_are_created_changed_and_listed(qstash):
    qstash.sdk.queue.upsert("b", parallelism=2)
    qstash.http.post("/v2/enqueue/a/https://a.example?upstash-delay=1h").raise_for_status()
    qstash.http.post("/v2/queues/", json={"queueName": "b", "parallelism": 4}).raise_for_status()

    assert [(queue.name, queue.parallelism, queue.lag) for queue in qstash.sdk.queue.list()] == [
        ("a", 1, 1),
        ("b", 4, 0),
    ]
    shown = qstash.http.get("/v2/queues/b").json()
    assert set(shown) == {"name", "parallelism", "createdAt", "updatedAt", "lag", "paused"}
    assert shown["updatedAt"] >= shown["createdAt"]


def test_deleting_a_queue_cancels_what_it_holds(qstash, destination):
    """Nothing disappears silently: the log says what became of each message."""
    qstash.sdk.queue.upsert("q", paused=True)
    held = qstash.sdk.message.enqueue(queue="q", url=f"{destination.url}/q")
    qstash.sdk.queue.delete("q")
    qstash.sdk.queue.delete("q")

    with pytest.raises(QStashError, match="queue q not found"):
        qstash.sdk.queue.get("q")
    assert qstash.states(held.message_id) == ["CREATED", "CANCEL_REQUESTED", "CANCELED"]


def test_canceling_the_head_lets_the_next_go(qstash, destination):
    qstash.sdk.queue.upsert("q", paused=True)
    head, _ = (
        qstash.sdk.message.enqueue(queue="q", url=f"{destination.url}/q", body=str(n)) for n in range(2)
    )
    qstash.sdk.message.cancel(head.message_id)
    qstash.sdk.queue.resume("q")

    assert bodies(destination.wait("/q")) == [b"1"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"queueName":"q","parallelism":0}', b'{"queueName":"a b"}', b'{"queueName":""}'],
)
def test_a_bad_queue_is_refused(qstash, body):
    answer = qstash.http.post("/v2/queues", content=body)

    assert (answer.status_code, set(answer.json())) == (400, {"error"})


def test_a_bad_queue_name_is_refused_when_enqueuing(qstash):
    assert qstash.http.post("/v2/enqueue/a%20b/https://a.example").status_code == 400
