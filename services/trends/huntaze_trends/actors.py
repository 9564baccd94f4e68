"""The actors that scrape, as data: which one serves a platform, what it is asked, how its rows are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from huntaze_trends.errors import PlatformUnsupported
from huntaze_trends.posts import Post, read_tiktok


@dataclass(frozen=True, slots=True)
class Actor:
    """One actor of the Apify store."""

    id: str
    version: int
    """Of our input and mapping, kept with what was scraped."""
    inputs: Mapping[str, Callable[[str], dict[str, Any]]]
    """For each kind of query: what the actor is asked for a value."""
    limit_field: str
    """The input field that bounds how many posts it returns."""
    fields: tuple[str, ...]
    """The row's fields that we read; the rest, mostly signed links, is not transferred."""
    read: Callable[[bytes], Post]

    def run_input(self, kind: str, value: str, most: int) -> dict[str, Any]:
        """Build the input of a run.

        Raises:
            PlatformUnsupported: the actor cannot look for this kind of thing.
        """
        build = self.inputs.get(kind)
        if build is None:
            raise PlatformUnsupported(f"{self.id} cannot look for a {kind}")
        return {**build(value), self.limit_field: most}


ACTORS: Mapping[str, Actor] = MappingProxyType(
    {
        "tiktok": Actor(
            id="clockworks/tiktok-scraper",
            version=1,
            inputs=MappingProxyType(
                {
                    "hashtag": lambda value: {"hashtags": [value]},
                    "keyword": lambda value: {"searchQueries": [value]},
                    "profile": lambda value: {"profiles": [value]},
                }
            ),
            limit_field="resultsPerPage",
            fields=(
                *("id", "text", "createTime", "authorMeta", "hashtags", "isAd", "isSponsored"),
                *("playCount", "diggCount", "commentCount", "shareCount", "collectCount"),
            ),
            read=read_tiktok,
        ),
    }
)


def actor_for(platform: str) -> Actor:
    """Return the actor of a platform.

    Raises:
        PlatformUnsupported: none is registered.
    """
    try:
        return ACTORS[platform]
    except KeyError:
        raise PlatformUnsupported(f"no actor is registered for {platform}") from None
