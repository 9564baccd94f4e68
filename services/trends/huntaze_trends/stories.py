"""Topics that are one story: the tag, the phrase and the words of the same posts."""

from collections.abc import Sequence

SAME = 0.4
"""Jaccard similarity of their posts."""
MOST_NAMES = 8


def stories(posts: Sequence[frozenset[int]]) -> list[list[int]]:
    """Group topics whose posts are much the same; every group begins with its first topic, in order.

    Args:
        posts: the posts of each topic, the most important topic first. A topic joins the first group whose
            first topic it resembles, so that chains of half-alike topics do not become one story.
    """
    groups: list[list[int]] = []
    for number, mine in enumerate(posts):
        for group in groups:
            theirs = posts[group[0]]
            shared = len(mine & theirs)
            if shared >= SAME * (len(mine) + len(theirs) - shared) or shared >= 0.9 * len(mine):
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


def title(names: Sequence[str]) -> int:
    """Return which of a story's topics names it: the first tag, else the first phrase, else the first."""
    for number, name in enumerate(names):
        if name.startswith("#"):
            return number
    return next((number for number, name in enumerate(names) if " " in name), 0)


def also(head: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return a story's other names, tags and phrases first; a word says nothing more than its phrase does."""
    phrases = {word for name in (head, *names) if " " in name for word in name.split()}
    kept = [name for name in names if name not in phrases]
    return tuple(sorted(kept, key=lambda name: (name[0] not in "#♪", " " not in name))[:MOST_NAMES])
