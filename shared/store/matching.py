"""A rule as a condition on posts: the one place where live judging and backtests decide what matches.

A word or phrase of a script that parts words goes through the full-text index, without stemming, in
whatever letter case and with whatever accents. What PostgreSQL's parser does not see as words is looked
for in the text as it is written: scripts without spaces, emoji, and names such as C++. A hashtag is a mark
in the text or one of the post's own tags; a cashtag stands alone. A deleted post never matches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from shared.schemas.base import Schema
from shared.schemas.watch import WatchRule
from shared.store.alerts import SampleRow
from shared.store.database import Statement
from shared.store.search import is_unspaced

#: Samples and languages an alert carries at most.
SAMPLES_MOST, LANGUAGES_MOST, TOPICS_MOST = 5, 10, 5

# Letters of any script are letters whatever the database's locale is.
_TEXT = 'text COLLATE "pg_c_utf8"'
_TAGS = 'lower(tags::text COLLATE "pg_c_utf8")::text[]'
#: What the full-text parser keeps together or takes apart in the same way in posts and queries.
_PLAIN = re.compile(r"[\w\s'’\-.]+")
_END = "(?![[:alnum:]_])"


class Condition(msgspec.Struct, frozen=True):
    """``sql`` on the columns of ``post`` with ``params``; ``words`` are the rule's words, each as SQL."""

    sql: str
    params: dict[str, Any]
    words: dict[str, str]


class Moves(Schema, frozen=True, kw_only=True):
    """What one minute (whole minutes since 1970) changes: matching posts, and authors within the window."""

    minute: int
    posts: int
    authors: int


class Counts(Schema, frozen=True, kw_only=True):
    """One number for each of the rule's words."""

    counts: list[int]


class Share(Schema, frozen=True, kw_only=True):
    """The part of some posts that is in a topic."""

    topic: str
    share: float


class Tally(Schema, frozen=True, kw_only=True):
    """Something and how many posts have it."""

    value: str
    posts: int


def condition(rule: WatchRule, near: Sequence[UUID] | None) -> Condition:
    """``rule`` as a condition. ``near`` are the posts that mean what it says; ``None`` leaves meaning out."""
    params: dict[str, Any] = {}
    parts: list[str] = []
    words = rule.words
    any_of = {word: _word(word, params) for word in words.any}
    all_of = {word: _word(word, params) for word in words.all}
    if any_of:
        parts.append(f"({' OR '.join(any_of.values())})")
    parts += all_of.values()
    parts += [f"NOT {_word(word, params)}" for word in words.none]
    if rule.authors:
        params["authors"] = rule.authors
        parts.append("author = ANY(%(authors)s)")
    if rule.languages:
        params["languages"] = [language.lower() for language in rule.languages]
        parts.append(
            """EXISTS (SELECT FROM unnest(languages) AS spoken WHERE lower(spoken) = ANY(%(languages)s)
                          OR split_part(lower(spoken), '-', 1) = ANY(%(languages)s))"""
        )
    if rule.feeds:
        params["feeds"] = rule.feeds
        parts.append("feed = ANY(%(feeds)s)")
    if near is not None:
        params["near"] = list(near)
        parts.append("id = ANY(%(near)s::uuid[])")
    return Condition(" AND ".join(["deleted_at IS NULL", *parts]), params, any_of | all_of)


def within_topic(where: Condition, topic: str) -> Condition:
    """``where`` among the posts of one momentum topic."""
    sql = f"{where.sql} AND (id, event_time) IN (SELECT post, event_time FROM topic_post WHERE topic = %(topic)s)"
    return Condition(sql, where.params | {"topic": topic}, where.words)


def _word(word: str, params: dict[str, Any]) -> str:
    """SQL that is true for posts with ``word``; its values go into ``params``."""
    name = f"w{len(params)}"
    plain = word.strip().lower()
    if not plain:
        return "false"
    if plain[0] in "#＃" and plain[1:].strip():
        tag = plain[1:].strip()
        params[name] = f"[#＃]{_literal(tag)}{_END}"
        params[f"{name}t"] = [tag, f"#{tag}"]
        return f"({_TEXT} ~* %({name})s OR {_TAGS} && %({name}t)s::text[])"
    if plain[0] == "$" and plain[1:].strip():
        params[name] = _query(plain[1:])
        params[f"{name}t"] = f"(^|[^[:alnum:]_$])[$]{_literal(plain[1:].strip())}{_END}"
        return f"(words @@ to_tsquery('groundswell', %({name})s) AND {_TEXT} ~* %({name}t)s)"
    if is_unspaced(plain) or not _PLAIN.fullmatch(plain) or not re.search(r"\w", plain.replace("_", "")):
        params[name] = _like(plain)
        return f"{_TEXT} ILIKE %({name})s"
    params[name] = _query(plain)
    return f"words @@ to_tsquery('groundswell', %({name})s)"


def _query(phrase: str) -> str:
    """``phrase`` for ``to_tsquery``: its words one after the other, quoted."""
    quoted = phrase.replace("’", "'").replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}'"


def _literal(text: str) -> str:
    """``text`` in a PostgreSQL regular expression, with every sign made plain."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def _like(text: str) -> str:
    """``text`` anywhere, with the signs of LIKE made plain."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"


# S608: conditions are joined from constants of this module, values always go as parameters.

_BETWEEN = "event_time >= %(start)s AND event_time < %(end)s"


def moves(where: Condition) -> Statement[Moves]:
    """Minutes of [``start``, ``end``) in order, and those after in which authors leave the ``window`` minutes.

    An author is within the window that ends with minute t if their latest post up to t is younger than the
    window: they enter with a post, and leave ``window`` minutes after it unless they post again before.
    Posts within the window are sums of ``posts``; authors within it are sums of ``authors`` up to t.
    """
    return Statement(
        f"""WITH each AS (
              SELECT minute, author_hash, count(*) AS posts,
                     lead(minute) OVER (PARTITION BY author_hash ORDER BY minute) AS again
                FROM (SELECT floor(extract(epoch FROM event_time) / 60)::integer AS minute, author_hash
                        FROM every_post AS post WHERE {_BETWEEN} AND {where.sql}) AS matched
               GROUP BY minute, author_hash),
            change AS (
              SELECT minute, posts, 1 AS authors FROM each
               UNION ALL
              SELECT least(again, minute + %(window)s::integer), 0, -1 FROM each)
            SELECT minute, sum(posts)::integer AS posts, sum(authors)::integer AS authors
              FROM change GROUP BY minute ORDER BY minute""",
        Moves,
    )


def samples(where: Condition) -> Statement[SampleRow]:
    """The posts of [``start``, ``end``) that people reacted to most: one a person, and no text twice."""
    return Statement(
        f"""SELECT id::text, uri, author, event_time AS time, text, languages FROM (
              SELECT *, row_number() OVER (PARTITION BY author_hash
                                               ORDER BY likes + reposts DESC, event_time, id) AS nth
                FROM (SELECT DISTINCT ON (md5(text)) id, uri, author, author_hash, event_time, text, languages,
                             likes, reposts
                        FROM every_post AS post WHERE {_BETWEEN} AND {where.sql}
                       ORDER BY md5(text), event_time, id) AS once
                   ) AS ranked
             WHERE nth = 1 ORDER BY likes + reposts DESC, event_time, id LIMIT {SAMPLES_MOST}""",
        SampleRow,
    )


def words(where: Condition) -> Statement[Counts]:
    """For each of the rule's words, the matching posts of [``start``, ``end``) that hold it."""
    each = ", ".join(f"count(*) FILTER (WHERE {word})" for word in where.words.values()) or "NULL"
    return Statement(
        f"""SELECT array_remove(ARRAY[{each}]::bigint[], NULL) AS counts FROM every_post AS post
             WHERE {_BETWEEN} AND {where.sql}""",
        Counts,
    )


def languages(where: Condition) -> Statement[Tally]:
    """Languages of the matching posts of [``start``, ``end``), the commonest first."""
    return Statement(
        f"""SELECT spoken AS value, count(*) AS posts FROM every_post AS post, unnest(languages) AS spoken
             WHERE {_BETWEEN} AND {where.sql}
             GROUP BY spoken ORDER BY posts DESC, spoken LIMIT {LANGUAGES_MOST}""",
        Tally,
    )


def topics(where: Condition) -> Statement[Tally]:
    """Topics that hold matching posts of [``start``, ``end``), those with the most first."""
    return Statement(
        f"""SELECT topic AS value, count(*) AS posts
              FROM (SELECT id FROM every_post AS post WHERE {_BETWEEN} AND {where.sql}) AS matched
              JOIN topic_post ON topic_post.post = matched.id
             GROUP BY topic ORDER BY posts DESC, topic LIMIT {TOPICS_MOST}""",
        Tally,
    )


def overlap(where: Condition) -> Statement[Share]:
    """The part of the posts of ``topic`` in [``start``, ``end``) that is in any of the topics ``others`` too."""
    return Statement(
        f"""SELECT %(topic)s::text AS topic, coalesce(avg((EXISTS (
                     SELECT FROM topic_post AS other
                      WHERE other.post = post.id AND other.topic = ANY(%(others)s)))::integer), 0)::float8 AS share
              FROM every_post AS post WHERE {_BETWEEN} AND {where.sql}""",
        Share,
    )


def shares(where: Condition) -> Statement[Share]:
    """For each of the topics ``among``: its part of the matching posts of [``start``, ``end``).

    Counted from its own first one on. Topics without any are left out.
    """
    return Statement(
        f"""WITH matched AS (SELECT id, event_time FROM every_post AS post WHERE {_BETWEEN} AND {where.sql}),
                 held AS (
              SELECT topic, count(*) AS posts, min(matched.event_time) AS first
                FROM matched JOIN topic_post ON topic_post.post = matched.id
               WHERE topic = ANY(%(among)s) GROUP BY topic)
            SELECT topic, posts::float8 / (SELECT count(*) FROM matched WHERE event_time >= first) AS share
              FROM held ORDER BY topic""",
        Share,
    )
