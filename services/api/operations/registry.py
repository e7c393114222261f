"""Operations: what the API can do, declared once, opened through several doors.

An operation is ``async fn(context, In) -> Out`` over msgspec Structs. ``invoke`` (``invoking.py``) is the only way to
call one. Doors (REST, MCP, the command line) turn their own form of a request into a mapping, and a
``GroundswellError`` into their own form of a ``Problem``.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Generic, Literal, TypeVar, get_args, get_type_hints

import msgspec

from services.api.operations.context import Context

In = TypeVar("In", bound=msgspec.Struct)
Out = TypeVar("Out")
#: read changes nothing; write can be undone; destroy cannot; external also reaches beyond the platform.
Effect = Literal["read", "write", "destroy", "external"]
#: Nouns by which operations are offered to those who cannot take all of them.
Toolset = Literal[
    "posts", "topics", "analysis", "feeds", "watches", "reports", "agents", "models", "platform", "access"
]
TOOLSETS: tuple[Toolset, ...] = get_args(Toolset)
Method = Literal["GET", "POST", "PATCH", "DELETE"]
#: Methods whose input is the address alone; the others take a JSON body.
WITHOUT_BODY: frozenset[Method] = frozenset({"GET", "DELETE"})


class NoInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For operations that take nothing."""


class File(msgspec.Struct, frozen=True):
    """An answer that is a file rather than a Struct. ``name`` is safe in a header and on a disk."""

    content: bytes
    name: str


class Operation(msgspec.Struct, Generic[In, Out], frozen=True, kw_only=True):
    """One operation as declared. ``path`` holds input fields in braces; ``doc`` is its docstring.

    ``idempotent``: doing it twice is as good as once. ``taints``: its answer holds what strangers wrote. ``core``:
    among the few that are offered to whoever asks for nothing in particular. ``heavy``: it keeps the database or a
    model busy, so it may be called less often (``rates.py``).
    """

    name: str
    method: Method
    path: str
    scope: str
    effect: Effect
    idempotent: bool
    taints: bool
    toolset: Toolset
    core: bool
    heavy: bool
    status: int
    media_type: str
    input: type[In]
    output: type[Out]
    doc: str
    call: Callable[[Context, In], Awaitable[Out]]

    @property
    def summary(self) -> str:
        """The first line of ``doc``."""
        return self.doc.partition("\n")[0]


def operation(
    path: str,
    *,
    scope: str,
    toolset: Toolset,
    taints: bool,
    method: Method = "GET",
    effect: Effect = "read",
    idempotent: bool = False,
    core: bool = False,
    heavy: bool = False,
    status: int = 200,
    media_type: str = "application/json",
) -> Callable[[Callable[[Context, In], Awaitable[Out]]], Operation[In, Out]]:
    """Declare an operation. Its name, types and description are taken from the function.

    ``taints`` has no default: forgetting it would be the dangerous answer. What reads is idempotent anyway.
    """

    def declare(function: Callable[[Context, In], Awaitable[Out]]) -> Operation[In, Out]:
        hints = get_type_hints(function)
        return Operation(
            name=function.__name__,
            method=method,
            path=path,
            scope=scope,
            effect=effect,
            idempotent=idempotent or effect == "read",
            taints=taints,
            toolset=toolset,
            core=core,
            heavy=heavy,
            status=status,
            media_type=media_type,
            input=hints[list(inspect.signature(function).parameters)[1]],
            output=hints["return"],
            doc=inspect.cleandoc(function.__doc__ or ""),
            call=function,
        )

    return declare
