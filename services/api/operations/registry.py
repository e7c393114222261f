"""Operations: what the API can do, declared once, opened through several doors.

An operation is ``async fn(context, In) -> Out`` over msgspec Structs. ``invoke`` is the only way to
call one: it checks the scope, decodes and validates the input, and calls. Doors (REST now; MCP,
agents and the command line later) turn their own form of a request into a mapping, and a
``GroundswellError`` into their own form of a ``Problem``.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Literal, TypeVar, get_type_hints

import msgspec

from services.api.operations.context import Context
from shared.errors import Forbidden, InputError

In = TypeVar("In", bound=msgspec.Struct)
Out = TypeVar("Out")
Effect = Literal["read", "write"]
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
    """One operation as declared. ``path`` holds input fields in braces; ``doc`` is its docstring."""

    name: str
    method: Method
    path: str
    scope: str
    effect: Effect
    status: int
    media_type: str
    input: type[In]
    output: type[Out]
    doc: str
    call: Callable[[Context, In], Awaitable[Out]]


def operation(
    path: str,
    *,
    scope: str,
    method: Method = "GET",
    effect: Effect = "read",
    status: int = 200,
    media_type: str = "application/json",
) -> Callable[[Callable[[Context, In], Awaitable[Out]]], Operation[In, Out]]:
    """Declare an operation. Its name, types and description are taken from the function."""

    def declare(function: Callable[[Context, In], Awaitable[Out]]) -> Operation[In, Out]:
        hints = get_type_hints(function)
        return Operation(
            name=function.__name__,
            method=method,
            path=path,
            scope=scope,
            effect=effect,
            status=status,
            media_type=media_type,
            input=hints[list(inspect.signature(function).parameters)[1]],
            output=hints["return"],
            doc=inspect.cleandoc(function.__doc__ or ""),
            call=function,
        )

    return declare


async def invoke(
    wanted: Operation[Any, Out], context: Context, arguments: Mapping[str, Any], *, strict: bool = True
) -> Out:
    """Call ``wanted``. With ``strict`` off, numbers and times may come as text (a query string).

    Raises Forbidden without the scope, InputError for arguments that do not fit, and whatever
    ``GroundswellError`` the operation raises.
    """
    if not context.actor.may(wanted.scope):
        raise Forbidden("This is not allowed.", why=f"It needs the scope {wanted.scope}.")
    _refuse_unstorable(arguments)
    try:
        given = msgspec.convert(arguments, wanted.input, strict=strict)
    except msgspec.ValidationError as error:
        raise InputError(
            "The request is not valid.",
            why=f"{_readable(str(error))}.",
            do="The accepted fields are described in /api/v1/openapi.json.",
        ) from error
    return await wanted.call(context, given)


def _readable(message: str) -> str:
    """msgspec's sentence with a field's name instead of a JSON path."""
    return message.replace("at `$.", "in `").rstrip(".")


def _refuse_unstorable(value: Any) -> None:
    """PostgreSQL can store neither NUL nor half a surrogate pair, and nobody means to send them."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise InputError("The request is not valid.", why="A text holds a character that cannot be stored.")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_unstorable(key)
            _refuse_unstorable(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_unstorable(item)
