"""Another application's tables, with Prisma's names and types, behind the same views."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from huntaze_contracts.data import (
    AggregateAnalytics,
    CalculateUserStats,
    CleanupOldData,
    EraseUserData,
    ExportUserData,
    GenerateReport,
)

EXAMPLE = Path(__file__).resolve().parents[3] / "deploy" / "database" / "app_read_prisma.example.sql"
TABLES = """
DROP SCHEMA app_read CASCADE;
CREATE SCHEMA app_read AUTHORIZATION huntaze_app;
GRANT USAGE ON SCHEMA app_read TO huntaze_data;
GRANT USAGE, CREATE ON SCHEMA public TO huntaze_app;
SET ROLE huntaze_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA app_read GRANT SELECT ON TABLES TO huntaze_data, huntaze_alerts;
ALTER DEFAULT PRIVILEGES IN SCHEMA app_read GRANT EXECUTE ON FUNCTIONS TO huntaze_data;
CREATE TABLE public.users (id serial PRIMARY KEY, name varchar(255), "timeZone" text, locale text,
    created_at timestamp(6) DEFAULT now());
CREATE TABLE public."Thread" (id text PRIMARY KEY, "userId" integer REFERENCES public.users ON DELETE CASCADE,
    "createdAt" timestamp(3) DEFAULT now(), "lastMessageAt" timestamp(3));
CREATE TABLE public."Message" (id text PRIMARY KEY, "userId" integer NOT NULL REFERENCES public.users ON DELETE CASCADE,
    "threadId" text NOT NULL, "senderType" text NOT NULL, body text NOT NULL DEFAULT '',
    "mediaKeys" text[] NOT NULL DEFAULT '{}', "isPaid" boolean NOT NULL DEFAULT false,
    hold boolean NOT NULL DEFAULT false, "createdAt" timestamp(3) NOT NULL, "archivedAt" timestamp(3));
CREATE TABLE public.transactions (id text PRIMARY KEY, user_id integer REFERENCES public.users ON DELETE CASCADE,
    amount double precision, currency varchar(10) DEFAULT 'USD', status varchar(50), type varchar(50),
    created_at timestamp(6));
RESET ROLE;
"""
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
async def prisma(app):
    await app.execute(TABLES)
    await app.execute(EXAMPLE.read_text("utf-8"))
    await app.execute(
        "INSERT INTO public.users (name, \"timeZone\") VALUES ('Ann', 'Europe/Paris'), ('Bob', NULL)"
    )
    for number, sent in enumerate(NOW - timedelta(days=n // 5 + 1, hours=2) for n in range(550)):
        archived = (sent + timedelta(hours=1)).replace(tzinfo=None) if number > 450 else None
        await app.execute(
            'INSERT INTO "Message" (id, "userId", "threadId", "senderType", "createdAt", "archivedAt")'
            " VALUES ($1, $2, 't', $3, $4, $5)",
            f"m{number}", 1 + number % 2, ("FAN", "CREATOR")[number % 3 == 0], sent.replace(tzinfo=None), archived,
        )  # fmt: skip
    await app.execute(
        "INSERT INTO transactions VALUES ('t1', 1, 0.1, 'USD', 'completed', 'tip', '2026-11-20 12:00')"
    )
    return app


async def test_everything_works_through_the_example(prisma, worker, pool) -> None:
    whole = AggregateAnalytics(date=date(2026, 7, 1), until=date(2026, 11, 23))
    await worker.done(whole, "count")
    await worker.follow()
    await worker.done(CalculateUserStats(), "stats")
    counted = await pool.fetchrow(
        "SELECT sum(messages_in + messages_out) AS n, min(time_zone) FROM daily_stats"
    )
    assert tuple(counted) == (550, "Europe/Paris")
    assert str(await pool.fetchval("SELECT amount FROM daily_revenue")) == "0.10"
    due = CleanupOldData(policy="archived-messages")
    parts = [await worker.done(due, "cleanup"), *await worker.follow()]
    assert sum(part.rows_deleted for part in parts) == 99
    copied = await worker.done(ExportUserData(), "copy", "1")
    assert copied.exported is not None
    week = GenerateReport(kind="custom", first=date(2026, 11, 16), last=date(2026, 11, 22), notify=False)
    made = await worker.done(week, "report", "1")
    assert made.report is not None
    assert made.report.headline == "You earned $0.10"
    parts = [await worker.done(EraseUserData(), "erase", "1"), *await worker.follow()]
    assert parts[-1].erased is not None
    assert await prisma.fetchval('SELECT count(*) FROM "Message" WHERE "userId" = 1') == 0
    assert await prisma.fetch("SELECT name FROM users") == [("Bob",)]
