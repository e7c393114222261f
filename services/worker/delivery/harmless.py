"""Hostile text made harmless for chat services: it calls nobody, opens nothing and formats nothing."""

from __future__ import annotations

import re

#: Breaks what a service would act on, and cannot be seen.
_BREAK = "\u200b"
_ACTIVE = re.compile(r"(@)(?=\S)|(://)|(\.)(?=[A-Za-z]{2,})|(?<=\w)(:)(?=[a-z0-9_+-]+:)|([*_~`|\[\]()#<>])(?=\S)")
#: Characters that turn or hide text: bidirectional controls and their like.
_UNSEEN = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def harmless(text: str, most: int) -> str:
    """One line of at most about ``most`` characters: mentions, links and marks are broken, not removed."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in _UNSEEN.sub("", text)).split())
    cut = line if len(line) <= most else line[: most - 1].rstrip() + "…"
    return _ACTIVE.sub(lambda match: match[0] + _BREAK, cut)


def slack_escaped(text: str) -> str:
    """The three signs that Slack reads as its own: without them no ``<!channel>`` and no ``<@U1>`` remains."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
