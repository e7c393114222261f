"""What the API can do, as agents know it: a file that ``groundswell op contract`` writes and a test keeps fresh.

The worker does not import the API. What an operation may do must be known before anything runs, so that an agent with
too much power is refused when the worker starts and not when it is too late.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. ``taints``: its answer may hold strangers' text. ``parameters``: its input's JSON schema."""

    name: str
    effect: Literal["read", "write", "destroy", "external"]
    idempotent: bool
    taints: bool
    toolset: str
    scope: str
    description: str
    parameters: dict[str, Any]

    @property
    def private(self) -> bool:
        """Whether it tells of the operator rather than of what everybody may read."""
        return self.toolset not in ("posts", "topics", "analysis")


@cache
def known() -> dict[str, Known]:
    """All operations that an agent may be given, by name."""
    text = files("services.worker.agents").joinpath("operations.json").read_bytes()
    return {one.name: one for one in msgspec.json.decode(text, type=list[Known])}
