"""Signature verification: CPU per signed message, ours against the official Python receiver.

The floor is the hashing that nobody can leave out: SHA-256 of the body and one HMAC of the token.
"""

import hashlib
import hmac
import time

from huntaze_common.signature import SignatureVerifier
from huntaze_common.testing.signing import KEY, NEXT_KEY, sign
from qstash import Receiver

from bench.alternating import cpu_seconds_per_call

URL = "https://video.example.com/api/workers/video-processing"


def main() -> None:
    """Print a table for 256 bytes and 64 KB, signed with the current and with the next key."""
    print(
        f"{'body':>8} {'key':<8} {'floor µs':>9} {'ours µs':>9} {'official µs':>12} {'official / ours':>16}"
    )
    for size, calls in ((256, 2000), (64 * 1024, 500)):
        for name, key in (("current", KEY), ("next", NEXT_KEY)):
            floor, ours, official = (1e6 * seconds for seconds in measure("x" * size, key, calls))
            ratio = official / ours
            print(f"{size:>8} {name:<8} {floor:>9.1f} {ours:>9.1f} {official:>12.1f} {ratio:>16.1f}")


def measure(text: str, key: str, calls: int) -> tuple[float, float, float]:
    """Return the CPU seconds of the floor, of ours and of the official receiver for one message."""
    verifier = SignatureVerifier(KEY, NEXT_KEY, clock=time.time)
    receiver = Receiver(current_signing_key=KEY, next_signing_key=NEXT_KEY)
    body, token, secret = text.encode(), sign(text.encode(), URL, key=key), key.encode()
    raw = token.encode()
    signed = raw.rpartition(b".")[0]
    medians = cpu_seconds_per_call(
        {
            "floor": lambda: (hashlib.sha256(body).digest(), hmac.digest(secret, signed, "sha256")),
            "ours": lambda: verifier.verify(raw, body, URL),
            "official": lambda: receiver.verify(signature=token, body=text, url=URL),
        },
        calls=calls,
    )
    return medians["floor"], medians["ours"], medians["official"]


if __name__ == "__main__":
    main()
