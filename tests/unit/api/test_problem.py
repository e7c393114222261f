"""Errors in words: every kind of ours, and nothing of what is inside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from litestar.exceptions import NotFoundException

from services.api.doors.problem import headers_for, problem_of
from shared import errors


def every_error(
    kind: type[errors.GroundswellError] = errors.GroundswellError,
) -> Iterator[type[errors.GroundswellError]]:
    if kind.__module__ == errors.__name__:  # services refine them; which of those are loaded depends on other tests
        yield kind
    for child in kind.__subclasses__():
        yield from every_error(child)


@pytest.mark.parametrize("kind", list(every_error()), ids=lambda kind: kind.__name__)
def test_every_error_becomes_a_problem_with_its_status(kind: type[errors.GroundswellError]) -> None:
    match kind:
        case errors.MalformedFrame:
            error = kind("What.")
        case errors.TextsRefused:
            error = kind([1], "Why.")
        case _:
            error = kind("What.", why="Why.", do="Do.")
    said = problem_of(error, "request-1")
    assert said.status == kind.status
    assert said.request == "request-1"
    assert said.what


@pytest.mark.parametrize(
    "error",
    [
        errors.StoreUnavailable("PostgreSQL did not answer.", why="connection to 10.0.0.7 failed: password"),
        errors.StoreRejected("PostgreSQL rejected a statement.", why='relation "secret" does not exist'),
        errors.BrokerUnavailable("Valkey did not answer.", why="10.0.0.7 refused"),
        RuntimeError("/srv/secret.py: 10.0.0.7"),
    ],
)
def test_nothing_of_the_inside_is_told(error: Exception) -> None:
    text = repr(problem_of(error, "r"))
    assert not any(inside in text for inside in ("10.0.0.7", "secret", "password"))


def test_callers_are_told_when_to_come_back() -> None:
    assert headers_for(errors.StoreUnavailable("x"))["retry-after"] == "3"
    assert headers_for(errors.SchemaNotReady("x"))["retry-after"] == "3"
    assert "retry-after" not in headers_for(errors.NotFound("x"))
    assert headers_for(errors.Unauthorised("x"))["www-authenticate"] == "Bearer"


def test_the_frameworks_errors_are_problems_too() -> None:
    assert problem_of(NotFoundException(detail="internal"), "r").status == 404
