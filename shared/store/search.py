"""Posts by their words and by filters. A deleted post is never found.

What a post is found by is its ``words`` (the function ``post_words``, decision 0023): words of scripts that part
them, pairs of neighbouring characters of scripts that do not and of emoji, and hashtags with their sign.
PostgreSQL's index over them answers everything; where it says too much (pairs need not stand together, it
drops the signs of C++), the text is looked at as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any
from uuid import UUID

import msgspec

from shared.contracts.ids import author_hash
from shared.features.query import Term
from shared.features.scripts import CUT, PAIRED, UNSPACED
from shared.store.database import Statement

#: Where posts are read from.
POSTS = "every_post"
#: Of all posts that hold the words, the newest this many are ranked: "the" must not rank a million.
RANKED_POSTS = 1_000
#: Words of a search from which posts that hold only most of them are made out; more make too many selections.
_MOST_LOOSE = 8

_UNSPACED = re.compile(f"[{UNSPACED}]")
_CUT, _PAIRED_RUN = re.compile(f"[{CUT}]+"), re.compile(f"[{PAIRED}]+")
#: What PostgreSQL's parser gives back as it was: the rest needs a look at the text.
_PARSED = re.compile(r"[\w\s'’\-.@/:]+")
_TEXT = 'text COLLATE "pg_c_utf8"'


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """All must hold; ``None`` is any. ``since`` is inclusive, ``until`` exclusive; ``author`` is an account's id."""

    feed: str | None = None
    language: str | None = None
    author: str | None = None
    topic: str | None = None
    linked: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


class Found(msgspec.Struct, frozen=True):
    """A post, and when it was."""

    id: UUID
    time: datetime


class Checked(msgspec.Struct, frozen=True):
    """A post that is there; ``fingerprint`` is shared by near copies."""

    id: UUID
    time: datetime
    fingerprint: int


class Oldest(msgspec.Struct, frozen=True):
    """The first moment of something; ``None`` where there is none."""

    time: datetime | None


class Condition:
    """SQL on the columns of ``POSTS``, joined by AND, with its parameters."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._parts = ["deleted_at IS NULL"]

    @property
    def sql(self) -> str:
        return " AND ".join(self._parts)

    def add(self, sql: str) -> None:
        self._parts.append(sql)

    def put(self, value: object) -> str:
        """``value`` as a parameter."""
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f"%({name})s"

    def filter(self, by: Filters) -> None:
        """Add ``by``."""
        if by.feed is not None:
            self.add(f"feed = {self.put(by.feed)}")
        if by.language is not None:
            wanted = self.put(by.language.lower())
            self.add(
                f"""EXISTS (SELECT FROM unnest(languages) AS spoken WHERE lower(spoken) = {wanted}
                             OR split_part(lower(spoken), '-', 1) = {wanted})"""
            )
        if by.author is not None:
            self.add(f"author_hash = {self.put(author_hash(by.author))} AND author = {self.put(by.author)}")
        if by.topic is not None:
            self.add(f"id IN (SELECT post FROM topic_post WHERE topic = {self.put(by.topic)})")
        if by.linked is not None:
            self.add("links <> '{}'" if by.linked else "links = '{}'")
        if by.since is not None:
            self.add(f"event_time >= {self.put(by.since)}::timestamptz")
        if by.until is not None:
            self.add(f"event_time < {self.put(by.until)}::timestamptz")

    def want(self, groups: Iterable[Sequence[Term]]) -> None:
        """Of each group at least one term must be there."""
        for group in groups:
            self.add("(" + " OR ".join(self.holds(term) for term in group) + ")")

    def refuse(self, terms: Iterable[Term]) -> None:
        """None of ``terms`` may be there."""
        for term in terms:
            self.add(f"NOT coalesce({self.holds(term)}, false)")

    def holds(self, term: Term) -> str:
        """SQL that is true for posts with ``term``."""
        looked_up = f"words @@ {self.lexemes(term)}"
        if (pattern := _look_again(term)) is None:
            return looked_up
        operator = "~*" if term.kind == "cashtag" else "ILIKE"
        return f"({looked_up} AND {_TEXT} {operator} {self.put(pattern)})"

    def lexemes(self, term: Term) -> str:
        """``term`` as SQL of the type tsquery."""
        if term.kind == "tag":
            tag = self.put(f"#{term.text[:64]}")
            return f"quote_literal(unaccent({tag}))::tsquery"
        runs = _PAIRED_RUN.findall(term.text)
        plain = " ".join(_CUT.sub(" ", re.sub(f"[{UNSPACED}]+", " ", term.text)).replace("’", "'").split())
        made = []
        if re.search(r"[^\W_]", plain):
            end = ":*" if term.kind == "prefix" else ""
            made.append(f"to_tsquery('groundswell', {self.put(_quoted(plain) + end)})")
        if pairs := [lexeme for run in runs for lexeme in _pairs(run)]:
            made.append(f"{self.put(' & '.join(dict.fromkeys(pairs)))}::tsquery")
        return "(" + " && ".join(made) + ")" if made else "''::tsquery"


# S608: only constants and parameters' names are put into the texts below.


def ranked(where: Condition, groups: Sequence[Sequence[Term]], fewest: int | None = None) -> Statement[Found]:
    """The best ``limit`` of the newest ``RANKED_POSTS`` posts that meet ``where`` and hold the ``groups``.

    Its rank is how closely they stand together (cover density over the logarithm of the length, Clarke et al. 2000).
    With ``fewest``, posts that hold so many of the groups do, ranked by how rare those are among such posts (inverse
    document frequency, Sparck Jones 1972). Age halves it for a post a week old, and so on.
    """
    held = ["(" + " OR ".join(where.holds(term) for term in group) + ")" for group in groups]
    lexemes = ["(" + " || ".join(where.lexemes(term) for term in group) + ")" for group in groups]
    closeness = f"ts_rank_cd(words, {' && '.join(lexemes)}, 1)"
    if fewest is None:
        for sql in held:
            where.add(sql)
        inner, enough, rank = "", "true", closeness
    else:
        some = " || ".join("(" + " && ".join(chosen) + ")" for chosen in combinations(lexemes, fewest))
        where.add(f"words @@ ({some})")
        inner = "".join(f", {sql}::integer AS held{place}" for place, sql in enumerate(held))
        enough = f"{' + '.join(f'held{place}' for place in range(len(held)))} >= {fewest}"
        rank = " + ".join(
            f"held{place} * ln(1 + count(*) OVER () / (1.0 + sum(held{place}) OVER ()))" for place in range(len(held))
        )
    return Statement(
        f"""SELECT id, event_time AS time FROM (
              SELECT id, event_time, words{inner} FROM {POSTS} WHERE {where.sql}
               ORDER BY event_time DESC LIMIT {RANKED_POSTS}
            ) AS newest
            WHERE {enough}
            ORDER BY ({rank}) / (1 + greatest(extract(epoch FROM now() - event_time), 0) / 604800) DESC,
                     event_time DESC, id
            LIMIT %(limit)s""",
        Found,
    )


def newest(where: Condition) -> Statement[Found]:
    """The newest ``limit`` posts that meet ``where``."""
    return Statement(
        f"""SELECT id, event_time AS time FROM {POSTS} WHERE {where.sql}
             ORDER BY event_time DESC, id DESC LIMIT %(limit)s""",
        Found,
    )


def before(where: Condition, time: datetime, post: UUID) -> None:
    """Let ``where`` go on after a post in the order of ``newest``."""
    where.add(f"(event_time, id) < ({where.put(time)}::timestamptz, {where.put(post)}::uuid)")


def checked(where: Condition) -> Statement[Checked]:
    """Of the posts ``ids`` those that meet ``where``."""
    return Statement(
        f"""SELECT id, event_time AS time, fingerprint FROM {POSTS}
             WHERE id = ANY(%(ids)s::uuid[]) AND {where.sql}""",
        Checked,
    )


#: The oldest post that may have a vector: older ones are found by words alone.
MEANING_SINCE = Statement("SELECT min(event_time) AS time FROM post WHERE deleted_at IS NULL", Oldest)


def loosened(groups: Sequence[Sequence[Term]]) -> tuple[list[tuple[Term, ...]], int] | None:
    """Groups of which a post must hold some, and how many; ``None`` where all are needed.

    A long run of a script without spaces counts as its pairs, which is how a text says the same a little
    differently. More than half of the groups are needed, and never fewer than two.
    """
    loose = split(groups)
    fewest = max(2, len(loose) // 2 + (len(loose) > 4))
    return (loose, fewest) if fewest < len(loose) else None


def split(groups: Sequence[Sequence[Term]]) -> list[tuple[Term, ...]]:
    """``groups``, with a long run of a script without spaces as its pairs, and no more than can be chosen from."""
    loose: list[tuple[Term, ...]] = []
    for group in groups:
        loose += [(part,) for part in _parts(group[0])] if len(group) == 1 else [tuple(group)]
    return list(dict.fromkeys(loose))[:_MOST_LOOSE]


def _parts(term: Term) -> list[Term]:
    """The pairs of a run without spaces, and the words between such runs; any other term is its only part."""
    if term.kind != "piece" or not is_unspaced(term.text):
        return [term]
    parts: list[Term] = []
    for run in re.findall(rf"[{PAIRED}]+|[^{PAIRED}]+", term.text):
        if _PAIRED_RUN.fullmatch(run):
            parts += [Term("piece", run[place : place + 2]) for place in range(max(1, len(run) - 1))]
        elif re.search(r"[^\W_]", run):
            parts.append(Term("word", run))
    return parts


def is_unspaced(text: str) -> bool:
    """Whether ``text`` holds a script that writes words without spaces between them."""
    return _UNSPACED.search(text) is not None


def _pairs(run: str) -> list[str]:
    """Lexemes of the function ``post_pairs`` that a text with ``run`` in it has."""
    if len(run) == 1:
        return [f"{_quoted(run)}:*"]
    return [_quoted(run[place : place + 2]) for place in range(len(run) - 1)]


def _look_again(term: Term) -> str | None:
    """A pattern that the text must meet too, where lexemes alone say more than ``term``."""
    text = term.text
    if term.kind == "cashtag":
        return f"(^|[^[:alnum:]_$])[$]{text}(?![[:alnum:]_])"
    if term.kind == "tag" or term.kind == "prefix":
        return None
    runs = _PAIRED_RUN.findall(text)
    if runs:
        return None if runs == [text] and len(text) < 3 else _like(text)
    return None if term.kind == "phrase" or _PARSED.fullmatch(text) else _like(text)


def _quoted(text: str) -> str:
    """``text`` as one word, or words one after the other, of a tsquery."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _like(text: str) -> str:
    """``text`` anywhere, with the signs of LIKE made plain."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
