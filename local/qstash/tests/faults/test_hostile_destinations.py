"""Destinations that misbehave: an attempt ends by its timeout, memory stays bounded, others are served."""

import contextlib
import socket
import threading
from pathlib import Path

import pytest


def hang(connection):
    connection.recv(1 << 16)
    connection.recv(1)


def reset(connection):
    connection.recv(1 << 16)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def stream_for_ever(connection):
    connection.recv(1 << 16)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def ten_gigabytes(connection):
    connection.recv(1 << 16)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n")
    while True:
        connection.sendall(b"x" * 0x10000)


def a_thousand_headers(connection):
    connection.recv(1 << 16)
    lines = "".join(f"X-{number}: {'v' * 100}\r\n" for number in range(1_000))
    connection.sendall(f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n".encode())


def an_endless_header(connection):
    connection.recv(1 << 16)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        connection.sendall(b"x" * 0x10000)


def no_http(connection):
    connection.recv(1 << 16)
    connection.sendall(b"220 mail.example ESMTP\r\n" * 1_000)


def drip(connection):
    connection.recv(1 << 16)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        threading.Event().wait(0.01)


@pytest.fixture
def behaving(request):
    """Listen on a port where every connection is treated by one function; return the URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(behaviour):
        def one(connection):
            with connection, contextlib.suppress(OSError):
                behaviour(connection)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield serve
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def memory_mb(server):
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.exists():
        pytest.skip("needs /proc")
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024


@pytest.mark.parametrize(
    "behaviour",
    [hang, reset, stream_for_ever, ten_gigabytes, a_thousand_headers, an_endless_header, no_http, drip],
    ids=lambda behaviour: behaviour.__name__,
)
def test_an_attempt_ends_and_memory_is_bounded(qstash, destination, behaving, behaviour):
    before = memory_mb(qstash)
    url = behaving(behaviour)
    failed = [qstash.sdk.message.publish(url=url, retries=0, timeout="400ms").message_id for _ in range(5)]
    meanwhile = qstash.sdk.message.publish(url=f"{destination.url}/meanwhile").message_id
    destination.wait("/meanwhile", timeout=5)
    qstash.idle()

    assert {qstash.states(each)[-1] for each in failed} == {"FAILED"}
    assert qstash.states(meanwhile)[-1] == "DELIVERED"
    assert memory_mb(qstash) - before < 60


def test_a_large_answer_is_kept_in_part(qstash, destination, reply):
    """A dead letter and a callback keep the first megabyte; the log keeps less."""
    destination.answers("/large", reply(status=500, body=b"x" * 3_000_000))
    qstash.sdk.message.publish(url=f"{destination.url}/large", retries=0)
    qstash.idle()

    (entry,) = qstash.sdk.dlq.list().messages
    assert len(entry.response_body) == 1 << 20


def test_an_injected_fault_needs_no_destination(qstash, destination):
    """The test control API makes the next deliveries fail without touching the network."""
    qstash.control("faults", count=1, status=503, headers={"Retry-After": "0"}, url="/x")
    qstash.control("faults", count=1, error="broken pipe")
    message_id = qstash.sdk.message.publish(url=f"{destination.url}/x", retry_delay="0").message_id
    qstash.idle()

    assert qstash.states(message_id).count("ERROR") == 2
    assert qstash.states(message_id)[-1] == "DELIVERED"
    assert len(destination.at("/x")) == 1
