"""Errors as ``Problem``. What a caller reads names no address, statement or file of ours."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.exceptions import HTTPException
from litestar.response import Response

from shared.errors import (
    ApprovalNeeded,
    DependencyError,
    GroundswellError,
    OutcomeUnknown,
    SchemaNotReady,
    StoreRejected,
    TooFast,
    Unauthorised,
)
from shared.schemas.problem import Problem

RETRY_AFTER_SECONDS = 3

_HTTP = {
    404: ("There is nothing at this address.", "The addresses are described in /api/v1/openapi.json."),
    405: ("This address does not take this method.", "The methods are described in /api/v1/openapi.json."),
    413: ("The request is too large.", "Send less."),
}


def problem_of(error: BaseException, request: str) -> Problem:
    """``error`` in words for the caller. ``request`` finds the log lines, where the details are."""
    match error:
        case DependencyError():
            return Problem(
                status=error.status,
                what=error.what,
                why="It is away or starting.",
                do="Try again in a few seconds; GET /health/ready says when it is back.",
                request=request,
            )
        case GroundswellError() if not isinstance(error, StoreRejected) and error.status != 500:
            return Problem(
                status=error.status,
                what=error.what,
                why=error.why,
                do=error.do,
                request=request,
                approval=(error.approval or None) if isinstance(error, ApprovalNeeded) else None,
                unknown=isinstance(error, OutcomeUnknown),
            )
        case HTTPException(status_code=status) if status < 500:
            what, do = _HTTP.get(status, ("The request is not valid.", ""))
            return Problem(status=status, what=what, do=do, request=request)
    return Problem(
        status=500,
        what="Something went wrong on our side.",
        why="The log has the details under this request's id.",
        do="Try again; if it stays, report it with the request's id.",
        request=request,
    )


def headers_for(error: BaseException) -> dict[str, str]:
    """Headers that belong to the answer."""
    headers = {"cache-control": "no-store"}
    if isinstance(error, DependencyError | SchemaNotReady):
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    if isinstance(error, TooFast):
        headers["retry-after"] = str(error.after_seconds)
    if isinstance(error, Unauthorised):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, HTTPException) and error.headers and "allow" in error.headers:
        headers["allow"] = error.headers["allow"]
    return headers


def response_of(error: BaseException, request: str) -> Response[Any]:
    """The HTTP answer to ``error``."""
    problem = problem_of(error, request)
    return Response(
        content=msgspec.json.encode(problem),
        status_code=problem.status,
        media_type="application/json",
        headers=headers_for(error),
    )
