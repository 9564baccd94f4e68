"""Identifiers in the shapes that the hosted service uses: a prefix and base58."""

import itertools
import os

_ALPHABET = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# Each random byte picks a letter; the bias (256 is no multiple of 58) costs no uniqueness that matters here.
_LETTER = bytes(_ALPHABET[byte % 58] for byte in range(256))
_counter = itertools.count(int.from_bytes(os.urandom(2)))


def _base58(number: int, width: int) -> str:
    letters = bytearray(width)
    for place in range(width - 1, -1, -1):
        number, digit = divmod(number, 58)
        letters[place] = _ALPHABET[digit]
    return letters.decode()


def _random(length: int) -> str:
    return os.urandom(length).translate(_LETTER).decode()


def message_id(now_ms: int) -> str:
    """Return ``msg_`` and 63 letters, of which the first 11 grow with time.

    The growing start keeps the index over ids append-mostly, which is what lets inserts stay fast
    when a million messages are stored.
    """
    return "msg_" + _base58(now_ms << 16 | next(_counter) & 0xFFFF, 11) + _random(52)


def schedule_id() -> str:
    """Return ``scd_`` and 28 random letters."""
    return "scd_" + _random(28)


def signing_key() -> str:
    """Return ``sig_`` and 28 random letters (164 bits)."""
    return "sig_" + _random(28)


def token_id() -> str:
    """Return ``jwt_`` and 28 random letters, the id of one signature."""
    return "jwt_" + _random(28)
