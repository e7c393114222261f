"""Text to terms: the words, tags and links whose momentum is followed.

A term is one of
- a word of three letters or more, lower-cased, NFKC-normalised, not a stop word (two syllables in
  Korean, with one trailing particle removed),
- ``#tag`` and ``$cashtag``,
- ``host`` and ``host/path`` of a link (a term with a dot is always a link),
- in scripts without spaces: a katakana run; every two-character gram of a Han run and the run
  itself when it has three or four characters; a Thai, Lao, Khmer or Burmese chunk. Thai and Lao
  write some vowels before their consonant, and such a vowel always opens a syllable: cutting there
  gives chunks that do not depend on what stands before them.

Mentions, links in the text, numbers and hiragana (mostly grammar) give nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from shared.features.stopwords import STOP_WORDS

#: Terms a post gives at most. The first ones win, but tags and links always keep their places.
MAX_TERMS = 24
#: Places that tags and links from a post's metadata may take from its last words.
RESERVED = 8
#: Characters of one term at most: longer ones are noise or an attack on memory.
MAX_LENGTH = 64

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff々〆"
_KATAKANA = "\u30a1-\u30faー"
_DENSE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
_OPENING = "\u0e40-\u0e44\u0ec0-\u0ec4"
# ``\w`` leaves out the vowel signs of Arabic, Hebrew and the Indic scripts, which would cut words.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u0669\u0900-\u0963\u0966-\u0dff"
_OTHER = f"{_HAN}{_KATAKANA}{_DENSE}\u3041-\u309f"
_LETTER = f"[a-z]+|[^\\W_{_OTHER}]|[{_MARKS}]"

_TOKEN = re.compile(
    rf"https?://\S+|www\.\S+|@[\w.\-]+|(?:[a-z0-9-]+\.)+[a-z]{{2,}}/\S*"
    rf"|#[\w{_MARKS}{_DENSE}]+"
    rf"|\$[a-z]{{1,6}}(?!\w)"
    rf"|(?:{_LETTER})+(?:['’](?:{_LETTER})+)*"
    rf"|[{_KATAKANA}]{{3,}}|[{_HAN}]{{2,}}|[{_DENSE}]{{3,}}"
)
_DENSE_CHUNK = re.compile(rf"[{_OPENING}]?[^{_OPENING}]+")
_DENSE_LENGTH = 8
_LINK = re.compile(r"https?://(?:www\.)?([^/?#\s:]+)(?::\d+)?(/[^?#\s]*)?", re.IGNORECASE)
_PARTICLES = frozenset("은는이가을를에의도로와과")


def normalise(text: str) -> str:
    """Lower-cased, compatibility-composed text (full-width letters become plain ones)."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def terms_of(text: str, tags: Sequence[str] = (), links: Sequence[str] = ()) -> list[str]:
    """Distinct terms of a post in order of appearance, at most ``MAX_TERMS``.

    ``tags`` are hashtags from the post's metadata, with or without ``#``; ``links`` are full
    addresses. Both come after the text's own terms. Never raises on any text.
    """
    extra = dict.fromkeys(_tags(tags))
    extra.update(dict.fromkeys(_links(links)))
    reserved = list(extra)[:RESERVED]
    found: dict[str, None] = {}
    room = MAX_TERMS - len(reserved)
    for token in _TOKEN.findall(normalise(text)):
        if token in STOP_WORDS or token in found:
            continue
        if token.isalpha() and token.isascii():
            if 3 <= len(token) <= MAX_LENGTH:
                found[token] = None
        else:
            for term in _special(token):
                found[term] = None
        if len(found) >= room:
            break
    found.update(dict.fromkeys(reserved))
    return list(found)[:MAX_TERMS]


def is_marker(term: str) -> bool:
    """Whether people chose a term to mark one subject: a tag, a cashtag or a page (not a whole site)."""
    return term[0] in "#$" or "/" in term


def _special(token: str) -> list[str]:
    """The terms of anything but a plain ASCII word."""
    first = token[0]
    if first == "#":
        return _tags((token,))
    if first == "$":
        return [token]
    if first == "@" or "/" in token or token.startswith("www."):
        return []
    if "\u30a1" <= first <= "\u30ff":
        return [token[:MAX_LENGTH]]
    if "\u3005" <= first <= "\u9fff" or "\uf900" <= first <= "\ufaff":
        return _han(token)
    if "\u0e00" <= first <= "\u0eff" or "\u1000" <= first <= "\u109f" or "\u1780" <= first <= "\u17ff":
        chunks = _DENSE_CHUNK.findall(token)[:MAX_TERMS]
        return [chunk[:_DENSE_LENGTH] for chunk in chunks if len(chunk) > 2]
    return _word(token)


def _han(run: str) -> list[str]:
    grams = [run] if len(run) in (3, 4) else []
    grams += [run[i : i + 2] for i in range(min(len(run), MAX_TERMS) - 1)]
    return [gram for gram in grams if gram not in STOP_WORDS]


def _word(word: str) -> list[str]:
    """A word without the endings that make one name look like several."""
    if word.endswith(("'s", "’s")):
        word = word[:-2]
    korean = "가" <= word[0] <= "힣"
    if korean and len(word) >= 3 and word[-1] in _PARTICLES:
        word = word[:-1]
    long_enough = len(word) >= (2 if korean else 3)
    if not long_enough or len(word) > MAX_LENGTH or word.isdigit() or word in STOP_WORDS:
        return []
    return [word]


def _tags(tags: Sequence[str]) -> list[str]:
    plain = (normalise(tag).strip().lstrip("#") for tag in tags)
    return [f"#{tag}" for tag in plain if 1 < len(tag) <= MAX_LENGTH and not tag.isdigit()]


def _links(links: Sequence[str]) -> list[str]:
    """``host`` and ``host/path``: the site is often common, the page is the story."""
    terms = []
    for link in links:
        match = _LINK.match(link)
        if match is None or "." not in match[1] or len(match[1]) > MAX_LENGTH:
            continue
        host = match[1].lower()
        terms.append(host)
        path = (match[2] or "").rstrip("/")
        if path:
            terms.append((host + path)[: 2 * MAX_LENGTH])
    return terms
