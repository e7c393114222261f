"""A briefing says what the record says, and what weakens it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.worker.pipelines.compose import compose
from services.worker.pipelines.contracts import Composed, Gathered
from services.worker.pipelines.gather import LONGEST_RANGE, covered
from services.worker.pipelines.pace import Doubling, Minute, doubling, peak, series
from services.worker.pipelines.ranking import choose
from services.worker.pipelines.wording import count, expected, length, listing, share, stretch, times
from shared.store.briefing import KeptRow, VoiceRow
from tests.support.topics import RUN, START, TEXTS, candidate, gap, gathered, rising_minutes, topic_row

MINUTE = timedelta(minutes=1)


def section(composed: Composed, heading: str) -> str:
    [found] = [part for part in composed.report.sections if part.heading == heading]
    return "\n".join(found.paragraphs)


def headings(composed: Composed) -> list[str]:
    return [part.heading for part in composed.report.sections]


def test_every_figure_comes_from_the_record() -> None:
    composed = compose(gathered(), RUN)
    assert "412 posts from 198 accounts, 12 times the usual 35" in composed.report.summary
    assert "began at 14:20 UTC on 3 May 2026" in section(composed, "Since when")
    assert "14:27 UTC, 7 minutes later" in section(composed, "Since when")
    assert "busiest minute was 15:00 UTC with 24 posts" in section(composed, "How fast")
    assert "380 posts kept as evidence come from 190 accounts" in section(composed, "Who")
    assert "en 66 % and pt 21 %" in section(composed, "Who")
    assert "(31 posts, 28 accounts)" in section(composed, "Links people share")
    assert [figure.value for figure in composed.figures] == ["412", "12×", "198", "24"]


def test_where_next_to_nothing_is_usual_no_multiple_is_told() -> None:
    composed = compose(gathered(topic=topic_row(usual_hour=0.2, posts_hour=99, ratio=99.0)), RUN)
    assert "99 posts from 198 accounts, where fewer than one is usual." in composed.report.summary
    assert "99 posts in its latest hour, where fewer than one is usual." in section(composed, "How fast")
    assert "99 times" not in str(composed.report.sections)
    assert [(figure.value, figure.label) for figure in composed.figures][1] == ("new", "usual: fewer than one")


def test_marks_and_citations_match() -> None:
    composed = compose(gathered(), RUN)
    numbers = [citation.number for citation in composed.report.citations]
    assert numbers == list(range(1, len(numbers) + 1))
    times_told = [citation.time for citation in composed.report.citations]
    assert times_told == sorted(times_told)
    everything = " ".join(part for one in composed.report.sections for part in one.paragraphs)
    assert all(f"[{number}]" in everything for number in numbers)
    assert f"[{len(numbers) + 1}]" not in everything


def test_gaps_are_said_plainly_and_never_counted_as_zero() -> None:
    composed = compose(gathered(gaps=[gap(33, 38), gap(58, 63)]), RUN)
    told = section(composed, "What is missing")
    assert "not zero, they are unknown" in told
    assert "14:33 to 14:38 UTC (5 minutes)" in told
    assert "“What is missing”" in composed.report.summary
    # the true peak at 15:00 lies in a gap: the busiest known minute is another
    assert "busiest minute was 15:00" not in section(composed, "How fast")
    assert "What is missing" not in headings(compose(gathered(), RUN))


def test_a_provisional_baseline_is_said_plainly() -> None:
    young = gathered(topic=topic_row(provisional=True, baseline_from=START - timedelta(hours=1)))
    composed = compose(young, RUN)
    assert "provisional" in composed.report.summary
    assert "learned from 2.5 hours" in section(composed, "How sure")
    assert "baseline is provisional" in section(composed, "How sure")
    assert "provisional" not in section(compose(gathered(), RUN), "How sure")


def test_one_loud_account_is_named_as_such() -> None:
    loud = gathered(voices=[VoiceRow(author="did:plc:loud", posts=200), VoiceRow(author="did:plc:b", posts=2)])
    composed = compose(loud, RUN)
    assert "One account alone wrote 53 %" in composed.report.summary
    assert "did:plc:loud (200 posts, 53 %)" in section(composed, "Who")
    assert "No single account dominates." in section(compose(gathered(), RUN), "Who")


def test_few_accounts_are_weak_evidence() -> None:
    composed = compose(gathered(topic=topic_row(authors_hour=3)), RUN)
    assert "Only 3 accounts took part" in section(composed, "How sure")


def test_hostile_labels_and_posts_do_not_shape_the_report() -> None:
    hostile = gathered(
        topic=topic_row(label="tide\u202e [1]\n# x", terms=["a\u200bb [2]"]),
        posts=[candidate(1, "see [7] \u202eevil\nnext")],
        earliest=[],
    )
    composed = compose(hostile, RUN)
    assert composed.report.title == "Briefing: tide (1) # x"
    assert "“ab (2)”" in section(composed, "What happened")
    assert "“see (7) evil next” [1]" in section(composed, "What happened")


def test_a_topic_whose_posts_are_all_gone_still_gets_a_briefing() -> None:
    none = KeptRow(posts=0, authors=0, first_time=None, last_time=None)
    composed = compose(gathered(posts=[], earliest=[], voices=[], languages=[], links=[], minutes=[], kept=none), RUN)
    assert composed.report.citations == []
    assert "No post about it can be quoted" in section(composed, "What happened")
    assert len(composed.figures) == 3


def test_near_duplicates_are_quoted_once_and_counted() -> None:
    same = [candidate(n, "tide took the pontoon at the harbour bridge", fingerprint=0b1011 << 20) for n in range(5)]
    near = candidate(6, "tide took that pontoon at the harbour bridge", fingerprint=(0b1011 << 20) | 0b11)
    other = candidate(7, "buses are replaced by ferries today", fingerprint=-1)
    chosen = choose([*same, near, other], ["tide"], 8)
    assert len(chosen) == 2
    assert chosen[0].alike == 5


def test_texts_without_a_fingerprint_are_compared_by_their_words() -> None:
    chosen = choose([candidate(1, "The  Tide"), candidate(2, "the tide"), candidate(3, "else")], ["tide"], 8)
    assert len(chosen) == 2


def test_one_account_is_quoted_once_and_coverage_and_reactions_decide() -> None:
    talker = [candidate(n, f"{text} {n}", author="did:plc:same") for n, text in enumerate(TEXTS)]
    covering = candidate(20, "harbour bridge pontoon tide all at once", author="did:plc:a")
    liked = candidate(21, "harbour bridge is something to behold", author="did:plc:b", likes=500)
    quiet = candidate(22, "harbour bridge is something to see", author="did:plc:c")
    chosen = [
        quote.post for quote in choose([*talker, quiet, liked, covering], ["harbour bridge", "pontoon", "tide"], 4)
    ]
    assert [post.author for post in chosen].count("did:plc:same") == 1
    assert chosen.index(covering) < chosen.index(quiet)
    assert chosen.index(liked) < chosen.index(quiet)


def test_minutes_without_a_row_are_zero_and_minutes_in_a_gap_unknown() -> None:
    record = gathered(minutes=rising_minutes()[:10], gaps=[gap(2, 4)])
    filled = series(record)
    assert filled[0].start == record.range_start
    assert [minute.posts for minute in filled[1:5]] == [1, None, None, 1]
    assert filled[-1].posts == 0


def test_the_peak_is_the_earliest_of_equals() -> None:
    minutes = [Minute(START + n * MINUTE, posts, 1.0) for n, posts in enumerate([0, 5, None, 5])]
    assert peak(minutes) == minutes[1]
    assert peak([Minute(START, 0, None)]) is None


def test_the_quickest_doubling_is_found_and_gaps_do_not_count() -> None:
    flat = [Minute(START + n * MINUTE, 4, 1.0) for n in range(10)]
    assert doubling(flat) is None
    jump = [Minute(START + n * MINUTE, 4 if n < 10 else 12, 1.0) for n in range(20)]
    assert doubling(jump) == Doubling(START + 5 * MINUTE, 3, 20, 44)
    torn = [Minute(m.start, None if 8 <= n < 14 else m.posts, 1.0) for n, m in enumerate(jump)]
    found = doubling(torn)
    assert found is not None
    assert found.minutes > 3


def test_a_range_is_whole_minutes_and_at_most_a_day() -> None:
    late = topic_row(began_at=START - timedelta(days=3))
    kept = KeptRow(posts=1, authors=1, first_time=START - timedelta(days=3), last_time=START + timedelta(seconds=30))
    start, end = covered(late, [], kept)
    assert (end, end - start) == (START + MINUTE, LONGEST_RANGE)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (count(1, "post"), "1 post"),
        (count(1204, "post"), "1,204 posts"),
        (share(1, 500), "under 1 %"),
        (share(0, 0), "0 %"),
        (times(3.14159), "3.1"),
        (times(11.7), "12"),
        (expected(3.0), "3"),
        (expected(3.04), "3"),
        (expected(0.26), "fewer than one"),
        (expected(34.7), "35"),
        (length(timedelta(seconds=40)), "40 seconds"),
        (length(timedelta(minutes=150)), "2.5 hours"),
        (length(timedelta(days=3)), "3 days"),
        (listing(["a", "b", "c"]), "a, b and c"),
        (listing([]), ""),
        (stretch(START, START + timedelta(days=1)), "3 May 2026, 14:00 to 4 May 2026, 14:00 UTC"),
    ],
)
def test_numbers_and_times_read_as_people_write_them(said: str, wanted: str) -> None:
    assert said == wanted


def test_a_record_survives_the_ledger() -> None:
    import msgspec

    record = gathered(gaps=[gap(1, 2)])
    stored = msgspec.json.decode(msgspec.json.encode(record))
    assert msgspec.convert(stored, Gathered) == record
