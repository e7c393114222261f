"""The OpenAPI 3.1 document, written from the operations: one form in, the same bytes out, always."""

from __future__ import annotations

import inspect
from datetime import datetime
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from services.api.doors.live import LiveEnvelope
from services.api.doors.session import SessionRequest
from services.api.operations.catalogue import OPERATIONS
from services.api.operations.registry import WITHOUT_BODY, File, NoInput, Operation
from shared.schemas.access import SignInWays
from shared.schemas.agent import RunStream
from shared.schemas.feed import FeedChange, FeedRequest
from shared.schemas.problem import Problem
from shared.schemas.run import RunRequest

_REF = "#/components/schemas/{name}"
_PROBLEM = {
    "description": "What went wrong, why, and what to do.",
    "content": {"application/json": {"schema": {"$ref": _REF.format(name="Problem")}}},
}
#: Bodies whose public name is not the input's: the input adds bounds.
_BODIES: dict[str, type[msgspec.Struct]] = {
    "create_run": RunRequest,
    "create_feed": FeedRequest,
    "change_feed": FeedChange,
}


def document() -> bytes:
    """The document, indented, keys in a fixed order."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _entry(operation)
    paths["/api/v1/session"] = {
        "post": _hand_written("sign_in", "Sign in: the token becomes a session cookie.", SessionRequest),
        "delete": _hand_written("sign_out", "Sign out: the session cookie is taken back."),
    }
    paths["/api/v1/operations/{operation}"]["post"] = _by_name()
    paths["/api/v1/sign-in"] = {"get": _sign_in_ways()}
    paths["/api/v1/live-message"] = {"get": _carrier()}
    paths["/api/v1/runs/{run}/stream"] = {"get": _run_stream()}
    whole = {
        "openapi": "3.1.0",
        "info": {
            "title": "Groundswell",
            "version": "1",
            "description": "Real-time intelligence on public conversation. Live stream: WebSocket at /api/v1/live.",
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "groundswell_session"},
            },
        },
        "security": [{"token": []}, {"session": []}],
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def is_fresh(path: Path) -> bool:
    """Whether the file at ``path`` is the document of this code."""
    return path.is_file() and path.read_bytes() == document()


def _entry(operation: Operation[Any, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.doc.partition("\n")[0],
        "description": operation.doc,
    }
    if parameters := _parameters(operation):
        entry["parameters"] = parameters
    if (body := _body_of(operation)) is not None:
        entry["requestBody"] = _body(body)
    entry["responses"] = {
        str(operation.status): {"description": operation.doc.partition("\n")[0], "content": _content(operation)},
        "default": _PROBLEM,
    }
    return entry


def _body_of(operation: Operation[Any, Any]) -> type[msgspec.Struct] | None:
    """What the body holds: the input, or of one that also names its path, the public form it extends."""
    if operation.method in WITHOUT_BODY or operation.input is NoInput:
        return None
    if operation.name in _BODIES:
        return _BODIES[operation.name]
    in_path = {name for name in operation.input.__struct_fields__ if f"{{{name}}}" in operation.path}
    if not in_path:
        return operation.input
    return None if in_path == set(operation.input.__struct_fields__) else operation.input.__bases__[0]


def _parameters(operation: Operation[Any, Any]) -> list[dict[str, Any]]:
    """The fields in the path; without a body also those of the query."""
    if operation.input is NoInput:
        return []
    (_,), components = msgspec.json.schema_components([operation.input], ref_template=_REF)
    schema = components[operation.input.__name__]
    found = []
    for name, form in schema.get("properties", {}).items():
        in_path = f"{{{name}}}" in operation.path
        if not in_path and operation.method not in WITHOUT_BODY:
            continue
        required = name in schema.get("required", ())
        told = {
            "name": name,
            "in": "path" if in_path else "query",
            "required": required,
            "schema": _without_null(form),
        }
        # An empty value is as good as none (rest.read_query).
        found.append(told if in_path or required else {**told, "allowEmptyValue": True})
    return found


def _without_null(form: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out cannot be sent as null."""
    kinds = [kind for kind in form.get("anyOf", ()) if kind.get("type") != "null"]
    return kinds[0] if len(kinds) == 1 else form


def _content(operation: Operation[Any, Any]) -> dict[str, Any]:
    if operation.output is File:
        binary = not operation.media_type.startswith("text/")
        return {operation.media_type: {"schema": {"type": "string"} | ({"format": "binary"} if binary else {})}}
    return {operation.media_type: {"schema": {"$ref": _REF.format(name=operation.output.__name__)}}}


def _body(struct: type[msgspec.Struct]) -> dict[str, Any]:
    reference = {"schema": {"$ref": _REF.format(name=struct.__name__)}}
    needed = any(field.required for field in msgspec.structs.fields(struct))
    return {"required": needed, "content": {"application/json": reference}}


def _hand_written(name: str, doc: str, body: type[msgspec.Struct] | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {"operationId": name, "summary": doc, "description": doc, "security": []}
    if body is not None:
        entry["requestBody"] = _body(body)
    return entry | {"responses": {"204": {"description": doc}, "default": _PROBLEM}}


def _by_name() -> dict[str, Any]:
    doc = "Any operation by its name, all its input in the body, as describe_operation tells it."
    anything = {"content": {"application/json": {"schema": {"type": "object"}}}}
    name = {"name": "operation", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "operationId": "call_operation",
        "summary": doc,
        "description": doc,
        "parameters": [name],
        "requestBody": {"required": False, **anything},
        "responses": {"2XX": {"description": "What the operation answers, under its own status."}, "default": _PROBLEM},
    }


def _sign_in_ways() -> dict[str, Any]:
    doc = "How one signs in here. People are sent on at /api/v1/sign-in/leave?to=PAGE."
    content = {"application/json": {"schema": {"$ref": _REF.format(name=SignInWays.__name__)}}}
    return {
        "operationId": "sign_in_ways",
        "summary": doc,
        "description": doc,
        "security": [],
        "responses": {"200": {"description": "The ways there are.", "content": content}, "default": _PROBLEM},
    }


def _carrier() -> dict[str, Any]:
    doc = "Describes one text frame of the live stream (WebSocket at /api/v1/live?after=ID). Never answers."
    content = {"application/json": {"schema": {"$ref": _REF.format(name=LiveEnvelope.__name__)}}}
    return {
        "operationId": "live_message",
        "summary": doc,
        "description": doc,
        "responses": {"200": {"description": "`message` is what one frame holds.", "content": content}}
        | {"default": _PROBLEM},
    }


def _run_stream() -> dict[str, Any]:
    doc = (
        "A run while it goes on, as server-sent events named as the fields here, each with that field as JSON. "
        "Goes on behind Last-Event-ID (or `after`); ends with `end`, or without it when the client should come back."
    )
    texts = [("run", "path", "string"), ("after", "query", "integer"), ("last-event-id", "header", "string")]
    parameters = [
        {"name": name, "in": place, "required": place == "path", "schema": {"type": kind}}
        for name, place, kind in texts
    ]
    content = {"text/event-stream": {"schema": {"$ref": _REF.format(name=RunStream.__name__)}}}
    return {
        "operationId": "run_stream",
        "summary": doc.partition(".")[0] + ".",
        "description": doc,
        "parameters": parameters,
        "responses": {"200": {"description": "The events.", "content": content}, "default": _PROBLEM},
    }


def _schemas() -> dict[str, Any]:
    answers = [operation.output for operation in OPERATIONS if operation.output is not File]
    bodies = [body for operation in OPERATIONS if (body := _body_of(operation)) is not None]
    roots = [*answers, *bodies, SessionRequest, SignInWays, LiveEnvelope, RunStream, Problem]
    _, components = msgspec.json.schema_components(roots, ref_template=_REF)
    structs = _structs(roots)
    for name, schema in components.items():
        schema["description"] = inspect.cleandoc(schema.get("description", ""))
        for field, hint in get_type_hints(structs[name]).items():
            if schema["properties"].get(field, {}).get("type") == "object":
                # Clients take an object without properties for one that must be empty.
                schema["properties"][field].setdefault("additionalProperties", True)
            if datetime in (hint, *get_args(hint)):
                _mark_time(schema["properties"][field])
    return dict(sorted(components.items()))


def _mark_time(form: dict[str, Any]) -> None:
    for part in (form, *form.get("anyOf", ()), form.get("items", {})):
        if part.get("type") == "string":
            part["format"] = "date-time"


def _structs(roots: list[Any]) -> dict[str, type[msgspec.Struct]]:
    """Every Struct that ``roots`` reach, by name."""
    found: dict[str, type[msgspec.Struct]] = {}
    pending = list(roots)
    while pending:
        kind = pending.pop()
        if isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, msgspec.Struct):
            if kind.__name__ not in found:
                found[kind.__name__] = kind
                pending.extend(get_type_hints(kind).values())
        else:
            pending.extend(get_args(kind))
    return found
