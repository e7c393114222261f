"""What decides how the last hour is grouped. The figures were set on the simulator's stream (``bench.clusters``)."""

from __future__ import annotations

import msgspec


class ClusterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Cosines hold between centred vectors, where those of unrelated posts lie around 0."""

    #: Event time that is looked at.
    window_minutes: int = 60
    #: Posts of the window that are compared at most; of more, an even sample.
    most_posts: int = 10_000
    most_clusters: int = 40
    #: A conversation needs so many distinct accounts, and texts that do not say nearly the same.
    least_people: int = 6
    least_texts: int = 8
    #: Voices are posts of which neither the account nor the text came before: so many, and this part of the posts,
    #: until there are ``enough_voices``.
    least_voices: float = 8.0
    least_voices_part: float = 0.25
    enough_voices: float = 25.0
    #: Two texts from this cosine on say nearly the same.
    same: float = 0.7
    #: This part of its texts must hold one of the words that name it: small talk is alike and shares no word.
    least_named: float = 0.5
    #: One that is known lives on with less, so that it does not come and go at the limit.
    least_people_kept: int = 4
    least_texts_kept: int = 4
    least_named_kept: float = 0.35
    least_voices_kept: float = 4.0
    least_voices_part_kept: float = 0.15
    #: A post belongs to the nearest centre from this cosine on.
    belongs: float = 0.45
    #: Posts this near each other found a conversation.
    neighbours: float = 0.35
    #: Two centres this near are one conversation; halves of one that lie further apart than ``split`` are two.
    merge: float = 0.75
    split: float = 0.35
    #: Scattered posts that are searched for new conversations, at most.
    searched_posts: int = 3_000
    #: Rounds of assignment and averaging in one refresh.
    rounds: int = 4
