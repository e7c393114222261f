"""Answers of the terminal in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def counted(number: int, one: str) -> str:
    """``1 post``, ``2,000 posts``."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def plain(text: str) -> str:
    """Without what could drive a terminal: posts, names and servers' words are strangers' texts."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def listed(value: Any, indent: str = "") -> Iterator[str]:
    """An answer as lines to read: a field each, what is nested moved in, what is empty left out."""
    pairs = value.items() if isinstance(value, dict) else [("-", item) for item in value]
    for name, item in pairs:
        label = f"{indent}{plain(str(name))}" + ("" if name == "-" else ":")
        if isinstance(item, dict | list) and not _short(item):
            if item:
                yield label
                yield from listed(item, indent + "  ")
        elif item not in (None, "", [], {}):
            yield f"{label} {plain(', '.join(map(str, item)) if isinstance(item, list) else str(item))}"


def _short(item: Any) -> bool:
    return isinstance(item, list) and all(isinstance(part, str | int | float) for part in item) and len(item) <= 12


def size(number: float) -> str:
    """Bytes for people: "1.4 MB"."""
    units = ["B", "kB", "MB", "GB"]
    while number >= 1000 and len(units) > 1:
        number, units = number / 1000, units[1:]
    return f"{number:.0f} {units[0]}" if units[0] == "B" else f"{number:.1f} {units[0]}"
