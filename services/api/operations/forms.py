"""Inputs and outputs of operations as JSON Schemas (2020-12) that stand alone."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from services.api.operations.registry import File, Operation

_REF = "#/$defs/{name}"


def input_schema(operation: Operation[Any, Any]) -> dict[str, Any]:
    """The input. Its root is an object rather than a reference, as MCP asks for."""
    return _flat(operation.input)


def output_schema(operation: Operation[Any, Any]) -> dict[str, Any] | None:
    """The output; ``None`` for a file."""
    return None if operation.output is File else _flat(operation.output)


def _flat(struct: Any) -> dict[str, Any]:
    (root,), components = msgspec.json.schema_components([struct], ref_template=_REF)
    name = root["$ref"].rpartition("/")[2]
    for form in components.values():
        form.pop("title", None)
        if "description" in form:
            form["description"] = inspect.cleandoc(form["description"])
    form = components[name]
    rest = {other: found for other, found in components.items() if other != name}
    flat: dict[str, Any] = {"type": "object", "properties": {}} | form
    return flat | ({"$defs": rest} if rest else {})
