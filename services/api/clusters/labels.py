"""What a conversation is called: the words its people use and others do not.

Class-based TF-IDF (Grootendorst, "BERTopic", 2022): how many of the conversation's people use a term, times
log(1 + A / f), where f is how many posts of the whole window hold the term and A the posts of a conversation on
average. People are counted rather than uses, so one loud account gives no label. Each language that a good part of the
posts are in gives words of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from services.api.clusters.model import Item
from services.api.momentum.explain import telling, whole_words

LABEL_WORDS = 4
#: Terms kept for search and for recognising a conversation, strongest first.
TERMS = 12
#: A longer term is a sentence in a script without spaces.
_LONGEST = 24
#: A language speaks in the label from this share of the posts on.
LEAST_SHARE = 0.2
#: A term needs so many people, and this share of those who post in its language.
_LEAST_PEOPLE, _LEAST_PART = 3, 0.12
#: Of the weight of its language's strongest term: weaker ones say little beside it.
_LEAST_WEIGHT = 0.25
#: The label stays while at least this share of its words is still among the strongest terms.
_STAYS = 0.5


def count_terms(items: Iterable[Item]) -> Counter[str]:
    """How many of ``items`` hold each term."""
    counts: Counter[str] = Counter()
    for item in items:
        counts.update(set(item.terms))
    return counts


def terms_of_posts(items: Sequence[Item], everywhere: Counter[str], average: float) -> list[str]:
    """Up to ``TERMS`` terms of a conversation, its languages taking turns by their share of the posts."""
    spoken = Counter(item.language for item in items)
    ranked = [
        _ranked([item for item in items if item.language == language], everywhere, average)
        for language, posts in spoken.most_common()
        if posts >= LEAST_SHARE * len(items)
    ]
    if not any(ranked):
        ranked = [_ranked(items, everywhere, average)]
    chosen: dict[str, None] = {}
    turn = 0
    while len(chosen) < TERMS and any(turn < len(terms) for terms in ranked):
        for number, terms in enumerate(ranked):
            # The first language gives two words before the next gives one.
            place = turn if number else 2 * turn
            for term in terms[place : place + (1 if number else 2)]:
                chosen.setdefault(term)
        turn += 1
    return list(chosen)[:TERMS]


def named(items: Sequence[Item], terms: Sequence[str]) -> float:
    """Part of ``items`` that hold one of the words of the name, of those in languages that have a say in it."""
    first = set(terms[:LABEL_WORDS])
    spoken = Counter(item.language for item in items)
    asked = [item for item in items if spoken[item.language] >= LEAST_SHARE * len(items)] or items
    return sum(bool(first & set(item.terms)) for item in asked) / len(asked) if asked else 0.0


def label_of(terms: Sequence[str]) -> str:
    """Up to four words with a dot between; tags and sites only where words alone say too little."""
    short = [term for term in telling(terms) if len(term) <= _LONGEST]
    plain = whole_words([term for term in short if term[0] not in "#$" and "." not in term])
    words = plain if len(plain) > 1 else whole_words(list(terms))
    return " · ".join(words[:LABEL_WORDS])


def keeps(label: str, terms: Sequence[str]) -> bool:
    """Whether ``label`` still says what ``terms`` say: a name that changes every minute is none."""
    words = label.split(" · ") if label else []
    bare = {term.lstrip("#$") for term in terms}
    return bool(words) and sum(word.lstrip("#$") in bare for word in words) >= _STAYS * len(words)


def _ranked(items: Sequence[Item], everywhere: Counter[str], average: float) -> list[str]:
    """Terms by weight, strongest first."""
    users: dict[str, set[int]] = {}
    for item in items:
        for term in item.terms:
            users.setdefault(term, set()).add(item.author)
    people = len({item.author for item in items})
    least = max(_LEAST_PEOPLE, _LEAST_PART * people)
    weights = {
        term: len(who) * math.log(1 + average / max(everywhere[term], 1))
        for term, who in users.items()
        if len(who) >= least
    }
    strong = _LEAST_WEIGHT * max(weights.values(), default=0.0)
    return sorted((term for term in weights if weights[term] >= strong), key=lambda term: (-weights[term], term))
