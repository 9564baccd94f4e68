"""The signing keys and their rotation."""

import sqlite3

from qstash_local.core.identities import Identity
from qstash_local.core.ids import signing_key
from qstash_local.store.sql import Q


class KeyRing:
    """The current and the next signing key; rotations are kept in the data file."""

    def __init__(self, identity: Identity) -> None:
        self.current = identity.current_key
        self.next = identity.next_key
        self._started_from = f"{identity.current_key} {identity.next_key}"

    def load(self, connection: sqlite3.Connection) -> None:
        """Take up the rotations of earlier runs, unless the server now starts from other keys."""
        row = connection.execute(Q["signing_keys"]).fetchone()
        if row is not None and row["started_from"] == self._started_from:
            self.current, self.next = row["current"], row["next"]

    def rotate(self, connection: sqlite3.Connection) -> tuple[str, str]:
        """Store the next key as current one beside a new next key; `adopt` them once that is committed."""
        fresh = (self.next, signing_key())
        connection.execute(Q["put_signing_keys"], (*fresh, self._started_from))
        return fresh

    def adopt(self, keys: tuple[str, str]) -> None:
        """Sign with a rotated pair from now on."""
        self.current, self.next = keys

    def current_key(self) -> str:
        """Return the key that signs deliveries."""
        return self.current
