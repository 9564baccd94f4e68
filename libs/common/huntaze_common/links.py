"""What a URL that a caller gave us must look like before anything is asked of anyone."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Literal

import httpx

from huntaze_common.errors import PermanentFailure

RefusalReason = Literal[
    "syntax", "scheme", "credentials", "host", "port", "address", "redirects", "downgrade", "encoding"
]

_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\\s]")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# A last label of digits or 0x… would be an address to some resolvers.
_NAME = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
# Refused by name already, whatever a resolver makes of them: cloud metadata and the machine's own network.
_INSIDE = (".internal", ".local", ".localhost", ".localdomain", ".arpa")


class UrlRefused(PermanentFailure):
    """A URL leads where we do not go. The message names the rule, never an address."""

    code = "url_refused"

    def __init__(self, reason: RefusalReason) -> None:
        """Keep the rule's name."""
        super().__init__(f"the link is refused ({reason})")
        self.reason: RefusalReason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRules:
    """Which URLs may be followed, as far as their text tells."""

    development: bool = False
    """Allow http, any port, and the name localhost; for a developer's machine only."""
    hosts: Collection[str] | None = None
    """The only hosts that may be asked, where they are known; all public ones when None."""
    ports: Collection[int] = (443,)

    def check(self, url: str) -> httpx.URL:
        """Return the URL as parsed, so that what was checked is what is used.

        Raises:
            UrlRefused: naming the rule.
        """
        if len(url) > 4096 or _UNSAFE.search(url):
            raise UrlRefused("syntax")
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            raise UrlRefused("syntax") from None
        if parsed.scheme != "https" and not (self.development and parsed.scheme == "http"):
            raise UrlRefused("scheme")
        if parsed.userinfo:
            raise UrlRefused("credentials")
        host = parsed.raw_host.decode("ascii")
        if not self._may_ask(host) or (self.hosts is not None and host not in self.hosts):
            raise UrlRefused("host")
        port = 443 if parsed.port is None else parsed.port
        if not 0 < port < 65536 or not (self.development or port in self.ports):
            raise UrlRefused("port")
        return parsed

    def redirect(self, url: httpx.URL, location: str) -> httpx.URL:
        """Return where a redirect from ``url`` leads.

        Raises:
            UrlRefused: not even a checked URL may lead there.
        """
        if not location or _UNSAFE.search(location):
            raise UrlRefused("syntax")
        try:
            target = self.check(str(url.join(location)))
        except httpx.InvalidURL:
            raise UrlRefused("syntax") from None
        if url.scheme == "https" and target.scheme != "https":
            raise UrlRefused("downgrade")
        return target

    def _may_ask(self, host: str) -> bool:
        if self.development and host == "localhost":
            return True
        if _NAME.fullmatch(host):
            return len(host) <= 253 and not host.endswith(_INSIDE)
        for literal in (IPv4Address, IPv6Address):
            try:
                literal(host)
            except AddressValueError:
                continue
            return "%" not in host
        return False
