"""Parts of a feed, for more than one relay can read: which author belongs to which part, and who reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from shared.errors import InputError

#: Most parts of a feed.
MOST = 256
_FORM = re.compile(r"(\d{1,3})/(\d{1,3})")


class Shard(msgspec.Struct, frozen=True):
    """The part ``index`` (from 0) of ``count``. Of one part it is the whole."""

    index: int = 0
    count: int = 1

    def has(self, number: int) -> bool:
        """Whether what has this stable hash, of any sign, is in the part. Each is in exactly one."""
        return number % self.count == self.index

    def reads(self, part: Shard) -> bool:
        """Whether the relay at this place, of ``count``, reads that part. Each part has exactly one place, whatever the
        number of relays; what is not divided belongs to the first."""
        return part.index % self.count == self.index

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Shard()


def shard_of(options: Mapping[str, Any]) -> Shard:
    """What the option ``shard`` of a feed says; the whole without it. Raises InputError."""
    text = str(options.get("shard") or "")
    if not text:
        return WHOLE
    found = _FORM.fullmatch(text)
    if found is None or not int(found[1]) < int(found[2]) <= MOST:
        raise InputError(
            "The feed's options are not right.",
            why=f"`shard` {text!r} is no part of a feed.",
            do=f"Write part/parts, counted from 0, of at most {MOST}: 0/4, 1/4, 2/4 and 3/4 together are the whole.",
        )
    return Shard(int(found[1]), int(found[2]))
