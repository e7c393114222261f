"""The same events as ``tests.support.wire`` as the second version of Jetstream writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

NSID = "network.bsky.jetstream.subscribeEvents"


def moment(time_us: int) -> str:
    """RFC 3339 in UTC with six digits."""
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{time_us % 1_000_000:06d}Z"


def payload(event: dict[str, Any], seq: int) -> dict[str, Any]:
    """What a message holds for an event of the first version."""
    kind = event["kind"]
    head = {"$type": f"{NSID}#{kind}", "seq": seq, "did": event["did"], "time": moment(event["time_us"])}
    return head | (event["commit"] if kind == "commit" else {kind: event[kind]})


def message(event: dict[str, Any], seq: int) -> bytes:
    return frame(payload(event, seq))


def frame(content: dict[str, Any]) -> bytes:
    return json.dumps({"$type": "message", "payload": content}, ensure_ascii=False).encode("utf-8", "surrogatepass")


def error(name: str, text: str) -> bytes:
    return json.dumps({"$type": "error", "error": name, "message": text}).encode()


def info(name: str, text: str) -> bytes:
    return frame({"$type": f"{NSID}#info", "name": name, "message": text})
