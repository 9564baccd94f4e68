"""Reading and canceling messages: /v2/messages."""

import threading

import pytest
from qstash.errors import QStashError


def delayed(qstash, count, url="https://a.example/x", **options):
    return [qstash.sdk.message.publish(url=url, delay="1h", **options).message_id for _ in range(count)]


def test_a_delivered_message_stays_readable_for_a_moment(qstash, destination):
    """Clients ask right after publishing to a destination that answers at once; later it is gone."""
    message_id = qstash.sdk.message.publish(url=f"{destination.url}/x").message_id
    qstash.idle()
    assert qstash.sdk.message.get(message_id).message_id == message_id

    qstash.advance("31s")
    with pytest.raises(QStashError, match="not found"):
        qstash.sdk.message.get(message_id)


def test_a_canceled_message_is_not_delivered(qstash, destination):
    message_id = qstash.sdk.message.publish(url=f"{destination.url}/x", delay="1h").message_id
    answer = qstash.http.delete(f"/v2/messages/{message_id}")
    qstash.advance("2h")

    assert (answer.status_code, answer.json()) == (200, {"cancelled": 1})
    assert destination.at("/x") == []
    assert qstash.states(message_id) == ["CREATED", "CANCEL_REQUESTED", "CANCELED"]
    assert qstash.http.delete(f"/v2/messages/{message_id}").status_code == 404


def test_a_message_at_its_destination_is_canceled_before_its_next_attempt(
    qstash, destination, reply, request
):
    hold = threading.Event()
    request.addfinalizer(hold.set)
    destination.answers("/x", reply(status=500, hold=hold))
    message_id = qstash.sdk.message.publish(url=f"{destination.url}/x").message_id
    destination.wait("/x")
    qstash.sdk.message.cancel(message_id)
    hold.set()
    qstash.idle()

    assert qstash.states(message_id) == ["CREATED", "ACTIVE", "CANCEL_REQUESTED", "ERROR", "CANCELED"]
    assert qstash.sdk.dlq.list().messages == []


def test_many_are_canceled_by_id(qstash, destination, reply):
    """A message that waits for its retry counts, a finished one does not."""
    destination.answers("/f", reply(status=404))
    waiting = qstash.sdk.message.publish(url=f"{destination.url}/f").message_id
    done = qstash.sdk.message.publish(url=f"{destination.url}/ok").message_id
    ids = [waiting, done, *delayed(qstash, 2)]
    qstash.idle()

    assert qstash.sdk.message.cancel_many(ids) == 3
    assert qstash.sdk.message.cancel_many(ids) == 0
    assert qstash.http.request("DELETE", "/v2/messages", json={"messageIds": []}).json() == {"cancelled": 0}


def test_all_are_canceled_without_a_body(qstash):
    delayed(qstash, 3)

    assert qstash.sdk.message.cancel_all() == 3


@pytest.mark.parametrize(
    ("query", "cancelled"),
    [
        ("label=one", 2),
        ("label=one&label=two", 3),
        ("label=one,two", 3),
        ("url=https://a.example/x?a=1,2", 1),
        ("host=a.example", 3),
        ("path=/x", 3),
        ("host=a.example&label=two", 1),
        ("queueName=q", 0),
        ("count=2", 2),
        ("fromDate=1", 4),
        ("toDate=1", 0),
        ("callerIp=127.0.0.1", 4),
        ("flowControlKey=k", 1),
    ],
)
def test_filters_choose_what_is_canceled(qstash, query, cancelled):
    """Alternatives within a field, all fields together; `count` bounds the call."""
    delayed(qstash, 2, label="one")
    delayed(qstash, 1, label="two", url="https://a.example/x?a=1,2")
    delayed(qstash, 1, url="https://b.example/", flow_control={"key": "k", "rate": 1})

    answer = qstash.http.delete(f"/v2/messages?{query}{'' if 'count' in query else '&count=100'}")
    assert answer.json() == {"cancelled": cancelled}


def test_a_misspelt_filter_cancels_nothing(qstash):
    delayed(qstash, 1)

    assert qstash.http.delete("/v2/messages?labeel=x&count=100").status_code == 400
    assert qstash.sdk.message.cancel_all() == 1
