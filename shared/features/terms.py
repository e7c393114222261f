"""Text to terms: the words, names, tags and links whose momentum is followed.

A term is one of
- a word of three letters or more, lower-cased, NFKC-normalised, not a stop word (two syllables in
  Korean, with one trailing particle removed); see ``segment`` for scripts that write no spaces,
- two capitalised words side by side (``phrases``), with the space between them,
- ``#tag`` and ``$cashtag``,
- ``host`` and ``host/page`` of a link (``links``); a word with a dot is always a link.

Mentions, links in the text and numbers give nothing. All work is linear in the text, which is cut.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from shared.features.addresses import ADDRESS, may_hold_address
from shared.features.links import link_terms
from shared.features.phrases import phrases_of
from shared.features.plain import MARKS, plain_words
from shared.features.segment import HAN, HIRAGANA, KATAKANA, SPACELESS, words_of_each
from shared.features.stopwords import STOP_WORDS

#: Characters of a text that are looked at: the networks allow fewer.
MAX_TEXT = 3_000
#: Terms a post gives at most. The first ones win, but tags and links always keep their places.
MAX_TERMS = 24
#: Places that tags and links from a post's metadata may take from its last words.
RESERVED = 8
#: Characters of one term at most: longer ones are noise or an attack on memory.
MAX_LENGTH = 64

#: Tags of a post's metadata that are looked at.
_MAX_TAGS = 64

_EASTERN = f"{HAN}{KATAKANA}{HIRAGANA}ヶヵ"
_LETTERS = rf"(?:[^\W_{_EASTERN}{SPACELESS}]++|[{MARKS}]++)++"

_PLAIN = (
    rf"#[\w{MARKS}{SPACELESS}]+|(?<![\w$])\$[a-z]{{1,6}}(?!\w)"
    rf"|{_LETTERS}(?:['’]{_LETTERS})*|[{_EASTERN}]{{2,}}|[{SPACELESS}]{{3,}}"
)
_PLAIN_ASCII = r"#\w+|(?<![\w$])\$[a-z]{1,6}(?!\w)|[a-z0-9]++(?:'[a-z0-9]+)*"
_TOKEN, _PLAIN_TOKEN = (re.compile(form) for form in (f"{ADDRESS}|{_PLAIN}", _PLAIN))
#: The same for ASCII text, most of all: a third of the time.
_ASCII_TOKEN, _PLAIN_ASCII_TOKEN = (re.compile(form, re.ASCII) for form in (f"{ADDRESS}|{_PLAIN_ASCII}", _PLAIN_ASCII))
_PARTICLES = frozenset("은는이가을를에의도로와과")


def compose(text: str) -> str:
    """The part of a text that is looked at, compatibility-composed (full-width letters become plain)."""
    text = text[:MAX_TEXT]
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)[:MAX_TEXT]
    # It takes the Thai and Lao vowel "am" apart, which the dictionaries write as one.
    return text.replace("\u0e4d\u0e32", "\u0e33").replace("\u0ecd\u0eb2", "\u0eb3")


def terms_of(text: str, tags: Sequence[str] = (), links: Sequence[str] = ()) -> list[str]:
    """Distinct terms of a post, at most ``MAX_TERMS``: words in order of appearance, then phrases.

    ``tags`` are hashtags from the post's metadata, with or without ``#``; ``links`` are full
    addresses. Both come last. Never raises on any text.
    """
    cut = cut_of(text)
    return terms_in(cut, words_of_each([cut.runs])[0], tags, links)


class Cut(NamedTuple):
    """A text composed, the same in lower case, its ``plain_words``, and its pieces: ``runs`` write no spaces."""

    composed: str
    lowered: str
    words: list[str] | None
    tokens: list[str]
    runs: Sequence[str]


def cut_of(text: str) -> Cut:
    """``text`` as far as its pieces are cut without a dictionary."""
    composed = compose(text)
    lowered = composed.lower()
    words = plain_words(lowered)
    if words is not None:
        return Cut(composed, lowered, words, words, ())
    tokens = _tokens(lowered)
    return Cut(composed, lowered, None, tokens, [token for token in tokens if _spaceless(token[0])])


def terms_in(cut: Cut, segmented: Sequence[str], tags: Sequence[str], links: Sequence[str]) -> list[str]:
    """``terms_of`` a text, given what ``words_of_each`` says of its runs."""
    extra = phrases_of(cut.composed)
    if tags or links:
        marks = dict.fromkeys(_tags(tags))
        marks.update(dict.fromkeys(link_terms(links)))
        extra += list(marks)[:RESERVED]
    extra = list(dict.fromkeys(extra)) if extra else extra
    room = MAX_TERMS - len(extra)
    found = _found(cut.tokens, segmented, room)
    return [*found[:room], *(term for term in extra if term not in found)] if extra else found[:room]


def _found(tokens: Sequence[str], segmented: Sequence[str], room: int) -> list[str]:
    """Terms that ``tokens`` give, of which ``room`` will be taken; ``segmented`` stand where the first run does."""
    found: dict[str, None] = {}
    for token in tokens:
        if token in STOP_WORDS or token in found:
            continue
        if token.isalpha() and token.isascii():
            if 3 <= len(token) <= MAX_LENGTH:
                found[token] = None
        elif token[0] >= "\u0e00" and _spaceless(token[0]):
            found.update(dict.fromkeys(w[:MAX_LENGTH] for w in segmented if w not in STOP_WORDS))
            segmented = ()
        else:
            for term in _remembered(token) if len(token) <= MAX_LENGTH else _special(token):
                found[term] = None
        if len(found) >= room:
            break
    return list(found)


def _tokens(lowered: str) -> list[str]:
    if may_hold_address(lowered):
        return (_ASCII_TOKEN if lowered.isascii() else _TOKEN).findall(lowered)
    return (_PLAIN_ASCII_TOKEN if lowered.isascii() else _PLAIN_TOKEN).findall(lowered)


def is_marker(term: str) -> bool:
    """Whether people chose a term to mark one subject: a tag, a cashtag or a page (not a whole site)."""
    return term[0] in "#$" or "/" in term


def _spaceless(first: str) -> bool:
    return (
        "\u3005" <= first <= "\u9fff"
        or "\u0e00" <= first <= "\u0eff"
        or "\u1000" <= first <= "\u109f"
        or "\u1780" <= first <= "\u17ff"
        or "\uf900" <= first <= "\ufaff"
    )


def _special(token: str) -> Sequence[str]:
    """The terms of anything but a plain ASCII word or a run without spaces."""
    first = token[0]
    if first == "#":
        return _tags((token,))
    if first == "$":
        return [token]
    if first == "@" or "/" in token or token.startswith("www."):
        return []
    return _word(token)


#: Few words are most of any text: what they come to is kept, some seven megabytes at most.
_remembered = lru_cache(maxsize=1 << 13)(_special)


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
    plain = (compose(tag[:256]).lower().strip().lstrip("#") for tag in tags[:_MAX_TAGS])
    return [f"#{tag}" for tag in plain if 1 < len(tag) <= MAX_LENGTH and not tag.isdigit()]
