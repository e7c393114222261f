"""REST: a thin loop over the operations."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from services.api.metrics import REQUEST_SECONDS, REQUESTS
from services.api.operations.context import Context, Services
from services.api.operations.registry import WITHOUT_BODY, File, Operation, invoke
from services.api.readiness import Readiness
from shared.errors import GroundswellError, InputError

_FIELDS_MOST = 20


def routes(
    operations: Iterable[Operation[Any, Any]], services: Services, readiness: Readiness
) -> list[HTTPRouteHandler]:
    """One route an operation. The caller is ``scope["user"]``, set by the guard."""
    return [_route(operation, services, readiness) for operation in operations]


def _route(operation: Operation[Any, Any], services: Services, readiness: Readiness) -> HTTPRouteHandler:
    async def handle(request: Request[Any, Any, Any]) -> Response[bytes]:
        began, status = time.monotonic(), 500
        context = Context(services=services, actor=request.user, request=request.scope["groundswell_request"])  # type: ignore[typeddict-item]
        try:
            readiness.check()
            answer = await _call(operation, context, request)
            status = operation.status
        except GroundswellError as error:
            status = error.status
            raise
        finally:
            REQUESTS.labels(operation.name, str(status)).inc()
            REQUEST_SECONDS.labels(operation.name).observe(time.monotonic() - began)
        return _response(operation, answer)

    handle.__name__ = operation.name
    return HTTPRouteHandler(
        re.sub(r"\{(\w+)\}", r"{\1:str}", operation.path),
        http_method=operation.method,
        status_code=operation.status,
        name=operation.name,
    )(handle)


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
