"""Search by meaning and by words at once; by words alone when there is no meaning to be had, and it says so.

A search that asks for something makes one ranking, and its pages are cut from that ranking (``search_cursor``).
By time, what holds the words is read page by page to its end, and what is close in meaning is a part of it. What
was asked for with a sign (quotes, tags, exclusions) must hold for whatever is found.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from services.api.operations import search_cursor as cursors
from services.api.operations.queries import SearchInput
from services.api.operations.search_coverage import Coverage
from services.api.operations.search_cursor import MOST_HELD, Arm, Cursor, Held
from services.api.operations.search_folding import fold
from services.api.operations.search_fusion import fuse
from services.api.operations.search_highlights import mark
from services.api.operations.search_meaning import Eye, Meaning, Wanted, says_something
from services.api.operations.search_wording import why
from shared.contracts.ids import author_hash
from shared.errors import InputError, NotFound
from shared.features.query import Query, Term, read
from shared.schemas.post import Post
from shared.schemas.search import SearchHit, SearchResult
from shared.store import posts
from shared.store import search as statements
from shared.store.database import AsyncDatabase
from shared.store.search import Checked, Condition, Filters, Found
from shared.vectors.index import Filter

#: What each arm gives to a ranking.
DEPTH = MOST_HELD
#: Meaning orders better than words (``make search-score``).
WEIGHTS: dict[Arm, float] = {"meaning": 1.0, "words": 0.7}
#: Posts among which meaning is looked for where a topic or something asked for with a sign narrows the search.
MOST_NARROWED = 5_000
#: Near copies kept to take the place of one that goes.
_SPARES = 2
#: Words of a post by which others like it are looked for without meaning.
_MOST_LIKE_WORDS = 6


class Asked(msgspec.Struct, frozen=True):
    """One search: the input, what its ``q`` says, its filters, and the post to compare with."""

    input: SearchInput
    query: Query
    filters: Filters
    like: Post | None = None

    @property
    def compares(self) -> bool:
        """Whether there is anything to rank by."""
        return bool(self.like or self.query.said or self.query.wanted)

    @property
    def by_time(self) -> bool:
        return self.input.sort == "time" or not self.compares

    @property
    def fixed(self) -> tuple[tuple[Term, ...], ...]:
        """Groups of terms that every hit must hold: beside a post to compare with, all of them."""
        return self.query.wanted if self.like else self.query.strict

    def where(self, groups: Iterable[Sequence[Term]] = ()) -> Condition:
        """The filters, what is unwanted, and ``groups``; never the post that is compared with."""
        where = Condition()
        if self.like is not None:
            where.add(f"id <> {where.put(UUID(self.like.id))}")
        where.filter(self.filters)
        where.refuse(self.query.unwanted)
        where.want(groups)
        return where

    def wanted(self, among: dict[UUID, datetime] | None) -> Wanted:
        """What to look for by meaning, ``among`` these posts alone if any are given."""
        by = self.filters
        where = Filter(
            feed=by.feed,
            language=by.language,
            author=None if by.author is None else author_hash(by.author),
            linked=by.linked,
            posts=among,
            since=by.since,
            until=by.until,
        )
        text = self.like.text if self.like else self.query.said
        kind: Literal["passage", "query"] = "passage" if self.like else "query"
        liked = UUID(self.like.id) if self.like else None
        return Wanted(text=text, kind=kind, post=liked, limit=DEPTH, where=where, by_time=self.by_time)

    @property
    def digest(self) -> bytes:
        """What makes it another search."""
        return msgspec.json.encode(msgspec.structs.replace(self.input, limit=1, cursor=None))


async def search(
    database: AsyncDatabase,
    eye: Eye,
    given: SearchInput,
    coverage: Coverage,
    arms: frozenset[Arm] = frozenset({"meaning", "words"}),
) -> SearchResult:
    """One page of hits; without model or index it goes on with words. A bench leaves one of the ``arms`` out.

    Raises InputError if nothing is asked for or the cursor is not of this search, NotFound for a post to compare
    with that is gone, and StoreUnavailable.
    """
    began = time.perf_counter()
    asked = await _read(database, given)
    covers = asyncio.ensure_future(coverage(database))
    try:
        if given.cursor is not None:
            cursor, reason = cursors.read(given.cursor, asked.digest), None
            if cursor.text_only:
                reason = "The search began without meaning, and its further pages keep to that."
        else:
            cursor, reason = await _begin(database, eye, asked, arms)
        page, rest = await (_timed if asked.by_time else _ranked)(database, asked, cursor)
        covered = await covers
    finally:
        covers.cancel()
    return SearchResult(
        query=asked.input.q,
        mode="text only" if cursor.text_only else "hybrid",
        reason=reason,
        sort="time" if asked.by_time else "relevance",
        hits=page,
        next=None if rest is None else cursors.write(rest, asked.digest),
        took_ms=round((time.perf_counter() - began) * 1000, 1),
        indexed=0 if cursor.text_only else covered.indexed,
        pending=covered.pending,
        meaning_since=covered.meaning_since,
    )


async def _read(database: AsyncDatabase, given: SearchInput) -> Asked:
    given = msgspec.structs.replace(given, q=_clean(given.q))
    filters = Filters(**{name: getattr(given, name) for name in Filters.__struct_fields__})
    query = read(given.q)
    if not query.wanted and not says_something(query.said):
        query = msgspec.structs.replace(query, said="")  # signs alone narrow nothing
    if query == Query() and given.like is None and filters == Filters():
        raise InputError(
            "The search is empty.", why="It holds no words to look for, no post to compare with and no filter."
        )
    like = None
    if given.like is not None:
        row = await database.fetch_one(posts.ONE, {"id": given.like})
        if row is None:
            raise NotFound(
                "There is no such post to compare with.", why="Its author deleted it, or it was never stored."
            )
        like = row.post()
    return Asked(given, query, filters, like)


async def _begin(database: AsyncDatabase, eye: Eye, asked: Asked, arms: frozenset[Arm]) -> tuple[Cursor, str | None]:
    """The whole ranking, and why it was made without meaning if it was."""
    if not asked.compares:
        off = None if eye.embedder.available else f"There is no embedding model: {eye.embedder.reason}."
        return Cursor(text_only=off is not None), off
    wanted = asked.wanted(await _narrowed(database, asked))
    meaning, by_words = await asyncio.gather(asyncio.to_thread(eye.look, wanted), _search_words(database, asked))
    if meaning.reason is not None:
        by_words = await _add_weaker(database, asked, by_words)
    elif asked.like:
        by_words = []
    rankings: dict[Arm, list[UUID]] = {
        "meaning": list(meaning.similarities) if "meaning" in arms else [],
        "words": by_words if "words" in arms else [],
    }
    there = await _check(database, asked, {post for ranking in rankings.values() for post in ranking})
    held = _fused(asked, rankings, meaning, there)
    if asked.by_time:
        held.sort(key=lambda one: (there[one.post].time, one.post), reverse=True)
    return Cursor(tuple(held), None, meaning.reason is not None), meaning.reason


async def _narrowed(database: AsyncDatabase, asked: Asked) -> dict[UUID, datetime] | None:
    """Posts among which alone there is something to find, where they are few enough to name; ``None`` is any."""
    if asked.filters.topic is None and not asked.fixed:
        return None
    where = asked.where(asked.fixed)
    found = await database.fetch(statements.newest(where), where.params | {"limit": MOST_NARROWED})
    return {one.id: one.time for one in found}


async def _search_words(database: AsyncDatabase, asked: Asked) -> list[UUID]:
    """Posts that hold all the words, best first. By time they come page by page (``_timed``)."""
    if asked.by_time or not asked.query.wanted:
        return []
    return await _hold(database, asked.where(), asked.query.wanted, None)


async def _add_weaker(database: AsyncDatabase, asked: Asked, found: list[UUID]) -> list[UUID]:
    """Without meaning, posts that hold most of the words too, and then any: beside it they would only be noise."""
    if asked.like is not None and not asked.query.wanted:
        # The longest words of a post say the most.
        groups = sorted(read(asked.like.text).loose, key=lambda group: -len(group[0].text))[:_MOST_LIKE_WORDS]
        return await _hold(database, asked.where(), groups, max(1, len(groups) // 2)) if groups else []
    words = statements.split(asked.query.loose)
    if asked.by_time:
        where = asked.where(asked.query.wanted)
        if await database.fetch(statements.newest(where), where.params | {"limit": 1}):
            return []  # the weak ones would stand among the others
    most = statements.loosened(asked.query.loose)
    for groups, fewest in ([most] if most else []) + ([(words, 1)] if len(words) > 1 else []):
        if len(found) < DEPTH:
            found = found + await _hold(database, asked.where(asked.query.strict), groups, fewest)
            found = list(dict.fromkeys(found))
    return found[:DEPTH]


async def _hold(
    database: AsyncDatabase, where: Condition, groups: Sequence[Sequence[Term]], fewest: int | None
) -> list[UUID]:
    statement = statements.ranked(where, groups, fewest)
    return [one.id for one in await database.fetch(statement, where.params | {"limit": DEPTH})]


async def _check(database: AsyncDatabase, asked: Asked, found: set[UUID]) -> dict[UUID, Checked]:
    """Those of ``found`` that are in the record and meet all that is asked: the index may lag behind it."""
    if not found:
        return {}
    where = asked.where(asked.fixed)
    statement = statements.checked(where)
    rows = await database.fetch(statement, where.params | {"ids": list(found)})
    return {row.id: row for row in rows}


def _fused(asked: Asked, rankings: dict[Arm, list[UUID]], meaning: Meaning, there: dict[UUID, Checked]) -> list[Held]:
    """The ranking, with near copies behind the first of them. By time all stand for themselves."""
    fused = fuse({arm: [post for post in found if post in there] for arm, found in rankings.items()}, WEIGHTS)
    prints = [there[one.item].fingerprint if asked.input.fold and not asked.by_time else 0 for one in fused]
    held: list[Held] = []
    for group in fold(fused, prints):
        for place, one in enumerate(group[: 1 + _SPARES]):
            similarity = meaning.similarities.get(one.item)
            alike = len(group) - 1 if place == 0 else 0
            held.append(Held(one.item, tuple(one.matched), similarity, one.score, alike, place > 0))
    return held[:MOST_HELD]


async def _ranked(database: AsyncDatabase, asked: Asked, cursor: Cursor) -> tuple[list[SearchHit], Cursor | None]:
    """The next ``limit`` hits of the ranking, and what is left of it. Who has gone since leaves their place."""
    hits: list[SearchHit] = []
    left = list(cursor.held)
    while left and len(hits) < asked.input.limit:
        taken = _take(left, asked.input.limit - len(hits))
        left = left[len(taken) :]
        kept = await _load(database, [one.post for one in taken])
        shown = False
        alike = 0
        for one in taken:
            if not one.spare:
                shown, alike = False, one.alike
            if not shown and one.post in kept:
                hits.append(_hit(asked, kept[one.post], one, alike))
                shown = True
            elif not shown:
                alike = max(0, alike - 1)
    return hits, msgspec.structs.replace(cursor, held=tuple(left)) if left else None


def _take(held: Sequence[Held], limit: int) -> list[Held]:
    """The first ``limit`` of ``held`` with what may stand in for them."""
    taken: list[Held] = []
    count = 0
    for one in held:
        count += not one.spare
        if count > limit:
            break
        taken.append(one)
    return taken


async def _timed(database: AsyncDatabase, asked: Asked, cursor: Cursor) -> tuple[list[SearchHit], Cursor | None]:
    """The next ``limit`` hits by time: what holds all the words, and what is close in meaning."""
    limit = asked.input.limit
    found: list[Found] = []
    if asked.query.wanted or not asked.compares:
        where = asked.where(asked.query.wanted)
        if cursor.position is not None:
            statements.before(where, *cursor.position)
        found = await database.fetch(statements.newest(where), where.params | {"limit": limit + 1})
    there = await _check(database, asked, {one.post for one in cursor.held})
    near = {one.post: one for one in cursor.held if one.post in there}
    times = {one.id: one.time for one in found} | {post: there[post].time for post in near}
    order = sorted(times, key=lambda post: (times[post], post), reverse=True)
    page = order[:limit]
    kept = await _load(database, page)
    by_words = {one.id for one in found} if asked.query.wanted else set()
    hits = []
    for post in page:
        one = near.get(post, Held(post))
        arms: tuple[Arm, ...] = ("meaning",) if "meaning" in one.matched else ()
        if post in by_words or "words" in one.matched:
            arms = (*arms, "words")
        if post in kept:
            hits.append(_hit(asked, kept[post], msgspec.structs.replace(one, matched=arms), 0))
    if len(order) <= limit:
        return hits, None
    last = (times[page[-1]], page[-1])
    rest = tuple(one for one in cursor.held if one.post in near and (times[one.post], one.post) < last)
    return hits, Cursor(rest, last, cursor.text_only)


async def _load(database: AsyncDatabase, ids: Sequence[UUID]) -> dict[UUID, Post]:
    rows = await database.fetch(posts.SOME, {"ids": list(ids)})
    return {UUID(row.id): row.post() for row in rows}


def _hit(asked: Asked, post: Post, held: Held, alike: int) -> SearchHit:
    marked = mark(post.text, asked.query)
    return SearchHit(
        post=post,
        score=held.score,
        matched=list(held.matched),
        similarity=held.similarity,
        highlights=marked.ranges,
        why=why(
            *(held.matched, marked.held),
            liked=asked.like is not None,
            in_part=bool(marked.ranges),
            left_out=bool(asked.query.unwanted),
        ),
        alike=alike,
    )


def _clean(text: str) -> str:
    """Without what PostgreSQL cannot hold (NUL, lone surrogates); control characters become spaces."""
    plain = text.encode("utf-8", "replace").decode()
    return "".join(character if character >= " " else " " for character in plain).strip()
