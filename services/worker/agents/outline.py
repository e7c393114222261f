"""An answer of the API in lines for people, where no model puts it into words: what its rows are called and say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from services.worker.agents.evidence import is_post
from services.worker.pipelines.plain_text import excerpt

#: What a row is called, the first of these that it has; and what it says of itself, all of them.
_CALLED = ("label", "title", "name", "text", "what", "id")
_STATES = ("state", "status")
_SAYS = (*_STATES, "why", "reason", "effect", "do")
_ENDS = (".", "!", "?")
#: States that are no news: their rows come last.
_WELL = ("ok", "live", "off")
_LONGEST = 240


def outline(body: str, most: int = 12) -> list[str]:
    """Up to ``most`` lines, what is not well first, and how many more there are.

    None for a file, for posts, and for a list that is empty: what stands beside it is about the asking.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    rows = list(_rows(value))
    rows.sort(key=lambda row: row.get("state", row.get("status")) in _WELL)
    lines = [line for line in (_line(row) for row in rows if not _is_about_a_post(row)) if line]
    if not rows and isinstance(value, dict) and not any(isinstance(item, list) for item in value.values()):
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


def _is_about_a_post(row: dict[str, Any]) -> bool:
    return is_post(row) or any(isinstance(item, dict) and is_post(item) for item in row.values())


def _sentence(text: str) -> str:
    return text if text.endswith(_ENDS) else f"{text}."


def _line(row: dict[str, Any]) -> str:
    called = next((name for name in _CALLED if isinstance(row.get(name), str) and row[name]), None)
    head = str(row[called]) if called else ""
    whole = head.endswith(_ENDS)  # a sentence that says how it is
    says = [
        str(row[name])
        for name in _SAYS
        if isinstance(row.get(name), str) and row[name] and not (whole and name in _STATES)
    ]
    joint = " " if whole else ": "
    return excerpt(joint.join(part for part in (head, " ".join(map(_sentence, says))) if part), longest=_LONGEST)
