"""The code stage ``source``: one feed, author or site: how much, how reliable, what is missing, what is copied."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from services.worker.pipelines import counting
from services.worker.pipelines.contracts import Chart, Figure
from services.worker.pipelines.counting import DAY, Stretch
from services.worker.pipelines.dossier import dossier, findings_of, quoted
from services.worker.pipelines.plain_text import clean, excerpt
from services.worker.pipelines.ranking import choose
from services.worker.pipelines.typed import Dossier, Part, Post, Said
from services.worker.pipelines.wording import count, length, listing, moment, share
from shared.contracts.ids import author_hash
from shared.errors import InputError, NotFound
from shared.schemas.base import Schema
from shared.schemas.pipeline import PipelineParameters
from shared.store import digests
from shared.store.briefing import CountRow, GapRow, VoiceRow
from shared.store.database import Database, Transaction
from shared.store.digests import CopyRow, FeedHealth, SourceRow

NEEDS = ("feed", "author", "domain")
MOST_NAMES, MOST_QUOTES, MOST_CANDIDATES, MOST_COPIES = 5, 4, 200, 5
#: From this share on one account, or copies, are said to weigh.
HEAVY = 0.25
#: Below this share of the posts an account is not named.
NAMED = 0.01
#: Buckets of the chart, at most.
MOST_BUCKETS = 120


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """All that was read about a source."""

    kind: str
    name: str
    within: Stretch
    figures: SourceRow
    voices: list[VoiceRow]
    languages: list[CountRow]
    sites: list[CountRow]
    copies: list[CopyRow]
    gaps: list[GapRow]
    posts: int
    buckets: list[int | None]
    minutes: int
    began: datetime
    chart: Chart | None
    health: FeedHealth | None
    lost: timedelta


def source(database: Database, value: Schema) -> Dossier:
    """The audit. Raises InputError without a source, NotFound for a feed that there is not, StoreUnavailable."""
    findings = findings_of(value)
    question = findings.question
    kind, name = named(question.parameters)
    with database.transaction() as transaction:
        end = counting.reached(transaction, question.asked_at)
        days = question.parameters.days or 7
        minutes = next(m for m in (30, 60, 180, 360, 720) if days * 1440 // m <= MOST_BUCKETS)
        looked = _look(transaction, kind, name, counting.stretch_to(end, days * DAY, minutes))
        about = {**_about(looked), "chosen": [], "limit": MOST_CANDIDATES}
        quotes = choose(transaction.fetch(digests.POSTS[kind], about), [], MOST_QUOTES)
        copied = transaction.fetch(digests.BY_ID, {"chosen": [], "ids": [row.id for row in looked.copies]})
    first = {str(row.id): counting.post_of(row) for row in copied}
    what = {"feed": "Feed", "author": "Author", "domain": "Site"}[kind]
    return dossier(
        findings,
        subject=f"{what.lower()} {clean(name, longest=80)}",
        start=looked.within.start,
        end=looked.within.end,
        figures=_figures(looked),
        chart=looked.chart,
        summary=_summary(looked, what),
        parts=[
            Part(heading="How much", said=_how_much(looked)),
            Part(heading="How reliable", said=_how_reliable(looked)),
            Part(heading="Who and what", said=_who(looked)),
            Part(heading="Copies", said=_copies(looked, first)),
            Part(heading="From its posts", said=quoted(quotes, day=True)),
        ],
        standing=[counting.missing(looked.gaps, looked.within, question.asked_at, end), _method(looked)],
        posts=[*first.values(), *(counting.post_of(quote.post) for quote in quotes)],
    )


def named(parameters: PipelineParameters) -> tuple[str, str]:
    """The kind of source and its name. Raises InputError."""
    for kind in NEEDS:
        if name := str(getattr(parameters, kind)):
            return kind, name.lower() if kind == "domain" else name
    raise InputError("No source was named.", do="Give a feed, an author or a domain.")


def _about(looked: Looked) -> dict[str, Any]:
    return _bounds(looked.kind, looked.name, looked.within)


def _bounds(kind: str, name: str, within: Stretch) -> dict[str, Any]:
    hashed = {"hash": author_hash(name)} if kind == "author" else {}
    return {**within.bounds, **hashed, "source": name}


def _look(transaction: Transaction, kind: str, name: str, within: Stretch) -> Looked:
    about = _bounds(kind, name, within)
    health = transaction.fetch_one(digests.FEED_HEALTH, {**about, "feed": name}) if kind == "feed" else None
    if kind == "feed" and health is None:
        raise NotFound("There is no such feed.", do="GET /api/v1/feeds lists them.")
    # Gaps of a feed hide its own posts; those of any feed may hide an author's or a site's.
    gaps = counting.gaps_of(transaction, within, name if kind == "feed" else "")
    [figures] = transaction.fetch(digests.FIGURES[kind], about)
    if kind == "feed":
        counts = counting.counts_of(transaction, within, gaps, name)
        posts, buckets, began, minutes = counts.posts, counts.buckets, counts.began, within.minutes
        chart = counting.chart_of(transaction, within, counts, [], gaps, feed=name)
    else:
        posts, began = figures.posts, counting.began_at(transaction, within)
        shown = counting.clipped(within, began)
        rows = transaction.fetch(digests.HOURS[kind], {**about, **shown.bounds})
        minutes = shown.minutes
        at = {row.start.astimezone(UTC): row.posts for row in rows}
        buckets = counting.known_buckets(shown, at, gaps, began)
        chart = counting.draw(shown, buckets, [], counting.per(shown.minutes))
    return Looked(
        kind=kind,
        name=name,
        within=within,
        figures=figures,
        voices=transaction.fetch(digests.VOICES[kind], {**about, "limit": MOST_NAMES}),
        languages=transaction.fetch(digests.LANGUAGES[kind], {**about, "limit": MOST_NAMES}),
        sites=transaction.fetch(digests.SITES[kind], {**about, "limit": MOST_NAMES}),
        copies=transaction.fetch(digests.COPIES[kind], {**about, "limit": MOST_COPIES}),
        gaps=gaps,
        posts=posts,
        buckets=buckets,
        minutes=minutes,
        began=began,
        chart=chart,
        health=health,
        lost=sum((counting.lost_in(gap, within) for gap in gaps), timedelta()),
    )


def _summary(looked: Looked, what: str) -> list[Said]:
    figures = looked.figures
    long = counting.how_long(looked.within, looked.began)
    verb = {"feed": "brought", "author": "wrote", "domain": "was linked to in"}[looked.kind]
    said = [f"{what} {excerpt(looked.name, longest=80)} {verb} {count(looked.posts, 'post')} {long}."]
    if figures.posts:
        said.append(
            f"Of the {count(figures.posts, 'post')} looked at {share(figures.copies, figures.posts)} repeat the "
            "wording of another."
        )
    if looked.kind == "feed":
        whole = looked.within.end - looked.began
        read = max(whole - looked.lost, timedelta())
        said.append(f"It was read {share(round(read.total_seconds()), round(whole.total_seconds()))} of the time.")
    elif looked.voices and looked.kind == "domain":
        said.append(f"{count(figures.authors, 'account')} linked to it.")
    return [Said(text=" ".join(said))]


def _how_much(looked: Looked) -> list[Said]:
    said = [f"{count(looked.posts, 'post')} between {moment(looked.within.start)} and {moment(looked.within.end)}."]
    known = [value for value in looked.buckets if value is not None]
    if len(known) > 1 and max(known):
        said.append(
            f"In {len(known):,} stretches of {length(timedelta(minutes=looked.minutes))} the mean is "
            f"{sum(known) / len(known):,.1f}, the most {max(known):,}."
        )
        if quiet := sum(value == 0 for value in known):
            said.append(f"{quiet:,} of them were read whole and had none.")
    if looked.figures.first and looked.figures.last:
        said.append(
            f"The first post looked at is from {moment(looked.figures.first)}, "
            f"the last from {moment(looked.figures.last)}."
        )
    return [Said(text=" ".join(said))]


def _how_reliable(looked: Looked) -> list[Said]:
    said = []
    if looked.health:
        health = looked.health
        lost = f"{count(len(looked.gaps), 'gap')} of {length(looked.lost)} in all" if looked.gaps else "no gap is known"
        said.append(f"The connection ended {count(health.drops, 'time')}; {lost}.")
        if health.refused:
            said.append(f"{count(health.refused, 'frame')} could not be understood.")
        if health.events:
            said.append(
                f"Of {count(health.events, 'event')} since it was added {health.duplicates:,} came twice, "
                "which is harmless: each post is kept once."
            )
    elif looked.gaps:
        said.append(
            f"{count(len(looked.gaps), 'gap')} of any feed, {length(looked.lost)} in all, may hide posts of it."
        )
    else:
        said.append("No gap is known in this stretch.")
    if looked.voices and looked.kind != "author" and looked.voices[0].posts >= HEAVY * looked.figures.posts:
        top = looked.voices[0]
        said.append(
            f"One account alone, {clean(top.author, longest=60)}, wrote "
            f"{share(top.posts, looked.figures.posts)} of the posts."
        )
    if looked.figures.posts and looked.figures.copies >= HEAVY * looked.figures.posts:
        said.append(
            f"With {share(looked.figures.copies, looked.figures.posts)} copies it counts for less than its number of "
            "posts."
        )
    said.append("Whether what the posts say is true was not checked.")
    return [Said(text=one) for one in said]


def _who(looked: Looked) -> list[Said]:
    figures, said = looked.figures, []
    if not figures.posts:
        return [Said(text="No post of it is kept in this stretch.")]
    of = figures.posts
    lead = "" if looked.kind == "author" else f"{count(figures.authors, 'account')}. "
    said.append(f"{lead}{share(figures.replies, of)} of the posts are replies, {share(figures.linked, of)} have links.")
    voices = [voice for voice in looked.voices if looked.kind != "author" and voice.posts >= NAMED * of]
    rows: Sequence[tuple[str, list[str]]] = (
        (
            "Most active",
            [f"{clean(v.author, longest=60)} ({share(v.posts, of)})" for v in voices],
        ),
        ("Languages", [f"{clean(row.value, longest=20)} {share(row.posts, of)}" for row in looked.languages]),
        ("Sites linked to", [f"{excerpt(row.value, longest=60)} {share(row.posts, of)}" for row in looked.sites]),
    )
    said += [f"{name}: {listing(names)}." for name, names in rows if names]
    return [Said(text=one) for one in said]


def _copies(looked: Looked, first: dict[str, Post]) -> list[Said]:
    if not looked.copies:
        return [Said(text="No two of the posts looked at have nearly the same wording.")]
    of = looked.figures.posts
    said = [
        Said(
            text=f"{count(looked.figures.copies, 'post')} of {of:,} looked at repeat an earlier wording, word for word "
            "or nearly."
        )
    ]
    for row in looked.copies:
        if post := first.get(row.id):
            text = f"{row.posts:,} times from {count(row.authors, 'account')}: “{excerpt(post.text)}” [1]"
            said.append(Said(text=text, posts=[row.id], quotes=True))
    return said


def _figures(looked: Looked) -> list[Figure]:
    of = looked.figures.posts
    figures = [Figure(value=f"{looked.posts:,}", label="posts")]
    if looked.kind != "author":
        figures.append(Figure(value=f"{looked.figures.authors:,}", label="accounts"))
    figures.append(Figure(value=share(looked.figures.copies, of), label="repeat another's wording"))
    whole = looked.within.end - looked.began
    figures.append(Figure(value=length(looked.lost) if looked.lost else "none", label=f"not read, of {length(whole)}"))
    return figures


def _method(looked: Looked) -> Part:
    counted = (
        "Posts are counted minute by minute as they are read; accounts, copies and languages"
        if looked.kind == "feed"
        else "Figures"
    )
    text = (
        f"{counted} come from the newest {digests.LOOKED_AT:,} posts of the stretch at most, by event time, in UTC; "
        "those that their authors deleted are left out. Posts count as copies when their fingerprints are the same."
    )
    if looked.kind == "domain":
        text += f" Links were looked for in the newest {digests.LINKED_LOOKED_AT:,} posts that have any."
    return Part(heading="How this was made", said=[Said(text=text)])
