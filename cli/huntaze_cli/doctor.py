"""`huntaze doctor`: look at everything that must be right before a job can run, and say what to set."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import urlsplit

import asyncpg
import httpx
from cyclopts import App
from huntaze_common.settings import PUBLIC_DEVELOPMENT_KEYS, Bucket
from huntaze_common.storage import open_object_store
from huntaze_contracts.registry import WORKERS

from huntaze_cli.destinations import check_destination
from huntaze_cli.failures import CommandFailed, Exit
from huntaze_cli.keys import age_of
from huntaze_cli.probes import BODY, probe
from huntaze_cli.session import Given, Session

app = App(name="doctor", help="Check all that a job needs.", help_format="plaintext")
_MAX_SKEW = 5.0
"""Seconds; services tolerate 30 s against QStash."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw."""

    check: str
    state: Literal["ok", "warn", "fail", "skip"]
    detail: str
    advice: str = ""


@app.default
def doctor(*, session: Given) -> int:
    """Run all checks; exit 1 when one fails. Sends nothing that does anything.

    Services get an empty job, signed as QStash signs: the right answer to it is 489.
    """
    findings = list(_checks(session))
    terminal = session.terminal
    terminal.data(findings)
    terminal.table(["CHECK", "", "DETAIL"], [(each.check, each.state, each.detail) for each in findings])
    for each in findings:
        if each.advice:
            terminal.note(f"{each.check}: {each.advice}")
    return Exit.FAILED if any(each.state == "fail" for each in findings) else Exit.DONE


def _checks(session: Session) -> Iterator[Finding]:
    yield _guarded("settings", lambda: _settings(session))
    yield _guarded("QStash", lambda: _qstash(session))
    yield _guarded("signing keys", lambda: _keys(session))
    yield _guarded("clock", lambda: _clock(session))
    yield _guarded("database", lambda: _database(session))
    yield _guarded("object store", lambda: _store(session))
    yield from _services(session)


def _guarded(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except CommandFailed as failure:
        return Finding(name, "fail", str(failure), failure.hint)


def _settings(session: Session) -> Finding:
    settings = session.settings
    absent = [
        name.upper()
        for name in (
            "qstash_token",
            "qstash_current_signing_key",
            "qstash_next_signing_key",
            "worker_urls",
            "status_token_key",
            "database_url",
            "s3_bucket",
        )
        if not getattr(settings, name)
    ]
    keys = (settings.qstash_current_signing_key, settings.qstash_next_signing_key)
    if settings.hosted and any(key and key.reveal() in PUBLIC_DEVELOPMENT_KEYS for key in keys):
        return Finding("settings", "fail", "a signing key is a public development key", "Set the account's.")
    if absent:
        return Finding("settings", "warn", f"not set: {', '.join(absent)}", "Their checks are left out.")
    return Finding("settings", "ok", "all set")


def _qstash(session: Session) -> Finding:
    schedules = session.qstash.get("schedules")
    kind = "Upstash" if session.settings.hosted else "local"
    return Finding("QStash", "ok", f"{session.settings.qstash_url} ({kind}), {len(schedules)} schedules")


def _keys(session: Session) -> Finding:
    settings = session.settings
    mine = settings.qstash_current_signing_key, settings.qstash_next_signing_key
    if mine[0] is None or mine[1] is None:
        return Finding("signing keys", "skip", "not set here")
    age = age_of((mine[0], mine[1]), *session.qstash.keys())
    if age == "current":
        return Finding("signing keys", "ok", "the same as QStash's")
    advice = "Set the account's present keys here and deploy them; see `huntaze keys status`."
    return Finding("signing keys", "warn" if age == "one rotation behind" else "fail", age, advice)


def _clock(session: Session) -> Finding:
    try:
        answer = httpx.get(f"{session.settings.qstash_url}/v2/keys", timeout=10)
    except httpx.HTTPError as error:
        return Finding("clock", "skip", f"QStash does not answer ({type(error).__name__})")
    if "date" not in answer.headers:
        return Finding("clock", "skip", "QStash's answer has no date")
    skew = (datetime.now(UTC) - parsedate_to_datetime(answer.headers["date"])).total_seconds()
    # The header has whole seconds.
    if abs(skew) <= _MAX_SKEW:
        return Finding("clock", "ok", f"within {_MAX_SKEW:.0f} s of QStash's")
    return Finding("clock", "fail", f"{skew:+.0f} s against QStash's", "Set the clock, best by NTP.")


def _database(session: Session) -> Finding:
    if session.settings.database_url is None:
        return Finding("database", "skip", "DATABASE_URL is not set here")

    async def look(dsn: str) -> tuple[str, str, bool]:
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            version = connection.get_server_version()
            role = await connection.fetchval("SELECT current_user")
            ledger = await connection.fetchval("SELECT to_regclass('job') IS NOT NULL")
            return f"PostgreSQL {version.major}", str(role), bool(ledger)
        finally:
            await connection.close()

    try:
        version, role, ledger = asyncio.run(look(session.settings.database_url.reveal()))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        # The text may quote the address with its password.
        return Finding("database", "fail", type(error).__name__, "Check DATABASE_URL and its server.")
    if not ledger:
        advice = "Run `python -m huntaze_<service> migrate` with MIGRATION_DATABASE_URL."
        return Finding("database", "warn", f"{version}, role {role}: sees no ledger", advice)
    return Finding("database", "ok", f"{version}, role {role}, ledger present")


def _store(session: Session) -> Finding:
    settings = session.settings
    if not settings.s3_bucket:
        return Finding("object store", "skip", "S3_BUCKET is not set here")
    bucket = Bucket(
        name=settings.s3_bucket,
        endpoint_url=settings.s3_endpoint_url,
        region=settings.s3_region,
        key_id=settings.aws_access_key_id,
        secret_key=settings.aws_secret_access_key,
    )

    async def look() -> None:
        async with open_object_store(bucket) as store:
            await store.list_keys("huntaze-doctor/")

    try:
        asyncio.run(look())
    except Exception as error:
        return Finding(
            "object store", "fail", type(error).__name__, "Check S3_BUCKET, S3_ENDPOINT_URL and the keys."
        )
    return Finding("object store", "ok", f"bucket {settings.s3_bucket} can be listed")


def _services(session: Session) -> Iterator[Finding]:
    try:
        urls = session.settings.urls()
    except CommandFailed as failure:
        yield Finding("services", "skip", str(failure))
        return
    with httpx.Client(timeout=10) as client:
        for name, worker in WORKERS.items():
            if name not in urls:
                yield Finding(name, "warn", "WORKER_URLS has no entry", f"Add {name}=https://…")
                continue
            yield _guarded(
                name, lambda name=name, path=worker.path: _service(session, client, name, urls[name], path)
            )


def _service(session: Session, client: httpx.Client, name: str, base: str, path: str) -> Finding:
    check_destination(base, "WORKER_URLS", hosted=session.settings.hosted)
    try:
        ready = client.get(f"{base}/readyz")
        unsigned = client.post(base + path, content=BODY, headers={"content-type": "application/json"})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Finding(name, "fail", f"{base}: {type(error).__name__}", "Is it deployed? Is the URL right?")
    if ready.status_code != 200:
        return Finding(name, "fail", f"not ready ({ready.status_code})", "See its log and its database.")
    if unsigned.status_code != 401:
        advice = "It answers before it verifies: something else is at this address."
        return Finding(name, "fail", f"an unsigned job got {unsigned.status_code}", advice)
    if session.settings.qstash_token is None:
        return Finding(name, "warn", "reachable; signatures not checked", "Set QSTASH_TOKEN.")
    current, _ = session.qstash.keys()
    verdict, detail = probe(client, base + path, current, at=session.now.timestamp())
    if verdict == "accepted":
        scheme = "" if urlsplit(base).scheme == "https" or not session.settings.hosted else " (plain http!)"
        return Finding(name, "ok", f"{base}: ready, takes QStash's signature{scheme}")
    advice = (
        f"There, set PUBLIC_BASE_URL={base} (the outer URL behind a proxy) and the account's present keys;"
        " its log line signature_rejected names which."
    )
    return Finding(name, "fail", f"{base}: {detail}", advice)
