"""Mistakes in addresses and ids that QStash would answer cryptically, or only in production."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from huntaze_common.addresses import may_connect

from huntaze_cli.failures import usage


def check_destination(url: str, option: str, *, hosted: bool) -> None:
    """Refuse an address that QStash could never deliver to.

    Args:
        url: where a message or callback is to go.
        option: what the message of the failure calls it.
        hosted: whether QStash is Upstash's, which reaches public addresses only.

    Raises:
        CommandFailed: saying what to write instead.
    """
    if url.lower().startswith(("http%3a", "https%3a")):
        raise usage(f"{option}: the URL is percent-encoded", "Give it as it is; QStash takes it raw.")
    if not url.startswith(("http://", "https://")):
        raise usage(f"{option}: '{url[:60]}' has no scheme", f"Write https://{url[:60]}")
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise usage(f"{option}: '{url[:60]}' has no host")
    if hosted and not _is_public(host):
        raise usage(
            f"{option}: Upstash's QStash cannot reach {host}: it is no public address",
            "Use the service's public URL or a tunnel, or send through the local QStash (--local).",
        )


def check_deduplication_id(text: str, option: str) -> None:
    """Refuse the colon, which the hosted QStash refuses and development servers let through.

    Raises:
        CommandFailed: there is one.
    """
    if ":" in text:
        raise usage(
            f"{option}: a deduplication id must not contain ':'", f"Write '{text.replace(':', '-')[:80]}'."
        )


def _is_public(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host + ":":
        return False
    try:
        address = str(ip_address(host))
    except ValueError:
        return "." in host
    return may_connect(address)
