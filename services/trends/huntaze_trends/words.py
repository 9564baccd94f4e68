"""The words of a text, in any script, as they are counted."""

import re
import unicodedata

# Links, mentions and hashtags match without the group: they leave a gap, so that no phrase reaches across.
_WORD = re.compile(r"https?://\S+|www\.\S+|[@#＃]\S+|(\w[\w'’]*)")
_UNSPACED = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿가-힯฀-๿]+")
GAP = ""
"""Stands where a phrase cannot go on."""


def words(text: str) -> list[str]:
    """Return the words of a text, folded, with a `GAP` where a phrase ends.

    Scripts without spaces give overlapping pairs of characters, which need no dictionary and count as well as
    words do.
    """
    if text.isascii():
        return _WORD.findall(text.lower())
    found = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    if _UNSPACED.search(text):
        return [part for word in found for part in ((word,) if word.isascii() else _split_unspaced(word))]
    return found


def _split_unspaced(word: str) -> list[str]:
    parts: list[str] = []
    end = 0
    for run in _UNSPACED.finditer(word):
        parts += [word[end : run.start()], GAP]
        characters = run[0]
        for i in range(max(1, len(characters) - 1)):
            parts += [characters[i : i + 2], GAP]
        end = run.end()
    return [*parts, word[end:]]
