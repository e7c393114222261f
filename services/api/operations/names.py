"""Names that people give to things."""

from __future__ import annotations

import unicodedata

from shared.errors import InputError


def plain_name(name: str) -> str:
    """``name`` without blanks around it. Raises InputError for one that nobody could see or click."""
    plain = name.strip()
    if all(unicodedata.category(character)[0] in "CZ" for character in plain):
        raise InputError("The request is not valid.", why="`name` has no character that can be seen.")
    return plain
