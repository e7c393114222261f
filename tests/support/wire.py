"""Jetstream frames for tests, written as a feed writes them."""

from __future__ import annotations

import json
from typing import Any

#: 1 June 2026, noon, in microseconds.
T0 = 1_780_315_200_000_000
SECOND = 1_000_000
POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"


def did(number: int) -> str:
    return f"did:plc:author{number:05d}"


def uri(author: int, rkey: str, collection: str = POST) -> str:
    return f"at://{did(author)}/{collection}/{rkey}"


def commit(author: int, rkey: str, time_us: int, collection: str, operation: str, record: Any = None) -> dict[str, Any]:
    body: dict[str, Any] = {"rev": "3kabc", "operation": operation, "collection": collection, "rkey": rkey}
    if record is not None:
        body |= {"record": record, "cid": "bafyexample"}
    return {"did": did(author), "time_us": time_us, "kind": "commit", "commit": body}


def post(author: int, rkey: str, time_us: int, text: str = "hello", **record: Any) -> dict[str, Any]:
    operation = record.pop("operation", "create")
    content = {"$type": POST, "text": text, "createdAt": "2026-06-01T11:59:58.123Z", "langs": ["en"], **record}
    return commit(author, rkey, time_us, POST, operation, content)


def delete(author: int, rkey: str, time_us: int, collection: str = POST) -> dict[str, Any]:
    return commit(author, rkey, time_us, collection, "delete")


def like(author: int, rkey: str, time_us: int, subject: str, collection: str = LIKE) -> dict[str, Any]:
    record = {"$type": collection, "subject": {"uri": subject, "cid": "x"}, "createdAt": "2026-06-01T12:00:00Z"}
    return commit(author, rkey, time_us, collection, "create", record)


def repost(author: int, rkey: str, time_us: int, subject: str) -> dict[str, Any]:
    return like(author, rkey, time_us, subject, REPOST)


def identity(author: int, time_us: int) -> dict[str, Any]:
    return {"did": did(author), "time_us": time_us, "kind": "identity", "identity": {"did": did(author), "seq": 1}}


def account(author: int, time_us: int, status: str | None = None) -> dict[str, Any]:
    """``status`` is why the account is not active; ``None`` when it is."""
    body: dict[str, Any] = {"active": status is None, "did": did(author), "seq": 2, "time": "2026-06-01T12:00:00Z"}
    if status is not None:
        body["status"] = status
    return {"did": did(author), "time_us": time_us, "kind": "account", "account": body}


def encode(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass")
