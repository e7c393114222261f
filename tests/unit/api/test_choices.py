"""An error about a value that is none of those allowed lists those."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest

from services.api.operations.catalogue import OPERATIONS
from services.api.operations.choices import with_choices


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(msgspec.Struct):
    shape: Literal["round", "square"] = "round"
    colours: dict[str, Colour] = {}


class Outer(msgspec.Struct):
    kind: Literal["a", "b"] | None = None
    size: Annotated[int, msgspec.Meta(ge=1)] = 1
    inner: list[Inner] | msgspec.UnsetType = msgspec.UNSET
    at: Annotated[str, msgspec.Meta(pattern="^[0-9]{2}:[0-9]{2}$", examples=["07:00"])] | None = None
    code: Annotated[str, msgspec.Meta(pattern="^[a-z]`$")] = "a`"


def said(given: Any, kind: Any = Outer) -> str:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(given, kind)
    return with_choices(caught.value, kind)


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ({"kind": "c"}, "at `$.kind`. It is one of: a, b"),
        ({"inner": [{}, {"shape": "flat"}]}, "at `$.inner[1].shape`. It is one of: round, square"),
        ({"inner": [{"colours": {"x": "green"}}]}, "at `$.inner[0].colours[...]`. It is one of: red, blue"),
    ],
)
def test_a_value_that_is_none_of_those_allowed(given: Any, end: str) -> None:
    assert said(given).endswith(end)


def test_a_plain_field() -> None:
    assert said("c", Literal["a", "b"]) == "Invalid enum value 'c'. It is one of: a, b"


def test_other_errors_are_as_they_were() -> None:
    assert said({"size": 0}) == "Expected `int` >= 1 - at `$.size`"
    assert said({"inner": 3}) == "Expected `array`, got `int` - at `$.inner`"


def test_a_text_of_another_form_is_answered_with_an_example_and_no_regular_expression() -> None:
    assert said({"at": "seven"}) == "Expected another form of text, such as 07:00 - at `$.at`"
    assert said({"code": "7"}) == "Expected another form of text - at `$.code`"


def test_every_text_that_an_operation_wants_in_a_form_has_an_example() -> None:
    missing = [
        f"{one.name}: {name}"
        for one in OPERATIONS
        for name, kind in _fields(msgspec.json.schema(one.input))
        if "pattern" in kind and not kind.get("examples") and name not in _OPTIONS_OF_FEEDS
    ]
    assert missing == []


#: Forms of what a feed is told (shared.contracts): read by the relay, with sentences of their own.
_OPTIONS_OF_FEEDS: frozenset[str] = frozenset()


def _fields(schema: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within ``schema``, by the name of the property that it is of."""
    if isinstance(schema, dict):
        yield name, schema
        for key, inner in schema.items():
            yield from _fields(inner, name if key in ("anyOf", "items", "properties", "$defs") else key)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _fields(inner, name)
