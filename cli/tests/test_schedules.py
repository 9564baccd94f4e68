"""Schedules against a real local QStash: applied once, drift repaired, others' never touched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qstash import QStash

Huntaze = Callable[..., Any]
REPOSITORY = Path(__file__).resolve().parents[2]
DECLARED = str(REPOSITORY / "deploy" / "schedules.toml")
FILE = ("--file", DECLARED)


@pytest.fixture
def applied(huntaze: Huntaze) -> Huntaze:
    assert huntaze("schedules", "apply", *FILE).code == 0
    return huntaze


def ids(qstash: QStash) -> list[str]:
    return sorted(each.schedule_id for each in qstash.schedule.list())


def test_a_plan_changes_nothing_and_says_so_by_its_code(huntaze: Huntaze, qstash: QStash) -> None:
    done = huntaze("schedules", "plan", *FILE)
    assert done.code == 3
    assert "+ daily-analytics" in done.out
    assert ids(qstash) == []


def test_applying_twice_changes_nothing(applied: Huntaze, qstash: QStash) -> None:
    before = {each.schedule_id: each for each in qstash.schedule.list()}
    again = applied("schedules", "apply", *FILE)
    assert again.code == 0
    assert f"0 applied, {len(before)} unchanged" in again.out
    assert {each.schedule_id: each for each in qstash.schedule.list()} == before


def test_drift_made_by_hand_is_shown_and_repaired(applied: Huntaze, qstash: QStash) -> None:
    alerts = qstash.schedule.get("alerts")
    qstash.schedule.create(
        destination=alerts.destination, cron="*/15 * * * *", schedule_id="alerts", body=alerts.body, retries=1
    )
    plan = applied("schedules", "plan", *FILE)
    assert plan.code == 3
    assert "- cron: */15 * * * *\n    + cron: */5 * * * *" in plan.out
    assert "- retries: 1\n    + retries: 5" in plan.out

    assert applied("schedules", "apply", *FILE).code == 0
    assert qstash.schedule.get("alerts") == alerts_like(alerts, qstash)
    assert applied("schedules", "plan", *FILE).code == 0


def alerts_like(before, qstash: QStash):
    """The schedule as it was; only its time of creation is new."""
    now = qstash.schedule.get("alerts")
    before.created_at, before.next_schedule_time = now.created_at, now.next_schedule_time
    return before


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        (
            "body",
            {"body": '{"type":"alert-checker","schedule":{"id":"alerts","cron":"1 1 1 1 1"},"payload":{}}'},
        ),
        ("timeout", {"timeout": 5}),
        ("failureCallback", {"failure_callback": "http://127.0.0.1:9/elsewhere"}),
        ("label", {"label": "other"}),
        ("parallelism", {"flow_control": {"key": "alert-checker", "parallelism": 99}}),
        ("method", {"method": "PUT"}),
        ("contentType", {"content_type": "text/plain"}),
    ],
)
def test_every_field_is_watched(
    applied: Huntaze, qstash: QStash, field: str, changed: dict[str, str]
) -> None:
    """A field that nobody compares is one that drifts for ever."""
    alerts = qstash.schedule.get("alerts")
    same = {
        "body": alerts.body,
        "timeout": alerts.timeout,
        "failure_callback": alerts.failure_callback,
        "label": alerts.label,
        "flow_control": {"key": "alert-checker", "parallelism": 5},
        "content_type": "application/json",
        "retries": alerts.retries,
    }
    qstash.schedule.create(
        destination=alerts.destination, cron=alerts.cron, schedule_id="alerts", **{**same, **changed}
    )
    plan = applied("--json", "schedules", "plan", *FILE)
    assert [(each["schedule"], list(each["fields"])) for each in plan.data["changes"]] == [
        ("alerts", [field])
    ]


def test_prune_deletes_ours_and_never_others(applied: Huntaze, qstash: QStash, tmp_path: Path) -> None:
    """Others: made by hand, of another deployment, or a copy of ours under another id."""
    alerts = qstash.schedule.get("alerts")
    qstash.schedule.create(destination="https://example.com/x", cron="1 1 * * *", schedule_id="by-hand")
    qstash.schedule.create(
        destination=alerts.destination, cron="1 1 * * *", schedule_id="copy", body=alerts.body
    )
    elsewhere = str(alerts.body).replace('"id":"alerts"', '"id":"staging"')
    qstash.schedule.create(
        destination="https://staging.example.com/api/workers/alert-checker",
        cron="1 1 * * *",
        schedule_id="staging",
        body=elsewhere,
    )
    less = tmp_path / "schedules.toml"
    less.write_text(Path(DECLARED).read_text().partition("[daily-analytics]")[0])

    done = applied("schedules", "prune", "--yes", "--file", str(less))
    assert done.code == 0, done.err
    assert ids(qstash) == ["alerts", "by-hand", "copy", "staging"]


def test_pruning_without_anybody_to_ask_needs_yes(applied: Huntaze, qstash: QStash, tmp_path: Path) -> None:
    empty = tmp_path / "schedules.toml"
    empty.write_text("")
    before = ids(qstash)
    done = applied("schedules", "prune", "--file", str(empty))
    assert done.code == 2
    assert "--yes" in done.err
    assert ids(qstash) == before


def test_in_ci_applying_is_a_dry_run(huntaze: Huntaze, qstash: QStash) -> None:
    assert huntaze("schedules", "apply", *FILE, CI="true").code == 3
    assert ids(qstash) == []
    assert huntaze("schedules", "apply", "--yes", *FILE, CI="true").code == 0
    assert "alerts" in ids(qstash)


def test_a_paused_schedule_stays_paused_when_it_is_repaired(applied: Huntaze, qstash: QStash) -> None:
    """An operator's pause must survive the next deployment."""
    assert applied("schedules", "pause", "alerts").code == 0
    assert applied("schedules", "plan", *FILE).code == 0
    alerts = qstash.schedule.get("alerts")
    qstash.schedule.create(
        destination=alerts.destination, cron="9 9 * * *", schedule_id="alerts", body=alerts.body
    )
    assert applied("schedules", "apply", *FILE).code == 0
    assert qstash.schedule.get("alerts").paused
    assert applied("schedules", "resume", "alerts").code == 0
    assert not qstash.schedule.get("alerts").paused


def test_somebody_elses_schedule_of_our_name_is_not_replaced(huntaze: Huntaze, qstash: QStash) -> None:
    qstash.schedule.create(destination="https://example.com/x", cron="1 1 * * *", schedule_id="alerts")
    done = huntaze("schedules", "apply", *FILE)
    assert done.code == 2
    assert "was not made by this command" in done.err
    assert qstash.schedule.get("alerts").destination == "https://example.com/x"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[a]\nworker = "nobody"\ncron = "* * * * *"\npayload = {}', "no worker 'nobody'"),
        ('[a]\nworker = "alert-checker"\ncron = "61 * * * *"\npayload = {action = "check-alerts"}', "cron"),
        ('[a]\nworker = "alert-checker"\ncron = "* * * * *"\npayload = {action = "nothing"}', "nothing"),
        (
            '[a]\nworker = "alert-checker"\ncron = "* * * * *"\ntime_zone = "Mars/X"\npayload = {action = "check-alerts"}',
            "time zone",
        ),
        ('[a]\nworker = "alert-checker"\ncron = "* * * * *"\ntypo = 1\npayload = {}', "typo"),
        ('["a:b"]\nworker = "alert-checker"\ncron = "* * * * *"\npayload = {action = "check-alerts"}', "a:b"),
    ],
)
def test_a_wrong_declaration_is_named_and_nothing_is_applied(
    huntaze: Huntaze, qstash: QStash, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "schedules.toml"
    file.write_text(text)
    done = huntaze("schedules", "apply", "--file", str(file))
    assert done.code == 2
    assert told in done.err
    assert ids(qstash) == []


def test_a_zone_is_part_of_the_schedule(huntaze: Huntaze, qstash: QStash, tmp_path: Path) -> None:
    file = tmp_path / "schedules.toml"
    file.write_text(
        '[a]\nworker = "alert-checker"\ncron = "0 4 * * *"\ntime_zone = "Europe/Paris"\npayload = {action = "check-alerts"}'
    )
    assert huntaze("schedules", "apply", "--file", str(file)).code == 0
    assert qstash.schedule.get("a").cron == "CRON_TZ=Europe/Paris 0 4 * * *"
    assert huntaze("schedules", "plan", "--file", str(file)).code == 0
