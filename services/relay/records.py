"""Bluesky records: what we read of them, made safe to store. Nothing here does I/O.

Source of the shapes: the app.bsky.feed.* lexicons. Facet offsets count UTF-8 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

#: The network allows 3,000 bytes; longer texts are cut here rather than trusted.
MAX_TEXT = 10_000
MAX_TAGS, MAX_TAG = 16, 256
MAX_LINKS, MAX_LINK = 16, 2_048
MAX_LANGUAGES = 3

#: Whether a string has the syntax of a decentralised identifier, or of a record key.
valid_did = re.compile(r"did:[a-z]{2,20}:[A-Za-z0-9._:%-]{1,200}").fullmatch
valid_key = re.compile(r"[A-Za-z0-9._:~-]{1,512}").fullmatch
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Reference(msgspec.Struct, gc=False):
    """A pointer to another record."""

    uri: str


class Reply(msgspec.Struct, gc=False):
    """``parent`` is the post answered."""

    parent: Reference


class Span(msgspec.Struct, rename="camel", gc=False):
    """Bytes [byte_start, byte_end) of the text's UTF-8."""

    byte_start: int
    byte_end: int


class Feature(msgspec.Struct, gc=False):
    """A link (``uri``), a hashtag (``tag``) or a mention (neither)."""

    uri: str = ""
    tag: str = ""


class Facet(msgspec.Struct):
    """What a stretch of text means."""

    index: Span
    features: list[Feature]


class External(msgspec.Struct, gc=False):
    """A link card."""

    uri: str = ""


class Media(msgspec.Struct):
    """Media beside a quoted record."""

    external: External | None = None


class Embed(msgspec.Struct):
    """Only link cards matter here; images, video and quotes are left alone."""

    external: External | None = None
    media: Media | None = None


class Post(msgspec.Struct, rename="camel"):
    """``app.bsky.feed.post``."""

    text: str
    created_at: str = ""
    langs: list[str] = []
    tags: list[str] = []
    reply: Reply | None = None
    facets: list[Facet] = []
    embed: Embed | None = None


class Subject(msgspec.Struct, gc=False):
    """``app.bsky.feed.like`` and ``app.bsky.feed.repost``."""

    subject: Reference


def clean(text: str) -> str:
    """``text`` without NUL, which PostgreSQL's text cannot hold."""
    return text.replace("\x00", "\ufffd") if "\x00" in text else text


def tags_of(post: Post) -> list[str]:
    """Hashtags without ``#``, from facets and from the record's own list, each once, as first written."""
    found = [feature.tag for facet in _sound(post) for feature in facet.features if feature.tag]
    return plain_tags([*found, *post.tags]) if found or post.tags else []


def plain_tags(tags: Iterable[str]) -> list[str]:
    """``tags`` without ``#``, each once, as first written."""
    plain = (clean(tag).strip().lstrip("#\uff03") for tag in tags)
    kept: dict[str, str] = {}
    for tag in plain:
        if 0 < len(tag) <= MAX_TAG:
            kept.setdefault(tag.casefold(), tag)
    return list(kept.values())[:MAX_TAGS]


def links_of(post: Post) -> list[str]:
    """Web addresses the post points at, each once. They are shown and counted, never fetched."""
    found = [feature.uri for facet in _sound(post) for feature in facet.features if feature.uri]
    if post.embed:
        cards = (post.embed.external, post.embed.media.external if post.embed.media else None)
        found += [card.uri for card in cards if card]
    return plain_links(found) if found else []


def plain_links(links: Iterable[str]) -> list[str]:
    """Web addresses among ``links``, each once."""
    return _first(
        (link for link in map(clean, links) if len(link) <= MAX_LINK and link.startswith(("https://", "http://"))),
        MAX_LINKS,
    )


def languages_of(post: Post) -> list[str]:
    """Primary subtags in lower case ("pt-BR" is "pt"), each once."""
    if len(post.langs) == 1 and _LANGUAGE.fullmatch(post.langs[0]):
        return post.langs  # nearly all posts
    primary = (tag.partition("-")[0].lower() for tag in post.langs[:MAX_LANGUAGES])
    return _first((tag for tag in primary if _LANGUAGE.fullmatch(tag)), MAX_LANGUAGES)


def claimed_us(created_at: str) -> int | None:
    """The author's claimed time in microseconds, ``None`` when it cannot be read."""
    try:
        claimed = datetime.fromisoformat(created_at[:40])
        if claimed.tzinfo is None:
            claimed = claimed.replace(tzinfo=UTC)
        return (claimed - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


def _sound(post: Post) -> list[Facet]:
    """Facets whose span lies inside the text, on whole characters: others point at nothing."""
    if not post.facets:
        return []
    raw = post.text.encode()
    return [facet for facet in post.facets if _whole(raw, facet.index)]


def _whole(raw: bytes, span: Span) -> bool:
    return 0 <= span.byte_start < span.byte_end <= len(raw) and all(
        edge == len(raw) or raw[edge] & 0xC0 != 0x80 for edge in (span.byte_start, span.byte_end)
    )


def _first(values: Iterable[str], most: int) -> list[str]:
    return list(dict.fromkeys(values))[:most]
