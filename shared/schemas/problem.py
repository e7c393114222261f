"""How every interface reports an error."""

from __future__ import annotations

from shared.schemas.base import Schema


class Problem(Schema, frozen=True, kw_only=True):
    """``what`` happened, ``why``, what to ``do``. ``request`` finds the log lines."""

    status: int
    what: str
    why: str = ""
    do: str = ""
    request: str = ""
