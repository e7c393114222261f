"""Texts that people give: names of things, words to watch for."""

from __future__ import annotations

import unicodedata

from shared.errors import InputError


def is_visible(text: str) -> bool:
    """Whether a person can see anything of ``text``: blanks, controls and marks of direction do not show."""
    return any(unicodedata.category(character)[0] not in "CZ" for character in text)


def plain_name(name: str) -> str:
    """``name`` without blanks around it. Raises InputError for one that nobody could see or click."""
    plain = name.strip()
    if not is_visible(plain):
        raise InputError("The request is not valid.", why="`name` has no character that can be seen.")
    return plain
