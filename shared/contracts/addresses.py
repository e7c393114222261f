"""Addresses we build for people to open. Nothing else that comes from a post becomes a link."""

from __future__ import annotations

import re

_BLUESKY = re.compile(
    r"at://(did:(?:plc:[a-z2-7]{24}|web:[a-z0-9.-]{1,253}))/app\.bsky\.feed\.post/([A-Za-z0-9._~-]{1,64})"
)


def post_address(uri: str) -> str | None:
    """Where the post at ``uri`` opens on its network; ``None`` for a form we do not know.

    Built from parts that match strict patterns, so that nothing a feed says can shape it.
    """
    if match := _BLUESKY.fullmatch(uri):
        return f"https://bsky.app/profile/{match[1]}/post/{match[2]}"
    return None
