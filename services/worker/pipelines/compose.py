"""Write a briefing from the record alone: each sentence is a template filled with counted figures."""

from __future__ import annotations

from uuid import UUID, uuid5

from services.worker.pipelines import sections
from services.worker.pipelines.contracts import Composed, Figure, Gathered
from services.worker.pipelines.markdown import markdown
from services.worker.pipelines.pace import doubling, peak, series
from services.worker.pipelines.plain_text import clean, excerpt
from services.worker.pipelines.ranking import Quote, choose
from services.worker.pipelines.wording import FEWEST, clock, count, expected, moment, times
from shared.contracts.addresses import post_address
from shared.schemas.run import Citation, Report
from shared.store.briefing import CandidateRow

MOST_QUOTES = 8
#: First sightings quoted beside the most telling posts.
MOST_FIRST = 2


def report_id(run: UUID) -> UUID:
    """The report of a run: the same id on every attempt."""
    return uuid5(run, "report")


def compose(gathered: Gathered, run: UUID) -> Composed:
    """The whole briefing. Pure: the same record gives the same words. ``report.pdf`` is not settled yet."""
    telling = choose(gathered.posts, gathered.topic.terms, MOST_QUOTES)
    first = _first(gathered)
    quotes = _in_time([*telling, *(Quote(post, 0) for post in first)])
    numbers = {quote.post.id: number for number, quote in enumerate(quotes, start=1)}
    minutes = series(gathered)
    facts = sections.Facts(
        gathered=gathered,
        label=excerpt(gathered.topic.label, longest=80),
        minutes=minutes,
        peak=peak(minutes),
        doubling=doubling(minutes),
        telling=[(numbers[quote.post.id], quote) for quote in telling],
        first=[(numbers[post.id], post) for post in first],
    )
    written = [section for write in sections.ALL if (section := write(facts))]
    report = Report(
        id=str(report_id(run)),
        run=str(run),
        topic=gathered.topic.id,
        title=f"Briefing: {facts.label}",
        summary=_summary(facts),
        sections=written,
        citations=[_citation(number, quote.post) for number, quote in enumerate(quotes, start=1)],
        writer="extractive",
        created_at=gathered.topic.read_at,
        range_start=gathered.range_start,
        range_end=gathered.range_end,
        pdf="failed",
        pdf_reason="Not made yet.",
    )
    return Composed(report=report, figures=_figures(facts), markdown=markdown(report))


def _first(gathered: Gathered) -> list[CandidateRow]:
    """The earliest posts with something to read, one an account."""
    by_author: dict[str, CandidateRow] = {}
    for post in gathered.earliest:
        if clean(post.text):
            by_author.setdefault(post.author, post)
    return list(by_author.values())[:MOST_FIRST]


def _in_time(quotes: list[Quote]) -> list[Quote]:
    """Each post once, as it happened."""
    unique: dict[UUID, Quote] = {}
    for quote in quotes:
        unique.setdefault(quote.post.id, quote)
    return sorted(unique.values(), key=lambda quote: (quote.post.event_time, quote.post.id))


def _citation(number: int, post: CandidateRow) -> Citation:
    return Citation(
        number=number,
        post=str(post.id),
        author=clean(post.author, longest=80),
        time=post.event_time,
        url=post_address(post.uri),
        text=clean(post.text),
        languages=[clean(language, longest=20) for language in post.languages],
    )


def _summary(facts: sections.Facts) -> str:
    topic = facts.gathered.topic
    state = {
        "emerging": "is emerging",
        "rising": "is rising",
        "peaking": "is at its peak",
        "fading": "is fading",
        "ended": "has ended",
    }
    usual = expected(topic.usual_hour)
    against = (
        f"{times(topic.ratio)} times the usual {usual}" if topic.usual_hour >= FEWEST else f"where {usual} is usual"
    )
    sentences = [
        f"“{facts.label}” {state.get(topic.status, 'was seen')}; it began at {moment(topic.began_at)}.",
        f"In its latest hour it drew {count(topic.posts_hour, 'post')} from {count(topic.authors_hour, 'account')}, "
        f"{against}.",
    ]
    if facts.peak:
        sentences.append(f"It was busiest at {clock(facts.peak.start)} UTC with {_a_minute(facts.peak.posts)}.")
    if loud := sections.loud_voice(facts):
        sentences.append(loud)
    if topic.provisional:
        sentences.append("The baseline is still provisional, so the ratio may be off.")
    if facts.gathered.gaps:
        sentences.append("Some of the stretch could not be read; see “What is missing”.")
    return " ".join(sentences)


def _a_minute(posts: int | None) -> str:
    return f"{count(posts or 0, 'post')} a minute"


def _figures(facts: sections.Facts) -> list[Figure]:
    topic = facts.gathered.topic
    figures = [
        Figure(value=f"{topic.posts_hour:,}", label="posts in the latest hour"),
        Figure(
            value=f"{times(topic.ratio)}×" if topic.usual_hour >= FEWEST else "new",
            label=f"the usual {expected(topic.usual_hour)}" if topic.usual_hour >= FEWEST else "usual: fewer than one",
            note="provisional" if topic.provisional else "",
        ),
        Figure(value=f"{topic.authors_hour:,}", label="accounts in that hour"),
    ]
    if facts.peak:
        figures.append(
            Figure(value=f"{facts.peak.posts:,}", label="posts in the busiest minute", note=clock(facts.peak.start))
        )
    return figures
