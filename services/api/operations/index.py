"""Operations that tell of operations, for those who cannot hold the descriptions of all of them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from msgspec import Meta

from services.api.operations import policy
from services.api.operations.context import Context
from services.api.operations.forms import input_schema, output_schema
from services.api.operations.registry import TOOLSETS, Operation, Toolset, operation
from shared.errors import NotFound
from shared.schemas.base import Schema
from shared.schemas.operation import OperationDetail, OperationIndex, OperationLine

#: Shorter words are in everything; and what people and models say for what is called otherwise here.
SHORTEST = 3
ALSO = {
    "backup": ("export", "backups"),
    "bill": ("cost", "spend"),
    "budget": ("cost", "spend"),
    "chat": ("destination",),
    "config": ("setting",),
    "configuration": ("setting",),
    "delete": ("remove",),
    "email": ("destination",),
    "error": ("wrong", "fail"),
    "list": ("all",),
    "llm": ("language model",),
    "mail": ("destination",),
    "money": ("cost", "spend"),
    "notify": ("destination", "watch"),
    "price": ("cost",),
    "prompt": ("language model", "instructions"),
    "slack": ("destination",),
    "sql": ("query",),
    "stop": ("cancel", "pause"),
    "trend": ("momentum",),
    "trending": ("momentum",),
    "webhook": ("destination",),
}


class SearchOperationsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words of what you want to do, in English; or nothing, for all of a ``toolset`` or of the platform."""

    q: Annotated[str, Meta(max_length=200)] = ""
    toolset: Toolset | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 200


class DescribeOperationInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operation by its name."""

    operation: Annotated[str, Meta(min_length=1, max_length=60)]


@operation("/api/v1/operations", scope=policy.ANYONE, toolset="platform", taints=False, core=True)
async def search_operations(context: Context, query: SearchOperationsInput) -> OperationIndex:
    """Find what can be done here: one line an operation, best matches first. Then describe_operation."""
    found = [
        one
        for one in context.services.operations
        if policy.may(context.actor, one.scope) and query.toolset in (None, one.toolset)
    ]
    ranked = _ranked(found, query.q)
    lines = [
        OperationLine(name=one.name, summary=one.summary, toolset=one.toolset, effect=one.effect)
        for one in ranked[: query.limit]
    ]
    return OperationIndex(operations=lines, total=len(ranked), toolsets=list(TOOLSETS))


@operation("/api/v1/operations/{operation}", scope=policy.ANYONE, toolset="platform", taints=False, core=True)
async def describe_operation(context: Context, query: DescribeOperationInput) -> OperationDetail:
    """How to call one operation: its input and output as JSON Schemas, and what it may do."""
    one = next((one for one in context.services.operations if one.name == query.operation), None)
    if one is None or not policy.may(context.actor, one.scope):
        raise no_such_operation()
    return OperationDetail(
        name=one.name,
        summary=one.summary,
        description=one.doc,
        toolset=one.toolset,
        scope=one.scope,
        effect=one.effect,
        idempotent=one.idempotent,
        taints=one.taints,
        approval=policy.decide(one, context.actor) == "needs approval",
        method=one.method,
        path=one.path,
        input=input_schema(one),
        output=output_schema(one),
    )


def no_such_operation() -> NotFound:
    """What is said of a name that is none, or none for the caller."""
    return NotFound("There is no such operation.", do="search_operations (GET /api/v1/operations) lists them.")


def _ranked(found: list[Operation[Any, Any]], asked: str) -> list[Operation[Any, Any]]:
    """Those that hold most of the words of ``asked``; a word in the name counts most. All of them for no words."""
    said = [word for word in re.findall(r"[a-z0-9]+", asked.lower()) if len(word) >= SHORTEST]
    words = [*said, *(other for word in said for other in ALSO.get(_stem(word), ALSO.get(word, ())))]
    if not words:
        return sorted(found, key=lambda one: (TOOLSETS.index(one.toolset), one.name))
    scored = [(sum(_weight(one, word) for word in words), one) for one in found]
    return [one for score, one in sorted(scored, key=lambda pair: (-pair[0], pair[1].name)) if score]


def _weight(one: Operation[Any, Any], word: str) -> int:
    stem = _stem(word)
    return 3 * (stem in one.name) + 2 * (stem in one.summary.lower()) + (stem in one.doc.lower())


def _stem(word: str) -> str:
    return word[:-1] if len(word) > SHORTEST and word.endswith("s") else word
