"""An error about a value that is none of those allowed lists those."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest

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
