"""Texts that ask for no care are cut into words once, for terms and fingerprint alike.

Most posts hold nothing but letters, digits, punctuation, emoji, tags, and addresses that stand by
themselves, in a script that writes spaces and no marks. What the other characters leave of them is
what the patterns of ``terms`` and ``fingerprint`` find, in a third of the time. Whatever is in doubt
is left to the patterns.
"""

from __future__ import annotations

import re

from shared.features.addresses import may_hold_address
from shared.features.segment import EASTERN, SPACELESS

#: ``\w`` leaves out the vowel signs of Arabic, Hebrew and the Indic scripts, which would cut words.
MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u0669\u0900-\u0963\u0966-\u0dff"
#: Scripts of which each character is a word to the fingerprint.
DENSE = "\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0eff"
#: Characters of a word at most.
MAX_WORD = 64
#: Addresses of a text at most: each takes a word's place in the fingerprint.
MAX_ADDRESSES = 8
#: Emoji and other signs beyond ASCII of a text at most.
MAX_SIGNS = 32

_ASCII = bytes(range(128))
#: Of the text's UTF-8: bytes that are no part of a word become spaces, except for those beyond ASCII.
_SPACED = bytes(c if c > 127 or chr(c) in "abcdefghijklmnopqrstuvwxyz0123456789'#_" else 32 for c in range(256))
#: What asks for more than a look at its neighbours. So does ``_``, which ends a term but no word of a fingerprint.
_HARD = re.compile(rf"[{MARKS}{DENSE}{EASTERN}{SPACELESS}가-힣]")
_LOOSE_APOSTROPHE = re.compile(r"['’](?:(?<![^\W_].)|(?![^\W_]))", re.DOTALL)
_CASHTAG, _NO_TAG = re.compile(r"\$[a-z]"), re.compile(r"#(?![^\W_])|#\S{64}|#\S*['’]")
#: An address or a mention between spaces, whole.
_ADDRESS = re.compile(
    r"(?<![^ \n])(?:https?://[!-~]+|www\.[!-~]+|(?:[a-z0-9-]++\.)+[a-z]{2,}/[!-~]*|@[a-z0-9_.\-]+[,:;!?)]*)(?![^ \n])"
)

#: No address is without one of these.
_MAYBE_ADDRESS = re.compile(r"@|www\.|https?://|\.[a-z]{2,}/")


def plain_words(lowered: str) -> list[str] | None:
    """The words and tags (with ``#``) of a text that is composed and in lower case; ``None`` if that takes care.

    Where it is a list, it holds all that ``terms`` finds beside addresses, and the fingerprint's words
    are those in its members, one after the other.
    """
    if may_hold_address(lowered):
        lowered, addresses = _ADDRESS.subn(" ", lowered)
        if addresses > MAX_ADDRESSES or _MAYBE_ADDRESS.search(lowered):
            return None
    if "$" in lowered and _CASHTAG.search(lowered):
        return None
    if "_" in lowered:
        return None
    if lowered.isascii():
        spaced = lowered.encode().translate(_SPACED).decode()
    else:
        raw = lowered.encode("utf-8", "surrogatepass")
        foreign = raw.translate(None, _ASCII).decode("utf-8", "surrogatepass")
        if _HARD.search(foreign):
            return None
        spaced = raw.translate(_SPACED).decode("utf-8", "surrogatepass")
        if not foreign.isalpha():
            signs = {sign for sign in foreign if not sign.isalnum() and sign != "’"}
            if len(signs) > MAX_SIGNS:
                return None
            for sign in signs:
                spaced = spaced.replace(sign, " ")
    if "#" in spaced:
        if _NO_TAG.search(spaced):
            return None
        spaced = spaced.replace("#", " #")
    if "'" in spaced or "’" in spaced:
        spaced = _LOOSE_APOSTROPHE.sub(" ", spaced)
    words = spaced.split()
    # Words are remembered, so none may be long. Where they leave little room beside each other none can be.
    if len(spaced) - 2 * len(words) + 2 > MAX_WORD and max(map(len, words), default=0) > MAX_WORD:
        return None
    return words
