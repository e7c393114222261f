"""What a field takes, for the error that only says that a value is none of it."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import inspect

_ENUM = re.compile(r"Invalid enum value .*?(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_FORM = re.compile(r"Expected `str` matching regex .*?(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[[^\]]*\]")


def with_choices(error: msgspec.ValidationError, kind: Any) -> str:
    """The sentence of ``error``, raised when something was converted to ``kind``, with the values that may be given.

    For a text that has not its form, examples stand instead of the regular expression.
    """
    said = str(error).rstrip(".")
    if found := _FORM.fullmatch(said):
        at = f" - at `${found['path']}`" if found["path"] else ""
        examples = [value for one in _at(kind, found["path"]) for value in _examples(one)]
        such = f", such as {' or '.join(map(str, examples))}" if examples else ""
        return f"Expected another form of text{such}{at}"
    if not (found := _ENUM.fullmatch(said)):
        return said
    values = [value for one in _at(kind, found["path"]) for value in _values(one)]
    return f"{said}. It is one of: {', '.join(map(str, values))}" if values else said


def _at(kind: Any, path: str | None) -> list[inspect.Type]:
    """What may stand at ``path`` in ``kind``."""
    kinds = [inspect.type_info(kind)]
    for step in _STEP.finditer(path or ""):
        kinds = [inner for outer in kinds for inner in _inside(outer, step[1])]
    return kinds


def _inside(kind: inspect.Type, name: str | None) -> list[inspect.Type]:
    """What ``name`` of it is, or its items."""
    match kind:
        case inspect.Metadata():
            return _inside(kind.type, name)
        case inspect.UnionType():
            return [inner for one in kind.types for inner in _inside(one, name)]
        case inspect.StructType():
            return [field.type for field in kind.fields if field.encode_name == name]
        case inspect.CollectionType():
            return [kind.item_type]
        case inspect.DictType():
            return [kind.value_type]
    return []


def _values(kind: inspect.Type) -> list[Any]:
    match kind:
        case inspect.Metadata():
            return _values(kind.type)
        case inspect.UnionType():
            return [value for one in kind.types for value in _values(one)]
        case inspect.LiteralType():
            return list(kind.values)
        case inspect.EnumType():
            return [member.value for member in kind.cls]
    return []


def _examples(kind: inspect.Type) -> list[Any]:
    match kind:
        case inspect.Metadata():
            return list((kind.extra_json_schema or {}).get("examples", ())) or _examples(kind.type)
        case inspect.UnionType():
            return [value for one in kind.types for value in _examples(one)]
    return []
