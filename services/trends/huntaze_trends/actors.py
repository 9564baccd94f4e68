"""The actors that scrape, as data: which one serves a platform, what it is asked, how its rows are read.

Actors change and vanish. What differs between them stands in this table and in `huntaze_trends.rows`; a
scrape keeps the actor's id and our version of its reading.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from huntaze_trends.errors import PlatformUnsupported
from huntaze_trends.posts import Post
from huntaze_trends.rows import instagram, reddit, tiktok, x, youtube

InputBuilder = Callable[[str, int], dict[str, Any]]
"""From the query's value and the most posts wanted to the actor's input."""


@dataclass(frozen=True, slots=True)
class Actor:
    """One actor of the Apify store."""

    id: str
    version: int
    """Of our input and reading, kept with what was scraped."""
    inputs: Mapping[str, InputBuilder]
    """For each kind of query that the actor can look for."""
    fields: tuple[str, ...]
    """The row's fields that we read; the rest, mostly signed links, is not transferred."""
    read: Callable[[bytes], Post]
    memory_mb: int = 1024
    """A power of two, as Apify wants it."""

    def run_input(self, kind: str, value: str, most: int) -> dict[str, Any]:
        """Build the input of a run.

        Raises:
            PlatformUnsupported: the actor cannot look for this kind of thing.
        """
        build = self.inputs.get(kind)
        if build is None:
            raise PlatformUnsupported(f"{self.id} cannot look for a {kind}")
        return build(value, most)


def _tiktok(field: str) -> InputBuilder:
    # Downloads are charged, and neither pictures nor comments say anything about a topic's share.
    off = dict.fromkeys(("shouldDownloadVideos", "shouldDownloadCovers", "shouldDownloadSubtitles"), False)
    return lambda value, most: {field: [value], "resultsPerPage": most, "commentsPerPost": 0, **off}


def _instagram(value: str, most: int) -> dict[str, Any]:
    return {
        "directUrls": [f"https://www.instagram.com/{value}/"],
        "resultsType": "posts",
        "resultsLimit": most,
    }


def _youtube(look_for: dict[str, Any], most: int) -> dict[str, Any]:
    # A search has shelves, each with a limit of its own: together they keep to ours.
    shorts = most // 2
    return {**look_for, "maxResults": most - shorts, "maxResultsShorts": shorts, "maxResultStreams": 0}


def _x(look_for: dict[str, Any], most: int) -> dict[str, Any]:
    # Sorted by Top, the actor gives some thirty rows whatever is asked.
    return {**look_for, "maxItems": most, "sort": "Latest"}


def _reddit(look_for: dict[str, Any], most: int) -> dict[str, Any]:
    return {**look_for, "sort": "new", "maxItems": most, "maxPostCount": most, "maxComments": 0}


def _page(value: str) -> list[dict[str, str]]:
    return [{"url": value}]


ACTORS: Mapping[str, Actor] = MappingProxyType(
    {
        "tiktok": Actor(
            id="clockworks/tiktok-scraper",
            version=2,
            inputs={
                "hashtag": _tiktok("hashtags"),
                "keyword": _tiktok("searchQueries"),
                "profile": _tiktok("profiles"),
            },
            fields=tiktok.FIELDS,
            read=tiktok.read,
            memory_mb=4096,
        ),
        "instagram": Actor(
            id="apify/instagram-scraper",
            version=1,
            inputs={
                "hashtag": lambda value, most: _instagram(f"explore/tags/{quote(value, safe='')}", most),
                "profile": lambda value, most: _instagram(quote(value, safe=""), most),
            },
            fields=instagram.FIELDS,
            read=instagram.read,
            memory_mb=4096,
        ),
        "youtube": Actor(
            id="streamers/youtube-scraper",
            version=1,
            inputs={
                "hashtag": lambda value, most: _youtube({"searchQueries": [f"#{value}"]}, most),
                "keyword": lambda value, most: _youtube({"searchQueries": [value]}, most),
                "profile": lambda value, most: _youtube(
                    {"startUrls": _page(f"https://www.youtube.com/@{quote(value, safe='')}")}, most
                ),
            },
            fields=youtube.FIELDS,
            read=youtube.read,
            memory_mb=4096,
        ),
        "x": Actor(
            id="apidojo/tweet-scraper",
            version=1,
            inputs={
                "hashtag": lambda value, most: _x({"searchTerms": [f"#{value}"]}, most),
                "keyword": lambda value, most: _x({"searchTerms": [value]}, most),
                "profile": lambda value, most: _x({"twitterHandles": [value]}, most),
            },
            fields=x.FIELDS,
            read=x.read,
        ),
        "reddit": Actor(
            id="trudax/reddit-scraper-lite",
            version=1,
            inputs={
                # What a hashtag is elsewhere, a community is on Reddit.
                "hashtag": lambda value, most: _reddit(
                    {"startUrls": _page(f"https://www.reddit.com/r/{quote(value, safe='')}/new/")}, most
                ),
                "keyword": lambda value, most: _reddit(
                    {"searches": [value], "searchPosts": True, "searchComments": False}, most
                ),
                "profile": lambda value, most: _reddit(
                    {"startUrls": _page(f"https://www.reddit.com/user/{quote(value, safe='')}/submitted/")},
                    most,
                ),
            },
            fields=reddit.FIELDS,
            read=reddit.read,
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
