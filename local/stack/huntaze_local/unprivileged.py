"""Under which account to run a program that refuses to be root.

An ordinary user runs it as itself. Root runs it as the owner of the given directory or, where root owns it,
as `nobody`. Where that account can't reach the files (a clone under a closed /root), root keeps its rights on
them but goes by another number inside a user namespace of its own; so does a user whose number has no name,
which PostgreSQL refuses as well.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

UNSHARE = ("unshare", "--user", "--map-user=65534", "--map-group=65534")


class CannotDropRoot(Exception):
    """No account is at hand that is not root and still reaches the files; the message says what to do."""


class Identity(TypedDict, total=False):
    """The arguments of ``subprocess`` that change who the child is; empty for the present user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs a program: an identity to switch to, and words to put before its command."""

    identity: Identity
    prefix: tuple[str, ...] = ()

    def own(self, path: Path) -> None:
        """Make the account the owner of ``path`` and of all below it. Only root has anything to do here."""
        if os.geteuid() != 0:
            return
        uid, gid = self.identity.get("user", 0), self.identity.get("group", 0)
        if path.stat().st_uid == uid:
            return
        for entry in (path, *path.rglob("*")):
            os.chown(entry, uid, gid, follow_symlinks=False)


def account_for(directory: Path, programs: Path) -> Account:
    """Choose the account that runs the programs in ``programs`` on data in ``directory`` (both exist).

    Raises:
        CannotDropRoot: we are root and neither way works here.
    """
    ourselves = os.geteuid()
    if ourselves != 0:
        named = _entry(ourselves) is not None or not _namespaces_work()
        return Account(identity={}, prefix=() if named else UNSHARE)
    entry = _entry(directory.stat().st_uid)
    if entry is None or entry.pw_uid == 0:
        entry = pwd.getpwnam("nobody")
    closed = _first_closed(directory, entry.pw_uid) or _first_closed(programs, entry.pw_uid)
    if closed is None:
        return Account(identity={"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []})
    if _namespaces_work():
        return Account(identity={}, prefix=UNSHARE)
    raise CannotDropRoot(
        f"PostgreSQL refuses to run as root, and the account {entry.pw_name!r} may not enter {closed}; "
        "user namespaces, which would help, are not permitted here. Either run as an ordinary user, or move "
        "the repository to a place that everyone may enter, such as /srv or /opt."
    )


def _entry(uid: int) -> pwd.struct_passwd | None:
    """Return the user with the number ``uid``, or None where the number has no name (in containers)."""
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return None


def _first_closed(path: Path, uid: int) -> Path | None:
    """Return the highest directory on the way to ``path`` that ``uid`` may not enter by its mode."""
    path = path.resolve()
    for step in (*reversed(path.parents), path):
        status = step.stat()
        if not status.st_mode & (0o100 if status.st_uid == uid else 0o001):
            return step
    return None


def _namespaces_work() -> bool:
    """Try the very call: kernels, containers and old versions of `unshare` all have ways to refuse it."""
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
