"""Operations as they are told of: one line for the index, everything for who wants to call one."""

from __future__ import annotations

from typing import Any

from shared.schemas.base import Schema


class OperationLine(Schema, frozen=True, kw_only=True):
    """One operation in the index."""

    name: str
    summary: str
    toolset: str
    effect: str


class OperationIndex(Schema, frozen=True, kw_only=True):
    """The best matches first, or all by toolset and name. ``total`` counts what matched."""

    operations: list[OperationLine]
    total: int
    toolsets: list[str]


class OperationDetail(Schema, frozen=True, kw_only=True):
    """How to call one. ``input`` and ``output`` are JSON Schemas; ``taints``: its answer holds what strangers wrote.

    ``approval``: whether the caller would need one as things are.
    """

    name: str
    summary: str
    description: str
    toolset: str
    scope: str
    effect: str
    idempotent: bool
    taints: bool
    approval: bool
    method: str
    path: str
    input: dict[str, Any]
    output: dict[str, Any] | None
