"""An answer of the API in lines for people, where no model puts it into words: what its rows are called and say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from services.worker.agents.evidence import is_post
from services.worker.pipelines.plain_text import excerpt

#: What a row is called, the first of these that it has; and what it says of itself, all of them.
_CALLED = ("label", "title", "name", "text", "what", "id")
_SAYS = ("state", "status", "why", "reason", "effect", "do")
#: States that are no news: their rows come last.
_WELL = ("ok", "live", "off")
_LONGEST = 240


def outline(body: str, most: int = 12) -> list[str]:
    """Up to ``most`` lines, what is not well first, and how many more there are. None for a file, or for posts."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    rows = list(_rows(value))
    rows.sort(key=lambda row: row.get("state", row.get("status")) in _WELL)
    lines = [line for line in (_line(row) for row in rows if not is_post(row)) if line]
    if not rows and isinstance(value, dict):
        plain = {name: item for name, item in value.items() if isinstance(item, str | int | float) and item != ""}
        lines = [excerpt(f"{name.replace('_', ' ')}: {item}", longest=_LONGEST) for name, item in plain.items()]
    more = [f"and {len(lines) - most:,} more"] if len(lines) > most else []
    return lines[:most] + more


def _rows(value: Any) -> Iterator[dict[str, Any]]:
    """The dicts in the outermost lists."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _rows(item)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _line(row: dict[str, Any]) -> str:
    called = next((name for name in _CALLED if isinstance(row.get(name), str) and row[name]), None)
    says = [str(row[name]) for name in _SAYS if isinstance(row.get(name), str) and row[name]]
    head = str(row[called]) if called else ""
    return excerpt(": ".join(part for part in (head, " ".join(map(_sentence, says))) if part), longest=_LONGEST)
