"""Some five thousand posts of the simulator's corpus with what each of them is about, and their vectors.

Truth comes from how a post was made: the story or everyday topic whose texts it was written from, and
those texts themselves. Near copies (the same fingerprint) are one answer, as they are one hit of a search.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import get_args
from uuid import UUID

import msgspec
import numpy as np

from services.solo.simulator.corpus import Corpus, Phase, load
from services.solo.simulator.population import LANGUAGE_SHARES
from services.solo.simulator.spam import SpamSchedule
from services.solo.simulator.writer import Writer
from shared.contracts.ids import author_hash, post_id
from shared.embedding.embedder import Embedder
from shared.features.fingerprint import fingerprint_of
from shared.schemas.vector import Vectors

START = datetime(2026, 5, 1, tzinfo=UTC)
#: Posts of each story, language and phase; and of everyday life, replies and spam.
_TOLD = {"early": 7, "mid": 14, "late": 9}
_EVERYDAY, _REPLIES, _SPAM = 3_200, 400, 100
_SEED = 20_261_130
_CACHE = Path(__file__).parent / ".cache"
_SLOT = re.compile(r"\\\{\w+\\\}")


class Made(msgspec.Struct, frozen=True):
    """A post; ``sources``: (story or "topic:language", the text it was written from)."""

    id: UUID
    uri: str
    author: str
    author_hash: int
    time: datetime
    text: str
    language: str
    tags: list[str]
    links: list[str]
    fingerprint: int
    sources: list[tuple[str, str]]


def make() -> list[Made]:
    """The posts, oldest first. The same each time."""
    corpus, rng = load(), Random(_SEED)
    writer = Writer(_SEED, corpus)
    drafts: list[tuple[datetime, str, str, list[tuple[str, str]]]] = []
    known = {language: _templates(corpus, language) for language in corpus.tongues}
    for number, story in enumerate(corpus.stories):
        for language in story.texts:
            for place, phase in enumerate(get_args(Phase)):
                templates = [(story.key, text, _pattern(text)) for text in story.texts[language][phase]]
                for _ in range(_TOLD[phase]):
                    text = writer.story(rng, language, story, phase)
                    minute = number * 8 + place * 10 + rng.random() * 10
                    drafts.append((_at(minute), language, text, _sources(text, templates)))
    languages, shares = list(LANGUAGE_SHARES), list(LANGUAGE_SHARES.values())
    for nth in range(_EVERYDAY + _REPLIES):
        time, language = _at(rng.random() * 150), rng.choices(languages, shares)[0]
        write = writer.everyday if nth < _EVERYDAY else writer.reply
        text = write(rng, language, int(time.timestamp() * 1e6))
        drafts.append((time, language, text, _sources(text, known[language])))
    campaigns = SpamSchedule(_SEED, int(START.timestamp() * 1e6))
    for nth in range(_SPAM):
        language = rng.choices(languages, shares)[0]
        drafts.append((_at(rng.random() * 150), language, writer.spam(rng, language, campaigns.campaign(nth % 5)), []))
    return [_made(nth, rng, *draft) for nth, draft in enumerate(sorted(drafts))]


def vectors_of(posts: Sequence[Made], embedder: Embedder) -> Vectors:
    """Their vectors; kept in ``bench/.cache`` (git-ignored) by model and texts."""
    digest = hashlib.blake2b("\0".join([embedder.model, *(post.text for post in posts)]).encode(), digest_size=8)
    path = _CACHE / f"search-{digest.hexdigest()}.npy"
    if path.exists():
        return np.asarray(np.load(path), dtype=np.float32)
    vectors = embedder.embed([post.text for post in posts], "passage")
    _CACHE.mkdir(exist_ok=True)
    np.save(path, vectors)
    return vectors


def _made(nth: int, rng: Random, time: datetime, language: str, text: str, sources: list[tuple[str, str]]) -> Made:
    author = f"did:plc:bench{rng.randrange(2_000)}"
    uri = f"at://{author}/app.bsky.feed.post/{nth}"
    tags = re.findall(r"#(\w+)", text)
    links = re.findall(r"https?://\S+", text)
    return Made(
        post_id(uri), uri, author, author_hash(author), time, text, language, tags, links, fingerprint_of(text), sources
    )


def _templates(corpus: Corpus, language: str) -> list[tuple[str, str, re.Pattern[str]]]:
    topics = corpus.tongues[language].topics
    return [(f"{topic}:{language}", text, _pattern(text)) for topic, texts in topics.items() for text in texts]


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(_SLOT.sub(".+?", re.escape(template.rstrip(".!?。！？"))).lower())


def _sources(text: str, templates: Sequence[tuple[str, str, re.Pattern[str]]]) -> list[tuple[str, str]]:
    lowered = text.lower()
    return [(about, template) for about, template, pattern in templates if pattern.search(lowered)]


def _at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)
