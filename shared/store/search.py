"""Posts by their words. A deleted post is never found.

Scripts that part words with spaces go through PostgreSQL's full-text index, without stemming, since posts
are in any language. Japanese, Chinese, Thai and their like do not part words, so a run of them is one word
to PostgreSQL; for those the newest posts are read and searched for the substring.
"""

from __future__ import annotations

import re
from uuid import UUID

import msgspec

from shared.store.database import Statement

#: Of all posts that hold the words, the newest this many are ranked: "the" must not rank a million.
RANKED_POSTS = 2_000
#: How many of the newest posts the substring search reads; older ones are found by meaning only.
SCANNED_POSTS = 20_000

_MOST_EXCLUSIONS = 20

#: Thai, Lao, Myanmar, Khmer, kana, and the Chinese characters.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"
)


class Found(msgspec.Struct, frozen=True):
    """A post that holds the words."""

    id: UUID


_FILTERS = """deleted_at IS NULL
          AND (%(feed)s::text IS NULL OR feed = %(feed)s)
          AND (%(language)s::text IS NULL OR %(language)s = ANY(languages))
          AND (%(since)s::timestamptz IS NULL OR event_time >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR event_time < %(until)s)"""

# S608: only constants of this module are put into the text.

#: Cover density (Clarke et al., 2000) over the logarithm of the length, halved for a post a week old, and so on.
WORDS = Statement(
    f"""SELECT id FROM (
          SELECT id, event_time, words, query
            FROM post, websearch_to_tsquery('simple', %(words)s) AS query
           WHERE words @@ query AND {_FILTERS}
           ORDER BY event_time DESC LIMIT {RANKED_POSTS}
        ) AS newest
        ORDER BY ts_rank_cd(words, query, 1)
                 / (1 + greatest(extract(epoch FROM now() - event_time), 0) / 604800) DESC,
                 event_time DESC, id
        LIMIT %(limit)s""",
    Found,
)

#: ``patterns`` as made by ``patterns``; newest first.
SUBSTRINGS = Statement(
    f"""SELECT id FROM (
          SELECT id, event_time, text FROM post WHERE {_FILTERS}
           ORDER BY event_time DESC LIMIT {SCANNED_POSTS}
        ) AS newest
        WHERE text ILIKE ALL (%(patterns)s::text[])
        ORDER BY event_time DESC, id
        LIMIT %(limit)s""",
    Found,
)


def is_unspaced(text: str) -> bool:
    """Whether ``text`` holds a script that writes words without spaces between them."""
    return _UNSPACED.search(text) is not None


def words(text: str) -> str:
    """``text`` as ``websearch_to_tsquery`` bears it: it refuses more than 32 signs of exclusion in a row."""
    return text if text.count("-") <= _MOST_EXCLUSIONS else text.replace("-", " ")


def patterns(text: str) -> list[str]:
    """LIKE patterns that each part of ``text`` must meet, with the signs of LIKE made plain."""
    return ["%" + re.sub(r"([\\%_])", r"\\\1", part) + "%" for part in text.split()]
