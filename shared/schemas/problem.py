"""How every interface reports an error."""

from __future__ import annotations

from shared.schemas.base import Schema


class Problem(Schema, frozen=True, kw_only=True):
    """``what`` happened, ``why``, what to ``do``. ``request`` finds the log lines.

    For programs: ``approval`` is the id of the approval that the call waits for; ``unknown`` says that an earlier try
    with this key may have happened.
    """

    status: int
    what: str
    why: str = ""
    do: str = ""
    request: str = ""
    approval: str | None = None
    unknown: bool = False
