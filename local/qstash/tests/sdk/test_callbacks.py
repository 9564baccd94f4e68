"""Callbacks and failure callbacks: messages of their own about another message."""

from base64 import b64decode


def test_a_callback_tells_how_a_delivery_went(qstash, destination, reply):
    """Every fact that the reference names is in the body; the callback itself is signed for its own URL."""
    destination.answers("/work", reply(status=201, headers={"X-Made": "1"}, body=b"\xffresult"))
    answer = qstash.sdk.message.publish(
        url=f"{destination.url}/work?q=1",
        body="input",
        callback=f"{destination.url}/cb",
        retries=2,
        callback_headers={"Forward-Tenant": "7", "method": "PUT"},
        headers={"a": "b"},
    )
    (request,) = destination.wait("/cb")
    told = request.json

    assert (request.method, request.header("Tenant"), request.header("Content-Type")) == (
        "PUT",
        "7",
        "application/json",
    )
    qstash.receiver.verify(
        signature=request.header("Upstash-Signature"), body=request.body.decode(), url=f"{destination.url}/cb"
    )
    assert (told["status"], told["retried"], told["maxRetries"], told["method"]) == (201, 0, 2, "POST")
    assert (told["sourceMessageId"], told["url"]) == (answer.message_id, f"{destination.url}/work?q=1")
    assert (b64decode(told["body"]), b64decode(told["sourceBody"])) == (b"\xffresult", b"input")
    assert (told["header"]["X-Made"], told["sourceHeader"]["A"]) == (["1"], ["b"])
    assert "dlqId" not in told
    assert isinstance(told["createdAt"], int)


def test_every_attempt_is_called_back_but_only_the_last_failure(qstash, destination, reply):
    destination.answers("/f", reply(status=500, headers={"Retry-After": "0"}))
    qstash.sdk.message.publish(
        url=f"{destination.url}/f",
        retries=2,
        callback=f"{destination.url}/cb",
        failure_callback=f"{destination.url}/fcb",
    )
    calls = destination.wait("/cb", 3)
    failures = destination.wait("/fcb")
    qstash.idle()

    assert sorted(call.json["retried"] for call in calls) == [0, 1, 2]
    assert len(destination.at("/fcb")) == 1
    (entry,) = qstash.sdk.dlq.list().messages
    assert failures[0].json["dlqId"] == entry.dlq_id
    assert failures[0].json["status"] == 500


def test_a_callback_is_retried_like_any_message(qstash, destination, reply):
    destination.answers("/cb", reply(status=500))
    qstash.control("clock/pause")
    qstash.sdk.message.publish(
        url=f"{destination.url}/ok",
        retries=5,
        callback=f"{destination.url}/cb",
        callback_headers={"retries": "1", "retry-delay": "60000"},
    )
    qstash.advance("1h")

    assert len(destination.at("/cb")) == 2
    (entry,) = qstash.sdk.dlq.list().messages
    assert (entry.url, entry.max_retries) == (f"{destination.url}/cb", 1)


def test_a_delayed_callback_waits(qstash, destination):
    qstash.control("clock/pause")
    qstash.sdk.message.publish(
        url=f"{destination.url}/ok", callback=f"{destination.url}/cb", callback_headers={"delay": "10m"}
    )
    qstash.advance("599s")
    assert destination.at("/cb") == []
    qstash.advance("1s")
    assert len(destination.wait("/cb")) == 1
