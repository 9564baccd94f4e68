"""Destination rewriting: which socket is opened for a URL; what is stored and signed stays the original."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Rewrites:
    """A map of origins, longest first, with ``*`` for all others.

    A target may have a path, and may hold ``{host}`` for the host that it replaces.
    """

    origins: dict[str, str]

    def target(self, url: str) -> str:
        """Return the URL to call in place of ``url``."""
        if not self.origins:
            return url
        parts = urlsplit(url)
        origin = f"{parts.scheme.lower()}://{parts.netloc.lower()}"
        target = self.origins.get(origin) or self.origins.get("*")
        if target is None:
            return url
        rest = url[len(parts.scheme) + 3 + len(parts.netloc) :]
        return target.replace("{host}", parts.netloc.lower()) + rest


def parse_rewrites(rules: list[str]) -> Rewrites:
    """Read ``ORIGIN=ORIGIN`` rules.

    Raises:
        ValueError: naming the rule that cannot be read.
    """
    origins: dict[str, str] = {}
    for rule in rules:
        source, equals, target = rule.partition("=")
        source, target = source.strip().rstrip("/").lower(), target.strip().rstrip("/")
        if not equals or not (source == "*" or _is_origin(source)) or not _is_base(target):
            raise ValueError(
                f"--rewrite {rule!r}: expected ORIGIN=ORIGIN, such as https://example.com=http://127.0.0.1:3000"
            )
        origins[source] = target
    return Rewrites(origins)


def _is_base(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not parts.query


def _is_origin(text: str) -> bool:
    return _is_base(text) and not urlsplit(text).path
