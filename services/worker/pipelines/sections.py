"""The sections of a briefing, one function each. ``None`` when there is nothing to say."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from services.worker.pipelines.contracts import Gathered
from services.worker.pipelines.pace import WINDOW, Doubling, Minute
from services.worker.pipelines.plain_text import clean, excerpt
from services.worker.pipelines.ranking import Quote
from services.worker.pipelines.wording import (
    FEWEST,
    clock,
    count,
    expected,
    length,
    listing,
    moment,
    share,
    stretch,
    times,
)
from shared.schemas.run import ReportSection
from shared.store.briefing import CandidateRow

#: From this share on, and from so many posts, one account is named as loud.
LOUD_SHARE = 0.25
LOUD_POSTS = 4
#: Fewer accounts are weak evidence for anything.
FEW_ACCOUNTS = 10
MOST_EXCERPTS = 4
MOST_GAPS_NAMED = 5


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The record and what was worked out from it. Quotes carry their citation number."""

    gathered: Gathered
    label: str
    minutes: list[Minute]
    peak: Minute | None
    doubling: Doubling | None
    telling: list[tuple[int, Quote]]
    first: list[tuple[int, CandidateRow]]


def what_happened(facts: Facts) -> ReportSection:
    """The posts that say most, in their own words."""
    terms = [excerpt(term, longest=40) for term in facts.gathered.topic.terms[:8]]
    paragraphs = []
    if terms:
        paragraphs.append(f"People wrote about {listing([f'“{term}”' for term in terms])} together.")
    for number, quote in sorted(facts.telling[:MOST_EXCERPTS], key=lambda told: told[0]):
        alike = f" {count(quote.alike, 'more post says', 'more posts say')} nearly the same." if quote.alike else ""
        paragraphs.append(f"{clock(quote.post.event_time)}: “{excerpt(quote.post.text)}” [{number}]{alike}")
    if rest := facts.telling[MOST_EXCERPTS:]:
        paragraphs.append(f"See also {listing([f'[{number}]' for number in sorted(number for number, _ in rest)])}.")
    if not facts.telling:
        paragraphs.append("No post about it can be quoted: those kept were deleted or hold no readable text.")
    return ReportSection(heading="What happened", paragraphs=paragraphs)


def since_when(facts: Facts) -> ReportSection:
    """Its beginning, its first sighting, and when we noticed."""
    topic = facts.gathered.topic
    said = [
        f"The rise began at {moment(topic.began_at)} and was noticed at {clock(topic.detected_at)} UTC, "
        f"{length(max(topic.detected_at - topic.began_at, timedelta()))} later."
    ]
    if facts.first:
        number, post = facts.first[0]
        others = [f"[{number}]" for number, _ in facts.first[1:]]
        then = f" The next account followed in {listing(others)}." if others else ""
        said.append(f"The earliest post kept about it is from {moment(post.event_time)} [{number}].{then}")
    return ReportSection(heading="Since when", paragraphs=[" ".join(said)])


def how_fast(facts: Facts) -> ReportSection:
    """Pace against the usual, the busiest minute, and the quickest doubling."""
    topic = facts.gathered.topic
    against = (
        f"{expected(topic.usual_hour)} are usual: {times(topic.ratio)} times as many."
        if topic.usual_hour >= FEWEST
        else f"{expected(topic.usual_hour)} is usual."
    )
    said = [f"{count(topic.posts_hour, 'post')} in its latest hour, where {against}"]
    if facts.peak:
        said.append(
            f"The busiest minute was {clock(facts.peak.start)} UTC with {count(facts.peak.posts or 0, 'post')}"
            + (f" (usual: {expected(facts.peak.usual)})." if facts.peak.usual is not None else ".")
        )
    if facts.doubling:
        fastest = facts.doubling
        said.append(
            f"At its fastest it doubled within {count(fastest.minutes, 'minute')}: from {fastest.before:,} to "
            f"{fastest.after:,} posts per {WINDOW} minutes, starting at {clock(fastest.start)} UTC."
        )
    else:
        said.append("It never doubled within the minutes known here.")
    total = sum(row.posts for row in facts.gathered.minutes)
    said.append(
        f"Counted between {stretch(facts.gathered.range_start, facts.gathered.range_end)}: {count(total, 'post')}."
    )
    return ReportSection(heading="How fast", paragraphs=[" ".join(said)])


def who(facts: Facts) -> ReportSection:
    """How many accounts, whether one of them is loud, and the languages."""
    gathered = facts.gathered
    kept = gathered.kept
    paragraphs = [
        f"{count(gathered.topic.authors_hour, 'account')} wrote in its latest hour. "
        f"The {count(kept.posts, 'post')} kept as evidence come from {count(kept.authors, 'account')}."
    ]
    if gathered.voices and kept.posts:
        top = [
            f"{clean(voice.author, longest=60)} ({count(voice.posts, 'post')}, {share(voice.posts, kept.posts)})"
            for voice in gathered.voices[:3]
        ]
        paragraphs.append(f"Most active: {listing(top)}. {loud_voice(facts) or 'No single account dominates.'}")
    if gathered.languages:
        spoken = [f"{clean(row.value, longest=20)} {share(row.posts, kept.posts)}" for row in gathered.languages]
        paragraphs.append(f"Languages, as the posts declare them: {listing(spoken)}.")
    return ReportSection(heading="Who", paragraphs=paragraphs)


def loud_voice(facts: Facts) -> str | None:
    """A warning when one account wrote much of what was kept."""
    kept, voices = facts.gathered.kept, facts.gathered.voices
    if not voices or voices[0].posts < LOUD_POSTS or voices[0].posts < LOUD_SHARE * kept.posts:
        return None
    return (
        f"One account alone wrote {share(voices[0].posts, kept.posts)} of the posts kept: "
        "this may be one loud account rather than many people."
    )


def links(facts: Facts) -> ReportSection | None:
    """What people link to, as text: nothing in it was opened or checked."""
    if not facts.gathered.links:
        return None
    rows = [
        f"{excerpt(row.value, longest=160)} ({count(row.posts, 'post')}, {count(row.authors, 'account')})"
        for row in facts.gathered.links
    ]
    lead = "Addresses in the posts, as written there. None was opened or checked."
    return ReportSection(heading="Links people share", paragraphs=[lead, *rows])


def missing(facts: Facts) -> ReportSection | None:
    """Stretches that no feed could give us."""
    gaps = facts.gathered.gaps
    if not gaps:
        return None
    named = [
        f"{stretch(gap.start_time, gap.end_time)} ({length(gap.end_time - gap.start_time)}): the feed "
        f"{clean(gap.feed, longest=60)} could not be read; cause: {clean(gap.cause, longest=120)}."
        for gap in gaps[:MOST_GAPS_NAMED]
    ]
    if more := len(gaps) - MOST_GAPS_NAMED:
        named += [f"{count(more, 'further gap')} of this kind."] if more > 0 else []
    lead = "These stretches are not zero, they are unknown. The true figures may be higher, and the peak may lie there."
    return ReportSection(heading="What is missing", paragraphs=[lead, *named])


def how_sure(facts: Facts) -> ReportSection:
    """What weakens the figures."""
    topic, kept = facts.gathered.topic, facts.gathered.kept
    said = []
    if topic.baseline_from and topic.as_of:
        age = length(max(topic.as_of - topic.baseline_from, timedelta()))
        said.append(f"The usual is learned from {age} of this stream.")
    if topic.provisional:
        said.append("That is less than the warm-up asks for: the baseline is provisional, and the ratio may be off.")
    if topic.authors_hour < FEW_ACCOUNTS:
        said.append(f"Only {count(topic.authors_hour, 'account')} took part in the latest hour: weak evidence.")
    total = sum(row.posts for row in facts.gathered.minutes)
    if kept.posts < total:
        said.append(f"Quotes were chosen from {count(kept.posts, 'post')} kept of {total:,} counted.")
    said.append("A post counts when it uses the topic's terms; whether what it says is true was not checked.")
    return ReportSection(heading="How sure", paragraphs=[" ".join(said)])


def method(facts: Facts) -> ReportSection:
    """How the briefing came to be."""
    return ReportSection(
        heading="Method",
        paragraphs=[
            "Written without a language model: each sentence is filled with figures counted in the database. "
            "Posts are counted by the feed's own time, in UTC. "
            "Quotes are ranked by how many of the topic's terms they use and by likes and reposts, one per account, "
            "and posts in nearly the same words are quoted once. Posts their authors deleted are left out. "
            "Invisible and direction-changing characters were removed from quotes; long posts are cut with “…”.",
            f"Why it was flagged: {excerpt(facts.gathered.topic.why, longest=400)}",
        ],
    )


ALL = (what_happened, since_when, how_fast, who, links, missing, how_sure, method)
