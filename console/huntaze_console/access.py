"""Who gets in: one password, sessions in an encrypted cookie, and a limit on wrong guesses."""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from huntaze_common.errors import ConfigurationError
from huntaze_common.secret import Secret

from huntaze_console.settings import SHORTEST_PASSWORD

SESSION_LASTS = 12 * 3600
"""Seconds."""
FREE_GUESSES = 5
"""Wrong passwords from one address before it has to wait."""
_FIRST_WAIT, _LONGEST_WAIT = 10.0, 900.0
_MOST_ADDRESSES = 10_000


class Password:
    """The console's password."""

    def __init__(self, password: Secret) -> None:
        """Take it.

        Raises:
            ConfigurationError: it is too short to be safe.
        """
        if len(password.reveal()) < SHORTEST_PASSWORD:
            raise ConfigurationError(f"CONSOLE_PASSWORD must have {SHORTEST_PASSWORD} characters or more")
        self._password = password
        self._expected = self.key(b"guess")

    def matches(self, guess: str) -> bool:
        """Tell whether it was guessed, in a time that says nothing: some 50 ms of a thread's."""
        return hmac.compare_digest(self._expected, _derive(guess, b"guess"))

    def key(self, purpose: bytes) -> bytes:
        """Derive 32 bytes: with another password, other keys, so that it ends all sessions."""
        return _derive(self._password.reveal(), purpose)


def _derive(password: str, purpose: bytes) -> bytes:
    # Slow on purpose: a stolen cookie must not be a cheap way to try passwords. RFC 7914 2 for logins.
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=b"huntaze-console " + purpose,
        n=2**14,
        r=8,
        p=1,
        dklen=32,
    )


@dataclass(slots=True)
class _Guesses:
    wrong: int = 0
    next_at: float = 0.0


class Throttle:
    """Makes an address wait after wrong passwords, twice as long each time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take the clock, in seconds."""
        self._clock = clock
        self._guesses: OrderedDict[str, _Guesses] = OrderedDict()

    def wait(self, address: str) -> float:
        """Return the seconds until this address may guess again; 0 when it may now."""
        guesses = self._guesses.get(address)
        return max(0.0, guesses.next_at - self._clock()) if guesses else 0.0

    def failed(self, address: str) -> None:
        """Count a wrong guess. The oldest address is forgotten when there are too many."""
        guesses = self._guesses.setdefault(address, _Guesses())
        self._guesses.move_to_end(address)
        guesses.wrong += 1
        if (over := guesses.wrong - FREE_GUESSES) >= 0:
            guesses.next_at = self._clock() + min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(over, 20))
        if len(self._guesses) > _MOST_ADDRESSES:
            self._guesses.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the address's wrong guesses."""
        self._guesses.pop(address, None)
