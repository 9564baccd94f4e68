"""Malformed requests of any kind: an error in JSON, never a 500, and the server goes on."""

import contextlib
import json
import socket

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SETTINGS = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PATHS = st.sampled_from(
    [
        "publish/https://a.example",
        "publish/g",
        "enqueue/q/https://a.example",
        "batch",
        "messages",
        "messages/m",
        "queues",
        "queues/q",
        "queues/q/pause",
        "schedules/https://a.example",
        "schedules/s",
        "schedules/s/pause",
        "topics",
        "topics/g",
        "topics/g/endpoints",
        "dlq",
        "dlq/1-1",
        "dlq/retry",
        "dlq/retry/1-1",
        "events",
        "logs",
        "flowControl",
        "flowControl/k",
        "flowControl/k/pin",
        "globalParallelism",
        "keys",
    ]
)
NAMES = st.sampled_from(
    [
        "upstash-retries",
        "upstash-delay",
        "upstash-not-before",
        "upstash-timeout",
        "upstash-cron",
        "upstash-label",
        "upstash-flow-control-key",
        "upstash-flow-control-value",
        "upstash-redact-fields",
        "upstash-callback",
        "upstash-schedule-id",
        "upstash-queue-name",
        "upstash-deduplication-id",
        "upstash-retry-delay",
        "upstash-method",
        "upstash-forward-x",
        "upstash-header-forward",
        "upstash-callback-delay",
        "content-type",
    ]
)
PARAMETERS = st.sampled_from(
    ["count", "cursor", "order", "state", "messageId", "dlqIds", "fromDate", "responseStatus", "label"]
)
PRINTABLE = st.text(
    alphabet=st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30
)
VALUES = st.one_of(
    PRINTABLE, st.sampled_from(["1", "-1", "9" * 25, "1d", "0", "true", "NaN", "1e999", "https://b.example"])
)
FIELDS = st.sampled_from(
    ["destination", "headers", "body", "queue", "queueName", "parallelism", "endpoints", "url", "dlqIds"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "destination",
                    "headers",
                    "body",
                    "queue",
                    "queueName",
                    "parallelism",
                    "endpoints",
                    "url",
                    "messageIds",
                    "dlqIds",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
BODIES = st.one_of(st.binary(max_size=60), JSON.map(lambda value: json.dumps(value).encode()))


def is_well_formed(answer):
    if answer.status_code >= 400:
        body = answer.json()
        return answer.status_code < 500 and set(body) == {"error"} and body["error"]
    return answer.json() is not None


@SETTINGS
@given(
    st.sampled_from(["GET", "POST", "DELETE", "PATCH", "PUT"]),
    PATHS,
    st.dictionaries(NAMES, VALUES, max_size=4),
    st.lists(st.tuples(PARAMETERS, VALUES), max_size=3),
    BODIES,
)
def test_no_request_breaks_the_server(qstash, method, path, headers, parameters, body):
    encoded = {name: value.strip().encode("latin-1", "ignore") for name, value in headers.items()}
    encoded.setdefault("upstash-delay", b"1d")
    answer = qstash.http.request(
        method, f"/v2/{path}", params=parameters or None, headers=encoded, content=body
    )

    assert is_well_formed(answer), (answer.status_code, answer.text)


@pytest.mark.parametrize(
    "body",
    [
        b'[{"destination":"\\ud800"}]',
        b'[{"destination":"g","body":"\\udfff"}]',
        b"[" * 100_000,
        b'[{"destination":"https://a.example","headers":{"upstash-forward-a":"\\u0000"}}]',
        b"\xff\xfe",
        b"{}" * 1000,
        b'[{"destination":"https://a.example","headers":{"":"x","\\n":"y"}}]',
        b"1e400",
        b"[1e400]",
    ],
)
def test_odd_json_is_an_error_of_its_sender(qstash, body):
    answer = qstash.http.post("/v2/batch", content=body)

    assert answer.status_code in (200, 400)
    assert "error" in answer.text or "messageId" in answer.text


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x00" * 100 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /v2/publish/x HTTP/9.9\r\n\r\n",
        b"POST /v2/keys HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v2/batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v2/keys HTTP/1.1\r\nBad Header\r\n\r\n",
    ],
)
def test_what_is_no_http_gets_an_error_in_json(qstash, request_bytes):
    host, port = qstash.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65_536):
            answer += part

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 4") or not answer
    assert not answer or set(json.loads(body)) == {"error"}
    assert qstash.http.get("/v2/keys").status_code == 200


def test_a_raw_path_may_hold_any_byte(qstash):
    """Bytes that are no ASCII are escaped, not refused: browsers and proxies send them."""
    host, port = qstash.url.removeprefix("http://").split(":")
    target = "/v2/publish/https://a.example/ä".encode()
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            b"POST " + target + b" HTTP/1.1\r\nHost: x\r\nUpstash-Delay: 1d\r\nContent-Length: 0\r\n"
            b"Connection: close\r\nAuthorization: Bearer " + qstash.token.encode() + b"\r\n\r\n"
        )
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 400"))
    assert b"Content-Type: application/json".lower() in answer.lower()


def test_a_body_without_end_is_cut_off(qstash):
    """Past the limit of a REST call the server answers and hangs up; a sender may see either."""

    def endless():
        while True:
            yield b"x" * 65_536

    with contextlib.suppress(httpx.TransportError):
        assert qstash.http.post("/v2/batch", content=endless()).status_code == 413
    assert qstash.http.get("/v2/keys").status_code == 200


def test_a_stranger_cannot_make_the_server_read(qstash):
    """Without a token not one byte of a long body is kept."""

    def endless():
        while True:
            yield b"x" * 65_536

    with contextlib.suppress(httpx.TransportError):
        answer = qstash.http.post("/v2/batch", content=endless(), headers={"Authorization": "Bearer no"})
        assert answer.status_code == 401


def test_too_many_parameters_are_refused(qstash):
    assert qstash.http.get("/v2/events?" + "&".join(["label=x"] * 5_000)).status_code == 400
    assert qstash.http.get("/v2/events?label=" + ",".join(["x"] * 5_000)).status_code == 400
