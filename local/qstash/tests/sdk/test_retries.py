"""Failed attempts: back-off, what the destination asks for, the end in the dead-letter queue."""

import math
import threading

import pytest


def test_the_default_back_off_is_followed_to_the_second(qstash, destination, reply):
    """min(86400, e^(2.5 n)) seconds before retry n; six hours pass in milliseconds here."""
    destination.answers("/fail", reply(status=500))
    qstash.control("clock/pause")
    answer = qstash.sdk.message.publish(url=f"{destination.url}/fail", retries=6)
    qstash.idle()

    for retry, wait in enumerate((12_182, 148_413, 1_808_042, 22_026_466, 86_400_000, 86_400_000), start=1):
        assert wait == min(86_400_000, round(math.exp(2.5 * retry) * 1000))
        qstash.advance((wait - 1) / 1000)
        assert len(destination.at("/fail")) == retry
        qstash.advance(0.001)
        assert destination.wait("/fail", retry + 1)[-1].header("Upstash-Retried") == str(retry)
    assert qstash.states(answer.message_id)[-3:] == ["ACTIVE", "ERROR", "FAILED"]
    assert [each.message_id for each in qstash.sdk.dlq.list().messages] == [answer.message_id]


def test_a_message_keeps_its_id_over_retries(qstash, destination, reply):
    """The id is what a worker recognises a second delivery by."""
    destination.answers("/once", reply(status=503, headers={"Retry-After": "0"}), reply())
    answer = qstash.sdk.message.publish(url=f"{destination.url}/once")

    ids = {each.header("Upstash-Message-Id") for each in destination.wait("/once", 2)}
    qstash.idle()
    assert ids == {answer.message_id}
    assert qstash.states(answer.message_id) == ["CREATED", "ACTIVE", "ERROR", "RETRY", "ACTIVE", "DELIVERED"]


def test_without_retries_a_failure_is_four_events(qstash, destination, reply):
    destination.answers("/f", reply(status=404, body=b"404 Not Found"))
    answer = qstash.sdk.message.publish(url=f"{destination.url}/f", retries=0)
    qstash.idle()

    assert qstash.states(answer.message_id) == ["CREATED", "ACTIVE", "ERROR", "FAILED"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "6m5s"}, 365),
        ({"X-RateLimit-Reset": "30"}, 30),
        ({"X-RateLimit-Reset-Requests": "1.5s"}, 1.5),
        ({"X-RateLimit-Reset-Tokens": "200ms"}, 0.2),
        ({"Retry-After": "86401"}, 12.182),  # more than a day: ignored
        ({"Retry-After": "soon"}, 12.182),
    ],
)
def test_a_destination_may_ask_for_its_own_wait(qstash, destination, reply, headers, seconds):
    destination.answers("/busy", reply(status=429, headers=headers), reply())
    qstash.control("clock/pause")
    answer = qstash.sdk.message.publish(url=f"{destination.url}/busy")
    qstash.idle()

    (event,) = qstash.http.get(
        "/v2/events", params={"messageId": answer.message_id, "state": "RETRY"}
    ).json()["events"]
    assert event["nextDeliveryTime"] - event["time"] == seconds * 1000


def test_the_publishers_expression_sets_the_wait(qstash, destination, reply):
    """`retried` is 0 at the first retry; a header of the destination would win."""
    destination.answers("/e", reply(status=500))
    qstash.control("clock/pause")
    answer = qstash.http.post(
        f"/v2/publish/{destination.url}/e",
        headers={"Upstash-Retry-Delay": "max(1000, pow(2, retried) * 600)"},
    ).json()
    qstash.advance("1h")

    events = qstash.http.get(
        "/v2/events", params={"messageId": answer["messageId"], "state": "RETRY"}
    ).json()["events"]
    assert [event["nextDeliveryTime"] - event["time"] for event in reversed(events)] == [1000, 1200, 2400]
    assert {event["retryDelayExpr"] for event in events} == {"max(1000, pow(2, retried) * 600)"}


def test_489_with_its_header_is_final(qstash, destination, reply):
    destination.answers("/final", reply(status=489, headers={"Upstash-NonRetryable-Error": "true"}))
    destination.answers("/bare", reply(status=489))
    final = qstash.sdk.message.publish(url=f"{destination.url}/final", retries=5)
    bare = qstash.sdk.message.publish(url=f"{destination.url}/bare", retries=5)
    qstash.idle()

    assert qstash.states(final.message_id) == ["CREATED", "ACTIVE", "ERROR", "FAILED"]
    assert qstash.states(bare.message_id)[-1] == "RETRY"


def test_a_redirect_is_not_followed(qstash, destination, reply):
    destination.answers("/moved", reply(status=302, headers={"Location": f"{destination.url}/elsewhere"}))
    answer = qstash.sdk.message.publish(url=f"{destination.url}/moved", retries=0)
    qstash.idle()

    assert qstash.states(answer.message_id)[-1] == "FAILED"
    assert destination.at("/elsewhere") == []


def test_a_timeout_ends_an_attempt(qstash, destination, reply, request):
    hold = threading.Event()
    request.addfinalizer(hold.set)
    destination.answers("/slow", reply(hold=hold))
    answer = qstash.sdk.message.publish(url=f"{destination.url}/slow", retries=0, timeout="200ms")
    qstash.idle()

    (entry,) = qstash.sdk.dlq.list().messages
    assert (entry.message_id, entry.response_status) == (answer.message_id, 0)
    assert "200 ms" in entry.response_body


def test_nobody_at_the_destination_is_a_failure(qstash):
    answer = qstash.sdk.message.publish(url="https://rewritten.example/x", retries=0)
    qstash.idle()

    assert qstash.states(answer.message_id)[-1] == "FAILED"
