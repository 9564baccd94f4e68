"""One user's data: copied whole, erased whole, and not back again."""

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import pytest
from huntaze_common.storage import ObjectMissing
from huntaze_contracts.base import Envelope
from huntaze_contracts.data import (
    AggregateAnalytics,
    CalculateUserStats,
    CleanupOldData,
    EraseUserData,
    ExportUserData,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


async def live(worker, rows, user_id: str, count: int = 30) -> None:
    """Let a user have rows in as many tables as there are."""
    await rows.user(user_id)
    times = [NOW - timedelta(days=n % 10 + 1, minutes=n) for n in range(count)]
    await rows.messages(*times, user_id=user_id)
    await rows.messages(*times, user_id=user_id, direction="out")
    for number, at in enumerate(times[:10]):
        await rows.payment(number, at, user_id=user_id)
    await rows.connection.execute("INSERT INTO app.social_accounts VALUES ($1, $1, 'tiktok', $1)", user_id)
    await rows.connection.execute(
        "INSERT INTO app.analytics_snapshots VALUES ($1, '2026-11-20', 1, 2, 3, 4, 5)", user_id
    )


async def count_everything(worker, name: str) -> None:
    days = AggregateAnalytics(date=(NOW - timedelta(days=12)).date(), until=(NOW - timedelta(days=1)).date())
    await worker.done(days, f"count-{name}")
    await worker.follow()
    await worker.done(CalculateUserStats(), f"stats-{name}")


async def rows_of(admin: asyncpg.Connection, user_id: str) -> dict[str, int]:
    """Every table of both schemas in which the user is, found by their columns."""
    tables = await admin.fetch(
        "SELECT c.oid::regclass::text AS name, a.attname AS column FROM pg_class AS c JOIN pg_attribute AS a"
        " ON a.attrelid = c.oid AND (a.attname = 'user_id' OR a.attname = 'id' AND c.relname = 'users')"
        " WHERE c.relnamespace IN ('data'::regnamespace, 'app'::regnamespace) AND c.relkind IN ('r', 'p')"
    )
    found = {
        table["name"]: await admin.fetchval(
            f'SELECT count(*) FROM {table["name"]} WHERE "{table["column"]}" = $1', user_id
        )
        for table in tables
    }
    return {name: count for name, count in found.items() if count}


async def test_everything_of_a_user_goes_and_nothing_of_anybody_else(worker, pool, rows, app) -> None:
    for user in ("ann", "bob"):
        await live(worker, rows, user)
    await count_everything(worker, "both")
    await worker.done(ExportUserData(), "copy", "ann")
    bobs = await rows_of(app, "bob")
    parts = [await worker.done(EraseUserData(), "erase", "ann"), *await worker.follow()]
    receipt = parts[-1].erased
    assert receipt is not None
    assert await rows_of(app, "ann") == {"data.erased_user": 1}
    assert await rows_of(app, "bob") == bobs
    assert (receipt.rows["app.messages"], receipt.rows["app.transactions"]) == (60, 10)
    assert receipt.rows["data.daily_stats"] == 10
    stored = await app.fetchval(
        "SELECT to_json(r)::text FROM data.erasure_receipt AS r WHERE erased_at IS NOT NULL"
    )
    assert "ann" not in stored
    assert msgspec.json.decode(stored)["receipt_id"] == receipt.receipt_id


async def test_what_comes_late_is_not_counted(worker, pool, rows, app) -> None:
    """A restored backup, or a message that was on its way."""
    await live(worker, rows, "ann")
    await worker.done(EraseUserData(), "erase", "ann")
    await worker.follow()
    await live(worker, rows, "ann")
    await count_everything(worker, "late")
    assert set(await rows_of(app, "ann")) == {
        "data.erased_user", "app.users", "app.message_threads", "app.messages", "app.transactions", "app.social_accounts",
    }  # fmt: skip


async def test_an_erasure_is_carried_on_and_its_receipt_is_right(worker, pool, rows, app) -> None:
    """However many messages it takes."""
    await live(worker, rows, "ann", 4000)
    parts = [await worker.done(EraseUserData(), "erase", "ann"), *await worker.follow()]
    receipt = parts[-1].erased
    assert receipt is not None
    assert receipt.rows["app.messages"] == 8000
    assert await rows_of(app, "ann") == {"data.erased_user": 1}
    again = await worker.done(EraseUserData(), "erase-again", "ann")
    assert again.erased is not None
    assert again.erased.rows == {}


async def test_messages_on_hold_stay_and_the_receipt_says_so(worker, pool, rows, app) -> None:
    await live(worker, rows, "ann")
    await app.execute("UPDATE app.messages SET hold = true WHERE id IN (SELECT id FROM app.messages LIMIT 3)")
    parts = [await worker.done(EraseUserData(), "erase", "ann"), *await worker.follow()]
    receipt = parts[-1].erased
    assert receipt is not None
    assert receipt.kept["app_read.messages"] == "3 messages are on hold"
    assert await app.fetchval("SELECT count(*) FROM app.messages") == 3


async def test_the_ledger_forgets_the_user_and_runs_nothing_again(worker, pool, rows) -> None:
    await rows.user("ann")
    await worker.done(ExportUserData(), "copy", "ann")
    await worker.done(EraseUserData(), "erase", "ann")
    jobs = await pool.fetch("SELECT job_id, user_id, body FROM job ORDER BY job_id")
    assert [tuple(row) for row in jobs] == [("copy", None, b""), ("erase", None, b"")]
    assert (await worker.send(ExportUserData(), "copy", "ann")).status_code == 200
    assert await pool.fetchval("SELECT count(*) FROM data_export") == 0


async def test_the_copy_holds_everything_and_no_formula(worker, pool, rows, app) -> None:
    await live(worker, rows, "ann")
    await live(worker, rows, "bob")
    await app.execute("UPDATE app.messages SET body = '=HYPERLINK(\"http://x\")' || E'\\n\"quoted\" 💛'")
    await count_everything(worker, "all")
    result = await worker.done(ExportUserData(), "copy", "ann")
    assert result.exported is not None
    archive = zipfile.ZipFile(io.BytesIO(await worker.objects.get(result.exported.key)))
    texts = list(csv.DictReader(io.StringIO(archive.read("csv/app_read.message_texts.csv").decode())))
    exact = [
        msgspec.json.decode(line) for line in archive.read("json/app_read.message_texts.jsonl").splitlines()
    ]
    assert {row["body"] for row in texts} == {'\'=HYPERLINK("http://x")\n"quoted" 💛'}
    assert {row["body"] for row in exact} == {'=HYPERLINK("http://x")\n"quoted" 💛'}
    assert {row["user_id"] for row in exact} == {"ann"}
    counts = msgspec.json.decode(archive.read("manifest.json"))["rows"]
    assert counts["app_read.messages"] == len(texts) == len(exact) == 60
    assert (counts["data.daily_stats"], counts["app_read.analytics_snapshots"]) == (10, 1)
    assert sum(counts.values()) == result.exported.rows


async def test_the_user_is_told_once_with_a_key_and_no_link(worker, pool, rows) -> None:
    """The link is made when the message is sent: one that was stored would be a secret that lasts."""
    await rows.user("ann")
    for _ in range(2):
        result = await worker.done(ExportUserData(), "copy", "ann")
    assert result.exported is not None
    (notice,) = worker.qstash.published
    envelope = msgspec.json.decode(notice.body, type=Envelope)
    payload = msgspec.json.decode(envelope.payload)
    assert (envelope.type, envelope.user_id, payload["action"]) == (
        "alert-checker",
        "ann",
        "send-notification",
    )
    assert payload["links"] == [{"title": "Download your data", "key": result.exported.key}]
    link = await worker.objects.presigned_get(result.exported.key, seconds=60)
    assert len((await worker.http.get(link)).content) == result.exported.size


async def test_a_copy_is_kept_for_a_week(worker, pool, rows) -> None:
    await rows.user("ann")
    result = await worker.done(ExportUserData(), "copy", "ann")
    assert result.exported is not None
    await pool.execute("UPDATE data_export SET made_at = $1", NOW - timedelta(days=8))
    assert (await worker.done(CleanupOldData(policy="exports"), "cleanup")).rows_deleted == 1
    with pytest.raises(ObjectMissing):
        await worker.objects.size(result.exported.key)


@pytest.mark.parametrize("job", [EraseUserData(), ExportUserData()])
async def test_nobody_can_not_be_erased(worker, job) -> None:
    answer = await worker.send(job, "job")
    assert (answer.status_code, answer.json()["code"]) == (489, "user_unknown")


async def test_reports_and_their_files_are_the_users_too(worker, pool, rows) -> None:
    await rows.user("ann")
    await pool.execute(
        "INSERT INTO report (report_id, user_id, kind, first_day, last_day)"
        " VALUES ('r', 'ann', 'weekly', '2026-11-16', '2026-11-22')"
    )
    await pool.execute("INSERT INTO report_file VALUES ('r', 'html', 'reports/u-ann/x.html', 3)")
    await worker.objects.put("reports/u-ann/x.html", b"<p>", content_type="text/html")
    parts = [await worker.done(EraseUserData(), "erase", "ann"), *await worker.follow()]
    assert parts[-1].erased is not None
    assert await pool.fetchval("SELECT count(*) FROM report_file") == 0
    with pytest.raises(ObjectMissing):
        await worker.objects.size("reports/u-ann/x.html")
