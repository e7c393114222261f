"""Answers of the terminal in words."""

from __future__ import annotations


def counted(number: int, one: str) -> str:
    """``1 post``, ``2,000 posts``."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def plain(text: str) -> str:
    """Without what could drive a terminal: posts, names and servers' words are strangers' texts."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
