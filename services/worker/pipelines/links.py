"""The one kind of link a document carries: to a quoted post, built by us from strictly checked parts."""

from __future__ import annotations

import re

_BLUESKY = re.compile(
    r"at://(did:(?:plc:[a-z2-7]{24}|web:[a-z0-9.-]{1,253}))/app\.bsky\.feed\.post/([A-Za-z0-9._~-]{1,64})"
)


def post_link(uri: str) -> str | None:
    """Address that opens the post at ``uri``; ``None`` for a form we do not know."""
    if match := _BLUESKY.fullmatch(uri):
        return f"https://bsky.app/profile/{match[1]}/post/{match[2]}"
    return None
