"""REST: a thin loop over the operations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from services.api.doors.counting import counted
from services.api.operations.context import Context, Services
from services.api.operations.index import no_such_operation
from services.api.operations.invoking import invoke
from services.api.operations.registry import WITHOUT_BODY, File, Operation
from services.api.readiness import Readiness
from shared.errors import InputError

_FIELDS_MOST = 20
_KEY = re.compile(r"[A-Za-z0-9_-]{8,200}")


def routes(
    operations: Iterable[Operation[Any, Any]], services: Services, readiness: Readiness
) -> list[HTTPRouteHandler]:
    """One route an operation, and one for all by their names. The caller is ``scope["user"]``, set by the guard."""
    wanted = tuple(operations)
    each = [_route(operation, services, readiness) for operation in wanted]
    return [*each, _by_name(wanted, services, readiness)]


def _route(operation: Operation[Any, Any], services: Services, readiness: Readiness) -> HTTPRouteHandler:
    async def handle(request: Request[Any, Any, Any]) -> Response[bytes]:
        with counted(operation):
            readiness.check()
            answer = await _call(operation, _context(services, request), request)
        return _response(operation, answer)

    handle.__name__ = operation.name
    return HTTPRouteHandler(
        re.sub(r"\{(\w+)\}", r"{\1:str}", operation.path),
        http_method=operation.method,
        status_code=operation.status,
        name=operation.name,
    )(handle)


def _by_name(operations: Iterable[Operation[Any, Any]], services: Services, readiness: Readiness) -> HTTPRouteHandler:
    """Any operation by its name, all its input in the body: for those who choose among them while they run."""
    known = {operation.name: operation for operation in operations}

    async def call_operation(request: Request[Any, Any, Any]) -> Response[bytes]:
        operation = known.get(request.path_params["operation"])
        if operation is None:
            raise no_such_operation()
        with counted(operation):
            readiness.check()
            answer = await invoke(operation, _context(services, request), read_body(await request.body()))
        return _response(operation, answer)

    address = "/api/v1/operations/{operation:str}"
    return HTTPRouteHandler(address, http_method="POST", status_code=200, name="call_operation")(call_operation)


def _context(services: Services, request: Request[Any, Any, Any]) -> Context:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InputError("The request is not valid.", why="Idempotency-Key is not 8 to 200 letters, digits, - and _.")
    return Context(
        services=services,
        actor=request.user,
        request=request.scope["groundswell_request"],  # type: ignore[typeddict-item]
        door="cli" if request.headers.get("x-groundswell-door") == "cli" else "rest",
        key=key,
    )


async def _call(operation: Operation[Any, Any], context: Context, request: Request[Any, Any, Any]) -> Any:
    query = read_query(request.scope.get("query_string", b""))
    if operation.method in WITHOUT_BODY:
        return await invoke(operation, context, {**query, **request.path_params}, strict=False)
    if query:
        raise InputError("The request is not valid.", why="This address takes its input in the body.")
    body = read_body(await request.body())
    return await invoke(operation, context, {**body, **request.path_params})


def read_query(raw: bytes) -> dict[str, str]:
    """A query string as a mapping; an empty value is as good as none. Raises InputError."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_FIELDS_MOST
        )
    except ValueError as error:
        raise InputError("The request is not valid.", why="Its query string is not percent-encoded UTF-8.") from error
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InputError("The request is not valid.", why="A field of its query string is given twice.")
    return {name: value for name, value in found.items() if value}


def read_body(raw: bytes) -> dict[str, Any]:
    """A JSON object. Raises InputError."""
    try:
        return msgspec.json.decode(raw or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("The request is not valid.", why="Its body is not a JSON object.") from error


def _response(operation: Operation[Any, Any], answer: Any) -> Response[bytes]:
    headers = {"cache-control": "no-store"}
    if isinstance(answer, File):
        headers["content-disposition"] = f'attachment; filename="{answer.name}"'
        return Response(answer.content, status_code=operation.status, media_type=operation.media_type, headers=headers)
    return Response(
        msgspec.json.encode(answer),
        status_code=operation.status,
        media_type=operation.media_type,
        headers=headers,
    )
