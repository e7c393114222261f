"""Records as the network writes them: facets with byte offsets, embeds, labels, subjects."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from typing import Any

from services.solo.simulator.identifiers import cid
from services.solo.simulator.plan import SECOND_US

POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
REPOST = "app.bsky.feed.repost"
FOLLOW = "app.bsky.graph.follow"
PROFILE = "app.bsky.actor.profile"

Record = dict[str, Any]

_FEATURE = re.compile(r"(?P<link>https?://[^\s]+[^\s.,!?…)])|#(?P<tag>\w*[^\W\d]\w*)")
_LABELS = ("graphic-media", "nudity", "porn", "sexual")


def timestamp(time_us: int) -> str:
    """RFC 3339 in UTC with milliseconds, as clients write it."""
    return f"{_to_the_second(time_us // SECOND_US)}.{time_us // 1000 % 1000:03d}Z"


def facets(text: str) -> list[Record]:
    """Links and hashtags of a text with their places in UTF-8 bytes, end exclusive."""
    found: list[Record] = []
    if "#" not in text and "://" not in text:
        return found
    for match in _FEATURE.finditer(text):
        start = len(text[: match.start()].encode())
        if match["link"]:
            feature = {"$type": "app.bsky.richtext.facet#link", "uri": match["link"]}
        else:
            feature = {"$type": "app.bsky.richtext.facet#tag", "tag": match["tag"]}
        index = {"byteStart": start, "byteEnd": start + len(match[0].encode())}
        found.append({"$type": "app.bsky.richtext.facet", "index": index, "features": [feature]})
    return found


def post(
    rng: Random,
    text: str,
    language: str,
    created_us: int,
    *,
    reply: tuple[Record, Record] | None = None,
    quote: Record | None = None,
) -> Record:
    """A post's record. ``reply`` is (root, parent) and ``quote`` the subject of a quoted post."""
    record: Record = {"$type": POST, "text": text, "createdAt": timestamp(_claimed(rng, created_us))}
    if rng.random() < 0.95:
        record["langs"] = [language, "en"] if language != "en" and rng.random() < 0.03 else [language]
    if reply is not None:
        record["reply"] = {"root": reply[0], "parent": reply[1]}
    if parts := facets(text):
        record["facets"] = parts
    if embed := _embed(rng, text, parts, quote):
        record["embed"] = embed
    if rng.random() < 0.01:
        values = [{"val": rng.choice(_LABELS)}]
        record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": values}
    if rng.random() < 0.01:
        record["tags"] = [f"tag{rng.randrange(40)}" for _ in range(rng.randrange(1, 4))]
    return record


def reaction(collection: str, subject: Record, created_us: int) -> Record:
    """A like's or a repost's record."""
    return {"$type": collection, "subject": subject, "createdAt": timestamp(created_us)}


def follow(subject: str, created_us: int) -> Record:
    """A follow's record; ``subject`` is a did."""
    return {"$type": FOLLOW, "subject": subject, "createdAt": timestamp(created_us)}


def profile(name: str, created_us: int) -> Record:
    """A profile's record."""
    return {"$type": PROFILE, "displayName": name, "createdAt": timestamp(created_us)}


@lru_cache(16)
def _to_the_second(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"


def _claimed(rng: Random, created_us: int) -> int:
    """Clients' clocks: a few are hours off, which is why nobody may count by ``createdAt``."""
    return created_us + rng.randrange(-20, 20) * 3_600_000_000 if rng.random() < 0.01 else created_us


def _embed(rng: Random, text: str, parts: list[Record], quote: Record | None) -> Record | None:
    if quote is not None:
        return {"$type": "app.bsky.embed.record", "record": quote}
    links = [part["features"][0]["uri"] for part in parts if "uri" in part["features"][0]]
    if links and rng.random() < 0.6:
        external = {"uri": links[0], "title": text[:60], "description": ""}
        return {"$type": "app.bsky.embed.external", "external": external}
    if not text or rng.random() < 0.06:
        blob = {
            "$type": "blob",
            "ref": {"$link": cid(f"image {rng.random()}")},
            "mimeType": "image/jpeg",
            "size": rng.randrange(20_000, 900_000),
        }
        return {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": blob}]}
    return None
