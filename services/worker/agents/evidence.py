"""What a run has seen: the posts in answers of the API, and the calls that brought them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec


class Seen(msgspec.Struct, frozen=True):
    """A post as an answer of the API told it."""

    id: str
    author: str
    text: str
    time: str


class Called(msgspec.Struct, frozen=True):
    """A call that was answered; ``text`` is the whole answer, ``shown`` how people read what was asked.

    ``said`` are the texts and figures in it, apart from each other: in JSON, [1,2] looks like one number.
    """

    operation: str
    shown: str
    text: str
    said: str


def is_post(value: dict[str, Any]) -> bool:
    """Whether a part of an answer is a post."""
    return {"id", "uri", "author", "text", "time"} <= value.keys()


class Evidence:
    """Filled by the runtime alone: what stands in a post's text can add nothing to it. ``topics`` are ids."""

    def __init__(self) -> None:
        self.posts: dict[str, Seen] = {}
        self.topics: list[str] = []
        self.calls: dict[str, Called] = {}
        #: Of a draft that is judged: how many claims its summary has, then each of its sections.
        self.claims: tuple[int, ...] = ()

    def add(self, number: str, operation: str, shown: str, body: bytes, *, posts: bool = True) -> None:
        """An answer (JSON) of the API under the call's number, such as c3; without ``posts`` none is taken from it."""
        text = body.decode("utf-8", "replace")
        self.calls[number] = Called(operation, shown, text, text)
        try:
            told = msgspec.json.decode(body)
            self.calls[number] = Called(operation, shown, text, " ".join(_scalars(told)))
            if posts:
                self._walk(told)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # a file: it can be cited as a call

    def _walk(self, value: Any) -> None:
        if isinstance(value, dict):
            if {"id", "label", "why"} <= value.keys() and str(value["id"]) not in self.topics:
                self.topics.append(str(value["id"]))
            if is_post(value):
                post = Seen(*(str(value[name]) for name in ("id", "author", "text", "time")))
                self.posts.setdefault(post.id, post)
            for item in value.values():
                self._walk(item)
        elif isinstance(value, list):
            for item in value:
                self._walk(item)


def _scalars(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from _scalars(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
