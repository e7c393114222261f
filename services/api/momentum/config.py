"""Every number the momentum engine decides by, with its unit and its reason."""

from __future__ import annotations

from hashlib import blake2b

import msgspec


class MomentumConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of one engine. Counts are posts unless the name says otherwise.

    The defaults are the operating point found on real streams of about 6 posts/s (F1 0.90 with the
    threshold frozen beforehand); because the engine works with shares of all posts, they hold at
    other rates too.
    """

    # Clock
    lateness_seconds: int = 120
    """A minute closes this long after it ended: feeds reorder by less."""
    amend_minutes: int = 10
    """Posts later than that are dropped and counted; earlier ones amend counts, not decisions."""
    pending_minutes: int = 180
    """Minutes kept open at most; posts further ahead of the watermark are dropped and counted."""

    # Windows, minutes. Three, because 60 alone adds six minutes of delay.
    windows: tuple[int, ...] = (10, 30, 60)

    # Baseline
    halflife_minutes: int = 1440
    """Of the moving average: a day, so that neither a slow story nor last week is the usual."""
    lag_minutes: int = 150
    """What the baseline does not see yet. With 1 instead of 90 a story becomes its own baseline
    (recall .57 instead of .89); with 150 slow ones do so later (p90 of the delay 148 min instead of 155)."""
    young_lag_share: float = 0.5
    """A baseline younger than ``lag_minutes / young_lag_share`` lags by this share of its age:
    its older half is what is usual, its newer half is judged."""
    slot_minutes: int = 30
    profile_decay: float = 0.6
    """Weight of a day in the daily profile against the day after it."""
    profile_reach: int = 2
    """Slots to either side whose maximum is expected: daily things are not punctual."""
    prior_posts: float = 1.0
    """Posts added to what the baseline saw of a term: the doubt about a word it never saw, which
    shrinks as the baseline grows."""

    # Maturity
    warmup_minutes: int = 1440
    """Data needed before the daily profile says anything."""
    provisional_after_minutes: int = 20
    """Data needed before anything is judged at all."""
    provisional_factor: float = 1.25
    """Alert threshold before the warm-up, in multiples: no daily profile protects it."""

    # Score
    overdispersion: float = 0.3
    candidate_score: float = 3.5
    """Least LLR / (1 + overdispersion * expected) in any window; about three times the usual."""
    alert_score: float = 4.9
    """Least deviation, in standard deviations of the hourly count."""
    incoherent_divisor: float = 2.5
    """What a score is divided by where people do not say the same: words in fashion are no story."""
    coherent_share: float = 0.5
    """Share of a leading word's people who also use one of its companions, for the two to tell one story."""
    companion_people: int = 3
    companion_share: float = 0.25
    """People, and share of the leading word's people, whom a companion needs."""
    clustering: float = 4.5
    """Variance of an hourly count as a multiple of what is expected: words come in conversations, not one by one."""
    drift: float = 0.5
    """Least standard deviation of an hourly count, as a part of what is expected: what people talk of swells
    and shrinks by factors, and no sample of a day or two shows how far."""
    deviation_floor: float = 1.35
    """Least standard deviation of an hourly count, posts: rare words repeat by chance."""
    floor_posts: int = 30_000
    """Posts an hour up to which the floor stands. Above, its square grows with them: the more people talk, the
    more small circles there are by chance."""
    support_posts: int = 4
    """Posts by distinct authors that a word needs within the hour."""

    # Diversity gate (without it 4 false alarms a day instead of 0.5)
    min_authors: int = 4
    min_texts: int = 3
    min_author_share: float = 0.4
    min_text_share: float = 0.3
    """Of the first hundred posts: stricter than the reference, against campaigns of a few texts."""
    text_terms: int = 6
    """Terms that a post needs before its likeness to others says anything: short ones are alike by chance."""
    quote_likeness: float = 0.7
    """Share of their terms that two posts have in common when one passes on the other's text."""
    template_likeness: float = 0.5
    """Share of a post's terms that it has in common with another of the topic, on average: above it, one
    text with parts exchanged. People who tell the same news share its two or three names."""
    campaign_likeness: float = 0.28
    """The same, when the posts also come from one source (``source_share``) or from people who repeat
    themselves (``campaign_author_share``)."""
    source_share: float = 0.5
    campaign_author_share: float = 0.8
    campaign_posts: int = 20
    """Posts of what was refused from which its people are remembered for an hour, so that a campaign's tail
    is not taken for a small crowd. On fewer posts a story may yet prove to be one."""
    suspects: int = 20_000
    """People remembered so."""
    near_text_bits: int = 8
    """Fingerprints this close count as one text."""
    copies_counted: int = 2
    """Times one text counts within the hour: a pasted text is one voice, not a crowd."""

    # Topics
    merge_jaccard: float = 0.2
    merge_authors: int = 3
    merge_containment: float = 0.6
    """Share of a word's authors who also used the topic's word: an aspect belongs to its story."""
    topic_terms: int = 12
    parent_ratio: float = 3.0
    """A term this many times more above its own average than its language is, as expected of this time of day, is
    a daily thing in its hour: what is mostly said with it is a part of it, not news."""
    parent_share: float = 0.5
    """Least share of a topic's posts that hold the same one."""
    parent_posts: int = 8
    regrowth: float = 5.0
    """A topic is announced again when its hour holds this many times the posts announced before."""
    regrowth_minutes: int = 60
    end_share: float = 0.1
    """A topic whose last 10 minutes hold less than this share of its best 10 minutes fades out."""
    end_minutes: int = 15
    """Minutes in that state before it has ended."""
    remember_minutes: int = 720
    """An ended topic that returns within this time is the same topic, not news."""

    # Bounds
    posts_per_minute: int = 2_000
    """Kept of one minute; beyond, a uniform sample by hash of the post's id stands for all."""
    ring_terms: int = 200_000
    """Distinct terms within the hour; beyond, new ones are ignored and counted."""
    sketch_bits: int = 18
    profile_bits: int = 17
    pair_bits: int = 22
    copy_bits: int = 20
    candidates: int = 192
    """New words looked at in one tick, best first, at most half of them of one language."""
    live_topics: int = 200
    remembered_topics: int = 500
    tombstones: int = 4_096
    """Deletes remembered for posts that were not seen yet."""

    @property
    def lateness_us(self) -> int:
        return self.lateness_seconds * 1_000_000

    def digest(self) -> str:
        """Hash of all parameters: a snapshot is only continued under the same one."""
        return blake2b(msgspec.json.encode(self, order="sorted"), digest_size=8).hexdigest()
