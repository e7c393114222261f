"""One invoke() for every door: scope, validation, call."""

from __future__ import annotations

import asyncio
import contextlib
import string
from typing import Annotated, Any, get_args, get_type_hints

import hypothesis
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.api.operations.catalogue import OPERATIONS
from services.api.operations.context import OPERATOR, Actor, Context
from services.api.operations.invoking import invoke
from services.api.operations.registry import NoInput, operation
from shared.errors import Forbidden, InputError, NotFound
from shared.schemas.alert import Alert
from shared.schemas.cluster import Cluster
from shared.schemas.post import Post
from shared.schemas.run import Report
from shared.schemas.topic import Topic


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    n: Annotated[int, msgspec.Meta(ge=1)]
    text: str = ""


class Answer(msgspec.Struct, frozen=True):
    n: int


@operation("/double/{n}", scope="sums:read", toolset="platform", taints=False)
async def double(context: Context, question: Question) -> Answer:
    """Twice as much.

    And more.
    """
    if question.n == 404:
        raise NotFound("No such number.")
    return Answer(question.n * 2)


def call(arguments: dict[str, Any], *, strict: bool = True, actor: Actor = OPERATOR) -> Answer:
    context = Context(services=None, actor=actor, request="r")  # type: ignore[arg-type]
    return asyncio.run(invoke(double, context, arguments, strict=strict))


def test_an_operation_is_described_by_its_function() -> None:
    assert (double.name, double.input, double.output) == ("double", Question, Answer)
    assert double.doc == "Twice as much.\n\nAnd more."


def test_arguments_are_converted_and_only_texts_may_stand_for_numbers_when_lax() -> None:
    assert call({"n": 2}).n == 4
    assert call({"n": "2"}, strict=False).n == 4
    with pytest.raises(InputError, match=r"in `n`"):
        call({"n": "2"})


@pytest.mark.parametrize(
    "arguments", [{}, {"n": 0}, {"n": 1, "m": 2}, {"n": 1, "text": "a\0b"}, {"n": 1, "text": "\ud800"}]
)
def test_arguments_that_do_not_fit_are_input_errors(arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        call(arguments)


def test_the_scope_is_checked_before_anything_else() -> None:
    with pytest.raises(Forbidden, match="sums:read"):
        call({"nonsense": 1}, actor=Actor("agent", frozenset({"posts:read"})))
    assert call({"n": 1}, actor=Actor("agent", frozenset({"sums:read"}))).n == 2


def test_what_the_operation_raises_comes_through() -> None:
    with pytest.raises(NotFound):
        call({"n": 404})


@hypothesis.settings(deadline=None)  # a busy machine may pause anywhere
@given(some.dictionaries(some.text(max_size=5), some.none() | some.integers() | some.text() | some.lists(some.text())))
def test_no_arguments_whatever_cause_another_kind_of_error(arguments: dict[str, Any]) -> None:
    with contextlib.suppress(InputError):
        call(arguments)


def test_every_operation_is_documented_named_once_and_takes_what_its_path_names() -> None:
    names = [found.name for found in OPERATIONS]
    assert len(names) == len(set(names))
    for found in OPERATIONS:
        assert found.doc
        assert found.scope
        assert found.effect == "read" or found.method != "GET"
        assert found.effect == "destroy" or found.method != "DELETE"
        assert len(found.summary) <= 120, found.name
        assert found.summary.endswith("."), found.name
        fields = {field for _, field, _, _ in string.Formatter().parse(found.path) if field}
        assert fields <= set(found.input.__struct_fields__)
        if found.input is not NoInput:
            assert found.input.__struct_config__.forbid_unknown_fields, found.name


def test_whatever_may_hold_strangers_text_says_so() -> None:
    for found in OPERATIONS:
        if reached(found.output) & {Post, Topic, Cluster, Alert, Report}:
            assert found.taints, found.name


def reached(kind: Any) -> set[Any]:
    """Every Struct within ``kind``."""
    seen: set[Any] = set()
    pending = [kind]
    while pending:
        one = pending.pop()
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            if one not in seen:
                seen.add(one)
                pending += get_type_hints(one).values()
        else:
            pending += get_args(one)
    return seen


def test_no_operation_names_a_field_as_the_command_line_names_its_own_options() -> None:
    for found in OPERATIONS:
        assert not {"input", "out", "port", "json", "help"} & set(found.input.__struct_fields__), found.name
