"""Classes of characters that decide how a text is cut into what it is found by.

The migration that made the function ``post_words`` holds the same classes; a test holds the two equal. They
are written as they stand in regular expressions of Python and of PostgreSQL alike.
"""

from __future__ import annotations

#: Thai, Lao, Burmese, Khmer, kana, and the Chinese characters: no spaces between words.
UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
#: Arrows, pictures and emoji.
PICTURES = r"\u2190-\u2bff\U0001f000-\U0001faff"
#: Korean parts words with spaces but lets them end in particles: a name is the beginning of a word, or inside.
HANGUL = r"\uac00-\ud7a3"
#: What is found by pairs of neighbours instead of by words.
PAIRED = UNSPACED + PICTURES + HANGUL
#: What is no part of a word to PostgreSQL's parser, beyond ASCII: punctuation, signs, and what is unspaced.
CUT = (
    r"\u00a1-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7\u2000-\u200c\u200e-\u2bff\u2e00-\u2e7f"
    r"\u3000-\u3004\u3008-\u303f\ufe00-\ufe0f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U0001f000-\U0001faff"
    + UNSPACED
)
