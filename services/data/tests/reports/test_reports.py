"""A report through QStash, the database and the object store: right, once, and the same again."""

import asyncio
import csv
import io
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import asyncpg
import httpx
import msgspec
import pytest
from arro3.io import read_parquet
from huntaze_common import sql
from huntaze_contracts.alerts import SendNotification
from huntaze_contracts.base import Envelope
from huntaze_contracts.data import EraseUserData, GenerateReport

WEEK = [date(2026, 11, 16) + timedelta(days=number) for number in range(7)]
ALL = {"formats": ["html", "pdf", "csv", "json", "parquet"]}


def midday(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


async def test_every_query_prepares(pool: asyncpg.Pool) -> None:
    """As the service's own role: a renamed column or a missing grant fails here."""
    async with pool.acquire() as connection:
        for query in sql.load("huntaze_data.reports").values():
            await connection.prepare(query)


def metric(data: dict, key: str) -> dict:
    return next(each for each in data["metrics"] if each["key"] == key)


async def fill(world) -> None:
    """A week with followers, payments, messages and posts, and the week before it."""
    await world.add_user()
    await world.add_snapshots([990, 991, 992, 993, 994, 995, 996, 1000, 1001, 1002, 1003, 1004, 1005, 1029])
    for day in WEEK:
        await world.add_payment(midday(day), "20.10")
        await world.add_payment(midday(day - timedelta(days=7)), "10.05")
        await world.add_messages(midday(day))
    await world.add_post("مرحبا 📸", 50)
    await world.add_post("=cmd|' /C calc'!A0", 40)


async def test_followers_are_the_last_snapshot_and_revenue_is_a_sum(world) -> None:
    await fill(world)
    made = await world.report(GenerateReport(), "r1")
    data = await world.data(made)
    followers, revenue = metric(data, "followers"), metric(data, "revenue")
    assert (followers["value"], followers["before"]) == (1029, 996)
    assert (revenue["value"], revenue["before"], revenue["unit"]) == (140.7, 70.35, "EUR")
    assert revenue["change"] == pytest.approx(100)
    assert (
        made.headline == "Revenue rose 100\N{NARROW NO-BREAK SPACE}% to €140.70 and you gained 33 followers"
    )


async def test_what_is_undefined_is_null(world) -> None:
    """No week before: there is no change of 0 or of 100 per cent."""
    await world.add_user()
    await world.add_snapshots([None] * 6 + [1000])
    await world.add_payment(midday(WEEK[0]), "5")
    data = await world.data(await world.report(GenerateReport(), "r1"))
    assert metric(data, "revenue")["change"] is None
    followers = metric(data, "followers")
    assert (followers["value"], followers["before"], followers["change"]) == (1000, None, None)
    assert metric(data, "replies")["value"] is None
    assert data["notes"] == [
        "TikTok is known since 22 Nov only: its followers count in the total and not as growth."
    ]


async def test_the_first_days_of_a_user_count(world) -> None:
    """Nothing can have been earned before the user joined, and nothing is to be compared with."""
    await world.add_user()
    await world.app.execute("UPDATE app.users SET created_at = $1", midday(WEEK[5]))
    await world.add_payment(midday(WEEK[6]), "500")
    revenue = metric(await world.data(await world.report(GenerateReport(), "r1")), "revenue")
    assert (revenue["value"], revenue["before"], revenue["change"]) == (500, None, None)
    assert revenue["daily"] == [None] * 5 + [0, 500]


async def test_an_empty_database_gives_a_report_that_says_so_and_no_message(world) -> None:
    await world.add_user()
    made = await world.report(GenerateReport(), "r1")
    page = (await world.content(made, "html")).decode()
    assert made.headline == "There is not enough data for this week yet"
    assert "What is missing" in page
    assert {each["value"] for each in (await world.data(made))["metrics"]} == {None}
    assert world.qstash.published == []


async def test_the_same_data_again_change_nothing(world) -> None:
    await fill(world)
    first = await world.report(GenerateReport(), "r1")
    kept = await world.pool.fetch("SELECT * FROM report NATURAL JOIN report_file ORDER BY format")
    world.time[0] += timedelta(days=1)
    again = await world.report(GenerateReport(), "r2")
    assert again == msgspec.structs.replace(first, changed=False)
    assert await world.pool.fetch("SELECT * FROM report NATURAL JOIN report_file ORDER BY format") == kept
    assert len(world.qstash.published) == 1


async def test_the_same_data_elsewhere_give_the_same_bytes(world) -> None:
    """The keys are made from the bytes, so equal keys are equal bytes; forgotten rows bring the same ones back."""
    await world.http.put(f"{world.url}/report-preferences", json=ALL, headers=world.token("ann"))
    await fill(world)
    first = await world.report(GenerateReport(), "r1")
    await world.pool.execute("DELETE FROM report")
    world.time[0] += timedelta(hours=5)
    assert (await world.report(GenerateReport(), "r2")).files == first.files
    assert len(first.files) == 5


async def test_a_late_event_makes_a_new_version_of_the_same_report(world) -> None:
    await fill(world)
    first = await world.report(GenerateReport(), "r1")
    await world.add_payment(midday(WEEK[3]) + timedelta(hours=1), "100", kind="subscription")
    late = await world.report(GenerateReport(), "r2")
    assert (late.report_id, late.version, late.changed) == (first.report_id, 2, True)
    assert metric(await world.data(late), "revenue")["value"] == 240.7
    assert await world.pool.fetchval("SELECT count(*) FROM report") == 1
    # Whoever has the first message can still open what it linked to; nobody is told twice.
    assert await world.content(first, "html")
    assert len(world.qstash.published) == 1


async def test_erasing_a_user_deletes_the_files_of_all_versions(world) -> None:
    await fill(world)
    await world.report(GenerateReport(), "r1")
    await world.add_payment(midday(WEEK[3]) + timedelta(hours=1), "100", kind="subscription")
    await world.report(GenerateReport(), "r2")
    keys = {row["key"] for row in await world.pool.fetch("SELECT key FROM report_object")}
    assert len(keys) == 8
    assert keys <= set(await world.objects.list_keys("reports/u-ann/"))
    await world.done(EraseUserData(), "erase")
    assert not keys & set(await world.objects.list_keys("reports/u-ann/"))
    assert await world.pool.fetchval("SELECT count(*) FROM report") == 0
    assert await world.pool.fetchval("SELECT count(*) FROM report_object") == 0


async def test_two_jobs_at_once_make_one_version(world) -> None:
    await fill(world)
    answers = await asyncio.gather(*(world.send(GenerateReport(), f"r{n}") for n in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert (await world.report(GenerateReport(), "r9")).version == 1
    assert len({message.deduplication_id for message in world.qstash.published}) == 1


async def test_the_user_is_told_with_links_by_key(world) -> None:
    await fill(world)
    made = await world.report(GenerateReport(), "r1")
    envelope = msgspec.json.decode(world.qstash.published[0].body, type=Envelope)
    message = msgspec.json.decode(envelope.payload, type=SendNotification)
    assert envelope.user_id == "ann"
    assert (message.key, message.title) == (made.report_id, "Your weekly report: 16–22 November 2026")
    assert {link.key for link in message.links} == {f.key for f in made.files if f.format != "json"}
    assert message.text.startswith(made.headline)


async def test_days_are_the_users_own(world) -> None:
    """A payment at 23:30 on Sunday in Los Angeles is Monday's in UTC, and this week's there."""
    await world.add_user(zone="America/Los_Angeles")
    await world.add_payment(datetime(2026, 11, 23, 7, 30, tzinfo=UTC), "7")
    await world.add_payment(datetime(2026, 11, 23, 8, 0, tzinfo=UTC), "500")
    data = await world.data(await world.report(GenerateReport(), "r1"))
    assert metric(data, "revenue")["daily"] == [0, 0, 0, 0, 0, 0, 7]


async def test_a_counted_day_is_believed_and_an_uncounted_one_counted(world, app) -> None:
    await world.add_user()
    await world.add_messages(*(midday(day) for day in WEEK))
    await world.pool.execute("INSERT INTO daily_stats VALUES ('ann', $1, 'UTC', 42, 0, 0, 1)", WEEK[0])
    data = await world.data(await world.report(GenerateReport(), "r1"))
    assert metric(data, "received")["daily"] == [42, 1, 1, 1, 1, 1, 1]


async def test_tables_are_safe_to_open(world) -> None:
    """A title that a spreadsheet would run is text, in every row a cell of its own."""
    await world.http.put(f"{world.url}/report-preferences", json=ALL, headers=world.token("ann"))
    await fill(world)
    made = await world.report(GenerateReport(), "r1")
    text = (await world.content(made, "csv")).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert "'=cmd|' /C calc'!A0" in {row["label"] for row in rows}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "@", "+"))]
    assert text.count("\r\n") == text.count("\n") == len(rows) + 1
    table = read_parquet(io.BytesIO(await world.content(made, "parquet"))).read_all()
    assert table.num_rows == len(rows)
    assert Counter(table["section"].to_pylist()) == Counter(row["section"] for row in rows)


async def test_a_page_is_self_contained_and_escapes_what_users_wrote(world) -> None:
    await world.add_user(name="<script>alert(1)</script> נועה")
    await world.add_snapshots([10] * 14)
    await world.add_post('"><img src=x onerror=alert(1)>')
    made = await world.report(GenerateReport(), "r1")
    page = (await world.content(made, "html")).decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; נועה" in page
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("http") == page.count("http://www.w3.org/2000/svg") + page.count("http-equiv")
    assert page.count('role="img"') == page.count('aria-label="Followers per day')
    pdf = await world.content(made, "pdf")
    assert pdf.startswith(b"%PDF-1.")
    assert len(pdf) < 500_000


@pytest.mark.parametrize(
    "title",
    [
        "#eval(sys.inputs) $a$ \\ @b `raw` //",
        "한국어 日本語 हिन्दी தமிழ் ქართული",
        "አማርኛ \U000f0000 has no glyph",
        "\u202egnirts\x07\x1b[31m",
        "👩‍👩‍👧‍👦🏳️‍🌈" * 200,
        "x" * 100_000,
    ],
)
async def test_whatever_a_user_writes_is_typeset_as_text(world, title: str) -> None:
    await world.add_user(name=title)
    await world.add_snapshots([10] * 14)
    await world.add_post(title)
    made = await world.report(GenerateReport(), "r1")
    assert (await world.content(made, "pdf")).startswith(b"%PDF-1.")
    page = (await world.content(made, "html")).decode()
    assert len(page) < 200_000
    assert not set(page) & set("\u202e\x07\x1b")


@pytest.mark.parametrize("count", [0, 1, 10_000_000])
async def test_any_number_of_followers_can_be_drawn(world, count: int) -> None:
    await world.add_user()
    await world.add_snapshots([count] * 14)
    made = await world.report(GenerateReport(), "r1")
    data = await world.data(made)
    assert metric(data, "followers")["value"] == count
    assert metric(data, "followers")["change"] == (0 if count else None)
    assert "NaN" not in (await world.content(made, "html")).decode()


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (GenerateReport(first=date(2026, 11, 23)), "period_invalid"),
        (GenerateReport(kind="custom", first=WEEK[0]), "period_invalid"),
        (GenerateReport(kind="custom", first=WEEK[6], last=WEEK[0]), "period_invalid"),
        (GenerateReport(kind="custom", first=date(2020, 1, 1), last=WEEK[0]), "period_invalid"),
        (GenerateReport(kind="monthly", last=WEEK[0]), "period_invalid"),
        (GenerateReport(first=date(1, 1, 1)), "period_invalid"),
    ],
)
async def test_a_period_that_is_none_is_refused(world, payload: GenerateReport, code: str) -> None:
    await world.add_user()
    answer = await world.send(payload, "r1")
    assert (answer.status_code, answer.json()["code"]) == (489, code)


@pytest.mark.parametrize("user_id", [None, "nobody"])
async def test_a_report_for_nobody_is_refused(world, user_id: str | None) -> None:
    answer = await world.send(GenerateReport(), "r1", user_id)
    assert (answer.status_code, answer.json()["code"]) == (489, "user_unknown")


async def test_links_are_made_when_asked_for_and_only_for_the_owner(world) -> None:
    await fill(world)
    made = await world.report(GenerateReport(), "r1")
    show = f"{world.url}/reports/{made.report_id}"
    entry = (await world.http.get(show, headers=world.token("ann"))).json()
    url = next(file["url"] for file in entry["files"] if file["format"] == "html")
    async with httpx.AsyncClient(trust_env=False) as stranger:
        assert (await stranger.get(url)).content == await world.content(made, "html")
        assert (await stranger.get(url.partition("?")[0])).status_code == 403
    assert (await world.http.get(show, headers=world.token("bob"))).status_code == 404
    assert (await world.http.get(show)).status_code == 401
    moved = await world.http.get(f"{show}/pdf", headers=world.token("ann"))
    assert moved.status_code == 302
    listed = (await world.http.get(f"{world.url}/reports", headers=world.token("ann"))).json()["reports"]
    assert [each["reportId"] for each in listed] == [made.report_id]


async def test_preferences_are_kept_and_checked(world) -> None:
    url, headers = f"{world.url}/report-preferences", world.token("ann")
    assert (await world.http.get(url, headers=headers)).json()["weekly"] is True
    chosen = {"weekly": False, "weekday": 7, "monthDay": 31, "hour": 9, "formats": ["pdf"]}
    assert (await world.http.put(url, json=chosen, headers=headers)).status_code == 204
    assert (await world.http.get(url, headers=headers)).json() == {**chosen, "monthly": True}
    assert (await world.http.put(url, json={"hour": 24}, headers=headers)).status_code == 400
    assert (await world.http.put(url, content=b"x" * 5000, headers=headers)).status_code == 413
