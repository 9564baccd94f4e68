"""The four development identities that the QStash documentation publishes for every dev server."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """One account: its API token and its first pair of signing keys."""

    token: str
    current_key: str
    next_key: str


DEV_IDENTITIES = (
    Identity(
        "eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=",
        "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r",
        "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs",
    ),
    Identity(
        "eyJVc2VySUQiOiJ0ZXN0VXNlcjEiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9",
        "sig_7GVPjvuwsfqF65iC8fSrs1dfYruM",
        "sig_5NoELc3EFnZn4DVS5bDs2Nk4b7Ua",
    ),
    Identity(
        "eyJVc2VySUQiOiJ0ZXN0VXNlcjIiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9",
        "sig_6jWGaWRxHsw4vMSPJprXadyvrybF",
        "sig_7qHbvhmahe5GwfePDiS5Lg3pi6Qx",
    ),
    Identity(
        "eyJVc2VySUQiOiJ0ZXN0VXNlcjMiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9",
        "sig_5T8FcSsynBjn9mMLBsXhpacRovJf",
        "sig_7GFR4YaDshFcqsxWRZpRB161jguD",
    ),
)


def identity_for(token: str, current_key: str | None, next_key: str | None) -> Identity:
    """Return the account of a token: keys that were given, else those the documentation fixes for it.

    A token of one's own without keys gets the keys of the first dev identity.
    """
    known = next((each for each in DEV_IDENTITIES if each.token == token), DEV_IDENTITIES[0])
    return Identity(token, current_key or known.current_key, next_key or known.next_key)
