"""The command line: what it prints, and what its options do."""

import contextlib
import json
import subprocess
import sys

import httpx
import pytest

TOKEN_2 = "eyJVc2VySUQiOiJ0ZXN0VXNlcjEiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9"


@contextlib.contextmanager
def serving(*arguments):
    """Run the command; yield the process."""
    command = [sys.executable, "-m", "qstash_local", "serve", "--port", "0", "--data", ":memory:", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_it_prints_the_environment_to_copy():
    with serving() as process:
        lines = [process.stdout.readline().strip() for _ in range(5)]

    assert [line.partition("=")[0] for line in lines[:4]] == [
        "QSTASH_URL",
        "QSTASH_TOKEN",
        "QSTASH_CURRENT_SIGNING_KEY",
        "QSTASH_NEXT_SIGNING_KEY",
    ]
    assert lines[4].startswith("# ready")


def test_json_is_one_object_per_line():
    with serving("--log-format", "json") as process:
        started = json.loads(process.stdout.readline())
        headers = {"Authorization": f"Bearer {started['QSTASH_TOKEN']}", "Upstash-Retries": "0"}
        httpx.post(
            f"{started['QSTASH_URL']}/v2/publish/http://u:s3cret@127.0.0.1:1/x?key=s3cret", headers=headers
        )
        line = json.loads(process.stderr.readline())

    assert (line["level"], "failed" in line["message"]) == ("info", True)
    assert "s3cret" not in line["message"]


def test_the_log_has_a_port_of_its_own():
    with serving("--log-format", "json") as process:
        started = json.loads(process.stdout.readline())
        url = f"http://127.0.0.1:{started['log_port']}/v2/logs"
        answer = httpx.get(url, headers={"Authorization": f"Bearer {started['QSTASH_TOKEN']}"})

    assert answer.json() == {"logs": [], "events": []}


def test_another_dev_identity_brings_its_keys(start):
    """The documentation publishes four; a project may use any of them."""
    server = start("--token", TOKEN_2, data=":memory:")

    key = server.sdk.signing_key.get()
    assert (key.current, key.next) == ("sig_7GVPjvuwsfqF65iC8fSrs1dfYruM", "sig_5NoELc3EFnZn4DVS5bDs2Nk4b7Ua")


def test_a_rewrite_changes_the_socket_and_nothing_else(start, destination):
    """URL, log and signature keep the original: receivers and filters cannot tell."""
    server = start("--rewrite", f"*={destination.url}/{{host}}", "--control", data=":memory:")
    message_id = server.sdk.message.publish(url="https://a.example/x?y=1", body="b").message_id
    server.idle()

    (request,) = destination.at("/a.example/x")
    server.receiver.verify(
        signature=request.header("Upstash-Signature"), body="b", url="https://a.example/x?y=1"
    )
    assert server.sdk.message.get(message_id).url == "https://a.example/x?y=1"
    assert len(server.sdk.log.list(filter={"url": "https://a.example/x?y=1"}).logs) == 3


def test_the_control_api_is_off_unless_asked_for(start):
    server = start(data=":memory:")

    assert server.http.post("/control/reset").status_code == 404
    assert httpx.get(f"{server.url}/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(["--rewrite", "x"], "--rewrite"), (["--plan", "gold"], "--plan"), (["--port", "70000"], "port")],
)
def test_a_bad_option_is_an_error_in_plain_words(arguments, text):
    command = [sys.executable, "-m", "qstash_local", "serve", "--data", ":memory:", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert answer.returncode in (1, 2)
    assert text in answer.stderr
    assert "Traceback" not in answer.stderr
