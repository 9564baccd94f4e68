"""`huntaze keys`: the signing keys, and whether what is deployed keeps up with them. No key is printed."""

import hashlib
import os
from pathlib import Path
from typing import Annotated, Literal

import httpx
from cyclopts import App, Parameter
from huntaze_common.secret import Secret
from huntaze_contracts.registry import WORKERS

from huntaze_cli.failures import CommandFailed, Exit
from huntaze_cli.probes import probe
from huntaze_cli.session import SWITCH, Given, Session

app = App(name="keys", help="Signing keys: their state and their rotation.", help_format="plaintext")

Age = Literal["current", "one rotation behind", "two rotations behind", "unknown"]
_ADVICE = {
    "one rotation behind": "Deploy the account's present keys before the next rotation.",
    "two rotations behind": "Deploy the account's present keys now: every delivery is refused.",
}


@app.command
def status(*, session: Given) -> int:
    """Compare QStash's keys with this environment's, and with what each service really accepts."""
    current, following = session.qstash.keys()
    rows = [("this environment", *_of_settings(session, current, following)), *_of_services(session)]
    terminal = session.terminal
    terminal.data(
        {
            "current": fingerprint(current),
            "next": fingerprint(following),
            "deployed": [{"where": where, "keys": age, "detail": detail} for where, age, detail in rows],
        }
    )
    terminal.line(f"QStash signs with {fingerprint(current)}, next is {fingerprint(following)}")
    terminal.table(["WHERE", "KEYS", "DETAIL"], rows)
    worst = [age for _, age, _ in rows if age in _ADVICE]
    for age in sorted(set(worst)):
        terminal.note(f"{age}: {_ADVICE[age]}")
    return Exit.FAILED if worst else Exit.DONE


@app.command
def rotate(
    *,
    write: Annotated[
        Path | None, Parameter(help="File for the new pair, mode 0600, as NAME=value lines.")
    ] = None,
    force: Annotated[bool, SWITCH, Parameter(help="Although something deployed would break.")] = False,
    yes: Annotated[bool, SWITCH, Parameter(help="Do it without asking.")] = False,
    session: Given,
) -> int:
    """Make the next key the current one. Refuses when a service does not have that key yet."""
    terminal = session.terminal
    behind = [(where, age) for where, age, _ in _of_services(session) if age != "current"]
    if behind and not force:
        raise CommandFailed(
            "rotating now would lock out: " + ", ".join(f"{where} ({age})" for where, age in behind),
            hint="Deploy the present keys there first (`huntaze keys status`), or add --force.",
        )
    terminal.confirm("Rotate the signing keys of the whole account?", yes=yes)
    file = _claim(write) if write else None
    try:
        current, following = session.qstash.rotate_keys()
    except CommandFailed:
        if write:
            write.unlink()
        raise
    if file is not None:
        with os.fdopen(file, "w", encoding="utf-8") as out:
            out.write(f"QSTASH_CURRENT_SIGNING_KEY={current.reveal()}\n")
            out.write(f"QSTASH_NEXT_SIGNING_KEY={following.reveal()}\n")
    pair = {"current": fingerprint(current), "next": fingerprint(following)}
    terminal.data({**pair, "written": str(write or "")})
    terminal.line(f"QStash signs with {fingerprint(current)} now, next is {fingerprint(following)}")
    where = f"from {write}" if write else "from QStash's console (or rotate with --write FILE)"
    terminal.note("Services go on with the key that was their next one.")
    terminal.note(f"Before the next rotation, deploy the new pair {where}.")
    return 0


def fingerprint(key: Secret) -> str:
    """Name a key without telling it: the first eight digits of its SHA-256."""
    return f"key:{hashlib.sha256(key.reveal().encode()).hexdigest()[:8]}"


def age_of(deployed: tuple[Secret, Secret], current: Secret, following: Secret) -> Age:
    """Say how far a deployed pair is behind QStash's: services accept either of their two keys."""
    if deployed == (current, following):
        return "current"
    return "one rotation behind" if current in deployed else "two rotations behind"


def _of_settings(session: Session, current: Secret, following: Secret) -> tuple[Age, str]:
    mine = session.settings.qstash_current_signing_key, session.settings.qstash_next_signing_key
    if mine[0] is None or mine[1] is None:
        return "unknown", "QSTASH_CURRENT_SIGNING_KEY and QSTASH_NEXT_SIGNING_KEY are not set here"
    return age_of((mine[0], mine[1]), current, following), f"{fingerprint(mine[0])}, {fingerprint(mine[1])}"


def _of_services(session: Session) -> list[tuple[str, Age, str]]:
    """Find out by signed requests which of QStash's keys each service accepts."""
    if not session.settings.worker_urls:
        return []
    current, following = session.qstash.keys()
    urls = {
        name: base + WORKERS[name].path for name, base in session.settings.urls().items() if name in WORKERS
    }
    with httpx.Client(timeout=10) as client:
        return [
            (name, *_age_of_service(client, url, (current, following), session)) for name, url in urls.items()
        ]


def _age_of_service(
    client: httpx.Client, url: str, keys: tuple[Secret, Secret], session: Session
) -> tuple[Age, str]:
    answers = [probe(client, url, key, at=session.now.timestamp()) for key in keys]
    match [verdict for verdict, _ in answers]:
        case ["accepted", "accepted"]:
            return "current", "accepts both keys"
        case ["accepted", "refused"]:
            return "one rotation behind", "accepts the current key, not the next one"
        case ["refused", "refused"]:
            return "two rotations behind", "refuses both keys (or its PUBLIC_BASE_URL is another)"
        case _:
            return "unknown", answers[0][1]


def _claim(path: Path) -> int:
    """Open the file before the keys change: a rotation whose keys nobody can read would be lost."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written ({error.strerror})") from None
