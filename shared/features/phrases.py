"""Names of several words, seen by their capitals: "Silver Bridge", "Lake Tahoe"."""

from __future__ import annotations

import re
from itertools import pairwise

from shared.features.stopwords import STOP_WORDS

#: Phrases a post gives at most: a headline in title case is not twenty names.
MAX_PHRASES = 3
_UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĘĚĞĢĪİĶŁĻŃŇŌŐŘŚŞŠŢŤŪŮŰŹŻŽΑ-ΩА-ЯЁЄІЇ"
# It begins with the capital, so that the search skips to the next one, and then looks at what stands before it.
_NAME = re.compile(rf"[{_UPPER}](?<![\w#@$/.].)\w{{1,30}}+(?: [{_UPPER}]\w{{1,30}}+)+")


def phrases_of(text: str) -> list[str]:
    """Pairs of neighbouring capitalised words that are no stop words, lower-cased; none where all is shouted."""
    found: list[str] = []
    for run in _NAME.findall(text):
        if run.isupper():
            continue
        for first, second in pairwise(run.lower().split(" ")):
            if first not in STOP_WORDS and second not in STOP_WORDS:
                found.append(f"{first} {second}")
                if len(found) == MAX_PHRASES:
                    return found
    return found
