"""Dead letters, messages and keys against a real local QStash."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from qstash import QStash

Huntaze = Callable[..., Any]


@pytest.fixture
def letters(environment: dict[str, str], huntaze: Huntaze, qstash: QStash) -> list[str]:
    """Three dead letters: two of alert-checker, one of data-processing."""
    for label in ("alert-checker", "alert-checker", "data-processing"):
        qstash.message.publish(url="http://127.0.0.1:9/x", body="{}", retries=0, label=label)
    authorization = {"authorization": f"Bearer {environment['QSTASH_TOKEN']}"}
    idle = httpx.post(
        f"{environment['QSTASH_URL']}/control/idle", json={"timeout": 20}, headers=authorization, timeout=30
    )
    idle.raise_for_status()
    return [each["dlqId"] for each in huntaze("--json", "dlq", "list").data]


def test_dead_letters_are_listed_filtered_and_shown(huntaze: Huntaze, letters: list[str]) -> None:
    assert len(letters) == 3
    assert len(huntaze("--json", "dlq", "list", "--worker", "alert-checker").data) == 2
    assert len(huntaze("--json", "dlq", "list", "--since", "1h").data) == 3
    assert huntaze("--json", "dlq", "list", "--until", "1h").data == []
    assert huntaze("--json", "dlq", "show", letters[0]).data["dlqId"] == letters[0]
    assert huntaze("dlq", "show", "1-1").code == 1


def test_a_dead_letter_says_whether_it_would_be_understood(huntaze: Huntaze, letters: list[str]) -> None:
    """An empty object is no envelope; the reason names what is missing."""
    assert "type" in huntaze("--json", "dlq", "list").data[0]["refused"]
    assert "decodes      no: " in huntaze("dlq", "show", letters[0]).out


def test_dead_letters_are_sent_again_by_id_and_by_filter(huntaze: Huntaze, letters: list[str]) -> None:
    assert huntaze("--json", "dlq", "retry", letters[0]).data["retried"] == 1
    done = huntaze("--json", "dlq", "retry", "--worker", "data-processing", "--yes")
    assert done.data["retried"] == 1


def test_bulk_deletion_needs_a_choice_and_a_yes(huntaze: Huntaze, letters: list[str]) -> None:
    """Neither a forgotten filter nor a script may empty the queue."""
    assert huntaze("dlq", "delete", "--yes").code == 2
    assert huntaze("dlq", "delete", "--all").code == 2
    assert huntaze("dlq", "delete", "", "--yes").code == 2
    assert huntaze("--json", "dlq", "delete", "--worker", "alert-checker", "--yes").data == {"deleted": 2}
    assert huntaze("--json", "dlq", "delete", "--all", "--yes").data == {"deleted": 1}


def test_messages_are_shown_and_cancelled(huntaze: Huntaze, qstash: QStash) -> None:
    published: Any = qstash.message.publish(url="http://127.0.0.1:9/x", body="{}", delay=3600)
    identifier = published.message_id
    shown = huntaze("--json", "messages", "show", identifier)
    assert [each["state"] for each in shown.data["events"]] == ["CREATED"]
    assert huntaze("--json", "messages", "cancel", identifier).data == {"cancelled": 1}
    assert huntaze("messages", "cancel").code == 2
    assert huntaze("messages", "cancel", "").code == 2


def test_rotation_keeps_an_eye_on_what_is_deployed(
    huntaze: Huntaze, environment: dict[str, str], tmp_path: Path
) -> None:
    """One rotation behind still works; two behind, every delivery is refused."""
    file = tmp_path / "keys.env"
    nowhere = {"WORKER_URLS": ""}
    assert huntaze("keys", "status", **nowhere).code == 0
    assert huntaze("keys", "rotate", "--yes", "--write", str(file), **nowhere).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    behind = huntaze("keys", "status", **nowhere)
    assert (behind.code, "one rotation behind" in behind.out) == (1, True)
    huntaze("keys", "rotate", "--yes", **nowhere)
    far = huntaze("keys", "status", **nowhere)
    assert (far.code, "two rotations behind" in far.out) == (1, True)
    assert "Deploy the account's present keys now" in far.err
    keys = [environment["QSTASH_CURRENT_SIGNING_KEY"], *file.read_text().split()]
    assert not any(key.partition("=")[2] or key in far.out + far.err for key in keys[:1])


def test_a_rotation_that_would_lock_a_service_out_is_refused(huntaze: Huntaze, qstash: QStash) -> None:
    """A service that cannot be asked counts as one that does not have the keys."""
    before = qstash.signing_key.get()
    ran = huntaze("keys", "rotate", "--yes")
    assert (ran.code, "would lock out" in ran.err) == (1, True)
    assert qstash.signing_key.get() == before


def test_no_secret_is_ever_printed(huntaze: Huntaze, environment: dict[str, str], qstash: QStash) -> None:
    secrets = {environment["QSTASH_TOKEN"], environment["STATUS_TOKEN_KEY"]}
    secrets |= {qstash.signing_key.get().current, qstash.signing_key.get().next}
    for arguments in (["keys", "status"], ["doctor"], ["schedules", "list"], ["--json", "keys", "status"]):
        ran = huntaze(*arguments, DATABASE_URL="postgresql://u:pass-word@127.0.0.1:9/x")
        assert not any(secret in ran.out + ran.err for secret in {*secrets, "pass-word"})


def test_a_key_is_named_by_its_hash(huntaze: Huntaze, qstash: QStash) -> None:
    current = qstash.signing_key.get().current
    shown = huntaze("--json", "keys", "status", WORKER_URLS="").data
    assert shown["current"] == f"key:{hashlib.sha256(current.encode()).hexdigest()[:8]}"
    assert json.dumps(shown).count("sig_") == 0
