"""Post text made safe to print: what is left is what a reader sees, in the order it is stored.

Posts are hostile. Removed or replaced: control characters, bidirectional overrides and isolates
(they reorder what surrounds them), invisible characters that hide or split words, stacked marks
that run over other lines, and characters that no font may draw (private use, unassigned).
"""

from __future__ import annotations

import re
import unicodedata

#: A base character keeps at most so many combining marks; more is decoration that covers other text.
MOST_MARKS = 3
#: Joiners shape letters of these scripts and emoji; between others they only hide.
_FIRST_JOINING = 0x0600

_JOINERS = "\u200c\u200d"
_VARIATION = re.compile(r"[\ufe00-\ufe0d]")
_SPACES = re.compile(r"\s+")
_MARK = re.compile(r"\[(\d+)\]")


def clean(text: str, *, longest: int = 600) -> str:
    """``text`` on one line without tricks, cut at ``longest`` characters with an ellipsis."""
    text = unicodedata.normalize("NFC", _VARIATION.sub("", text[: 4 * longest]))
    kept: list[str] = []
    marks = 0
    for position, character in enumerate(text):
        category = unicodedata.category(character)
        if category in ("Zl", "Zp", "Zs") or character in "\t\n\r\v\f\x85":
            character = " "
        elif character in _JOINERS:
            if not _joins(text, position):
                continue
        elif category in ("Cc", "Cf"):
            continue
        elif category in ("Co", "Cn", "Cs"):
            character = "\ufffd"
        marks = marks + 1 if category in ("Mn", "Me") and character != "\ufe0f" else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    line = _SPACES.sub(" ", "".join(kept)).strip()
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def excerpt(text: str, *, longest: int = 200) -> str:
    """``clean`` for use inside our own sentences: it cannot forge a citation mark such as [3]."""
    return _MARK.sub(r"(\1)", clean(text, longest=longest))


def _joins(text: str, position: int) -> bool:
    """Whether the joiner at ``position`` stands between characters that joiners are made for."""
    around = text[position - 1 : position] + text[position + 1 : position + 2]
    return len(around) == 2 and all(ord(character) >= _FIRST_JOINING for character in around)
