"""POST /v2/publish: what the destination gets, and what the publisher gets."""

import re

import pytest
from qstash.errors import SignatureError


def test_a_message_arrives_as_it_was_published(qstash, destination):
    """Body, content type and forwarded headers cross; nothing of the publisher's own request does."""
    answer = qstash.sdk.message.publish_json(
        url=f"{destination.url}/a//b?x=1&y=%C3%A4%20b",
        body={"n": 1},
        headers={"h-one": "v"},
    )

    (request,) = destination.wait("/a//b")
    assert re.fullmatch(r"msg_[1-9A-HJ-NP-Za-km-z]{63}", answer.message_id)
    assert (request.method, request.path, request.body) == ("POST", "/a//b?x=1&y=%C3%A4%20b", b'{"n": 1}')
    own = {name.lower() for name, _ in request.headers} - {"host", "content-length"}
    assert own == {
        "user-agent",
        "content-type",
        "upstash-signature",
        "upstash-message-id",
        "upstash-retried",
        "upstash-caller-ip",
        "upstash-region",
        "h-one",
    }
    assert request.header("User-Agent") == "Upstash-QStash"
    assert request.header("Upstash-Message-Id") == answer.message_id
    assert (request.header("Upstash-Retried"), request.header("Upstash-Caller-Ip")) == ("0", "127.0.0.1")


def test_the_official_receiver_accepts_the_signature(qstash, destination):
    """The signature covers the raw body and the exact URL."""
    url = f"{destination.url}/signed?q=1"
    qstash.sdk.message.publish(url=url, body="päyload")

    (request,) = destination.wait("/signed")
    signature = request.header("Upstash-Signature")
    qstash.receiver.verify(signature=signature, body=request.body.decode(), url=url)
    with pytest.raises(SignatureError):
        qstash.receiver.verify(signature=signature, body=request.body.decode(), url=url + "x")
    with pytest.raises(SignatureError):
        qstash.receiver.verify(signature=signature, body="other", url=url)


def test_a_signature_carries_real_time_even_when_time_is_driven(qstash, destination):
    """Receivers check it against their own clocks, which nobody moved."""
    qstash.advance("1d")
    qstash.sdk.message.publish(url=f"{destination.url}/x", body="b")

    signature = destination.wait("/x")[0].header("Upstash-Signature")
    qstash.receiver.verify(signature=signature, body="b", url=f"{destination.url}/x")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_carries_the_body(qstash, destination, method):
    """A body goes along even with GET; its bytes are not touched."""
    qstash.http.post(
        f"/v2/publish/{destination.url}/m", content=b"\x00\xff\r\n", headers={"Upstash-Method": method}
    ).raise_for_status()

    (request,) = destination.wait("/m")
    assert (request.method, request.body, request.header("Content-Type")) == (method, b"\x00\xff\r\n", None)


def test_options_may_be_query_parameters(qstash, destination):
    """A webhook sender cannot set headers: the token and options ride in the query and are cut out of it."""
    qstash.control("clock/pause")
    answer = qstash.http.post(
        f"/v2/publish/{destination.url}/hook?keep=1&upstash-delay=100s&qstash_token={qstash.token}"
        "&upstash-header-forward=true&upstash-retries=7",
        headers={"Authorization": "", "X-Event": "push"},
    )

    message = qstash.sdk.message.get(answer.json()["messageId"])
    assert (message.url, message.max_retries) == (f"{destination.url}/hook?keep=1", 7)
    assert message.not_before - message.created_at == 100_000
    qstash.advance("100s")
    (request,) = destination.wait("/hook")
    assert request.header("X-Event") == "push"
    assert request.path == "/hook?keep=1"


def test_a_delay_holds_a_message_back(qstash, destination):
    """Nothing is delivered a moment before its time."""
    qstash.control("clock/pause")
    qstash.sdk.message.publish(url=f"{destination.url}/later", delay="1d10h30m")

    qstash.advance("1d10h29m59s")
    assert destination.at("/later") == []
    qstash.advance(1)
    assert len(destination.wait("/later")) == 1


def test_not_before_wins_over_delay(qstash, destination):
    now = qstash.control("clock/pause")["now"]
    answer = qstash.sdk.message.publish(url=f"{destination.url}/at", delay="1s", not_before=now // 1000 + 60)

    assert qstash.sdk.message.get(answer.message_id).not_before == (now // 1000 + 60) * 1000
    qstash.advance("30s")
    assert destination.at("/at") == []
    qstash.advance("30s")
    assert len(destination.wait("/at")) == 1


def test_a_message_shows_what_it_was_published_with(qstash, destination):
    """The object has every field that clients need, and none that was not set."""
    answer = qstash.http.post(
        f"/v2/publish/{destination.url}/shown",
        content=b'{"a":1}',
        headers={
            "content-type": "application/json",
            "upstash-forward-test-header": "v",
            "upstash-retries": "0",
            "upstash-delay": "10m",
            "upstash-label": "one, two",
            "upstash-timeout": "5s",
            "upstash-flow-control-key": "k",
            "upstash-flow-control-value": "parallelism=2, period=1h30m3s",
            "upstash-callback": "https://cb.example/?q=1",
            "upstash-retry-delay": "pow(2, retried) * 1000",
        },
    )
    shown = qstash.http.get(f"/v2/messages/{answer.json()['messageId']}").json()

    assert shown.pop("notBefore") - shown.pop("createdAt") == 600_000
    assert shown == {
        "messageId": answer.json()["messageId"],
        "url": f"{destination.url}/shown",
        "method": "POST",
        "header": {"Content-Type": ["application/json"], "Test-Header": ["v"]},
        "body": '{"a":1}',
        "maxRetries": 0,
        "label": "one",
        "labels": ["one", "two"],
        "flowControlKey": "k",
        "parallelism": 2,
        "period": 5403,
        "callback": "https://cb.example/?q=1",
        "retryDelayExpression": "pow(2, retried) * 1000",
        "callerIP": "127.0.0.1",
        "timeout": 5000,
    }


def test_a_binary_body_is_shown_in_base64(qstash, destination):
    answer = qstash.http.post(
        f"/v2/publish/{destination.url}/b", content=b"\xff\xfe", headers={"upstash-delay": "1h"}
    )

    shown = qstash.http.get(f"/v2/messages/{answer.json()['messageId']}").json()
    assert shown["bodyBase64"] == "//4="
    assert "body" not in shown


def test_a_cron_header_makes_a_publish_a_schedule(qstash):
    answer = qstash.http.post("/v2/publish/https://a.example", headers={"Upstash-Cron": "0 4 * * *"})

    assert qstash.sdk.schedule.get(answer.json()["scheduleId"]).cron == "0 4 * * *"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("ftp://x", "invalid destination url: endpoint has invalid scheme, add http:// or https://"),
        (
            "https%3A%2F%2Fexample.com",
            "invalid destination url: endpoint has invalid scheme, add http:// or https://",
        ),
        ("https://", "invalid destination url: endpoint has no usable host"),
        ("https://a:99999/", "invalid destination url: Port out of range 0-65535"),
        ("", "a non-empty destination must be provided"),
    ],
)
def test_a_bad_destination_is_refused(qstash, path, text):
    answer = qstash.http.post(f"/v2/publish/{path}")

    assert (answer.status_code, answer.json()) == (400, {"error": text})


def test_a_collapsed_scheme_is_mended(qstash, destination):
    """Some proxies turn `//` into `/`."""
    qstash.http.post(f"/v2/publish/{destination.url.replace('//', '/')}/mended").raise_for_status()

    assert len(destination.wait("/mended")) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Upstash-Retries", "-1"),
        ("Upstash-Retries", "three"),
        ("Upstash-Delay", "soon"),
        ("Upstash-Timeout", "0s"),
        ("Upstash-Not-Before", "tomorrow"),
        ("Upstash-Method", "BREW"),
        ("Upstash-Callback", "nowhere"),
        ("Upstash-Retry-Delay", "__import__('os')"),
        ("Upstash-Redact-Fields", "everything"),
        ("Upstash-Flow-Control-Value", "rate=1"),
        ("Upstash-Deduplication-Id", "a:b"),
        ("Upstash-Content-Based-Deduplication", "maybe"),
    ],
)
def test_a_bad_option_is_refused_by_name(qstash, name, value):
    """The error names the header, so that its author finds it."""
    answer = qstash.http.post("/v2/publish/https://a.example", headers={name: value})

    assert answer.status_code == 400
    assert name in answer.json()["error"] or answer.json()["error"] == "DeduplicationId cannot contain ':'"


def test_limits_of_the_plan_are_enforced(start):
    server = start("--plan", "free")
    refused = [
        server.http.post("/v2/publish/https://a.example", headers={"Upstash-Delay": "8d"}),
        server.http.post("/v2/publish/https://a.example", headers={"Upstash-Retries": "1000"}),
        server.http.post("/v2/publish/https://a.example", content=b"x" * ((1 << 20) + 1)),
        server.http.post("/v2/queues", json={"queueName": "q", "parallelism": 3}),
    ]
    assert [answer.status_code for answer in refused] == [412] * 4
    for number in range(11):
        answer = server.http.post("/v2/queues", json={"queueName": f"q{number}", "parallelism": 1})
    assert (answer.status_code, answer.json()) == (412, {"error": "the maximum of 10 queues is reached"})
    for number in range(11):
        answer = server.http.post(
            "/v2/schedules/https://a.example", headers={"Upstash-Cron": f"{number} 1 1 1 *"}
        )
    assert (answer.status_code, answer.json()) == (412, {"error": "the maximum of 10 schedules is reached"})


def test_the_daily_quota_answers_as_a_rate_limit(start):
    """Clients tell a daily limit from a burst limit by the header's name."""
    server = start("--plan", "free", data=":memory:")
    items = [{"destination": "https://a.example", "headers": {"Upstash-Delay": "1d"}} for _ in range(1_001)]
    answers = server.http.post("/v2/batch", json=items).json()

    assert [("messageId" in answer) for answer in answers] == [True] * 1_000 + [False]
    answer = server.http.post("/v2/publish/https://a.example")
    assert (answer.status_code, answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == (
        429,
        "1000",
        "0",
    )


def test_unknown_tokens_are_refused(qstash):
    answer = qstash.http.get("/v2/keys", headers={"Authorization": "Bearer s3cret"})

    assert answer.status_code == 401
    assert "s3cret" not in answer.text


def test_a_read_only_token_may_only_read(start):
    server = start("--read-only-token", "reader", data=":memory:")
    reader = {"Authorization": "Bearer reader"}

    assert server.http.get("/v2/events", headers=reader).status_code == 200
    assert server.http.post("/v2/publish/https://a.example", headers=reader).status_code == 403


def test_web_pages_of_other_hosts_cannot_use_the_public_token(qstash):
    """The dev token is public: a page that the developer visits must not publish with it."""
    target = f"/v2/publish/https://a.example?qstash_token={qstash.token}"

    assert qstash.http.post(target, headers={"Origin": "https://evil.example"}).status_code == 403
    assert qstash.http.post(target, headers={"Origin": "http://localhost:3000"}).status_code == 200
