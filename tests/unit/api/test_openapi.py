"""The OpenAPI document: complete, the same every time, and true to the Structs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from services.api import openapi
from services.api.operations.catalogue import OPERATIONS
from services.api.operations.registry import WITHOUT_BODY, NoInput

DOCUMENT: dict[str, Any] = msgspec.json.decode(openapi.document())


def test_the_document_is_the_same_every_time_and_knows_when_a_file_is_stale(tmp_path: Path) -> None:
    assert openapi.document() == openapi.document()
    file = tmp_path / "openapi.json"
    assert not openapi.is_fresh(file)
    file.write_bytes(openapi.document())
    assert openapi.is_fresh(file)
    file.write_bytes(openapi.document() + b" ")
    assert not openapi.is_fresh(file)


def test_every_operation_is_in_it_with_its_answer_and_the_problem() -> None:
    for operation in OPERATIONS:
        entry = DOCUMENT["paths"][operation.path][operation.method.lower()]
        assert entry["operationId"] == operation.name
        assert entry["description"]
        assert str(operation.status) in entry["responses"]
        assert "Problem" in str(entry["responses"]["default"])
        in_path = {found["name"] for found in entry.get("parameters", []) if found["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", operation.path))


def test_path_and_body_together_hold_what_an_operation_takes() -> None:
    for operation in OPERATIONS:
        if operation.method in WITHOUT_BODY or operation.input is NoInput:
            continue
        entry = DOCUMENT["paths"][operation.path][operation.method.lower()]
        told = {found["name"] for found in entry.get("parameters", [])}
        if "requestBody" in entry:
            name = entry["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            body = set(DOCUMENT["components"]["schemas"][name]["properties"])
            assert not body & told, operation.name
            told |= body
        assert told == set(operation.input.__struct_fields__), operation.name


def test_operation_ids_are_unique_and_every_reference_leads_somewhere() -> None:
    ids = [entry["operationId"] for path in DOCUMENT["paths"].values() for entry in path.values()]
    assert len(ids) == len(set(ids))
    referred = set(re.findall(rb"#/components/schemas/(\w+)", openapi.document()))
    assert {name.decode() for name in referred} <= set(DOCUMENT["components"]["schemas"])


def test_the_live_messages_are_a_tagged_union() -> None:
    message = DOCUMENT["components"]["schemas"]["LiveEnvelope"]["properties"]["message"]
    assert message["discriminator"]["propertyName"] == "type"
    assert set(message["discriminator"]["mapping"]) == {
        "hello",
        "posts",
        "deleted",
        "topics",
        "feed",
        "run",
        "alert",
        "beat",
    }


def test_times_say_that_they_are_times() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Post"]["properties"]["time"]["format"] == "date-time"
    assert schemas["MomentumSeries"]["properties"]["minutes"]["items"]["format"] == "date-time"
    assert "format" not in schemas["Post"]["properties"]["text"]
    since = next(p for p in DOCUMENT["paths"]["/api/v1/search"]["get"]["parameters"] if p["name"] == "since")
    assert since["schema"]["format"] == "date-time"
