"""The settings as a list: name, variable, type, default and what is said about each."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from urllib.parse import unquote, urlsplit

import msgspec

from shared.config.settings import About, Settings

PREFIX = "GROUNDSWELL_"


class Field(msgspec.Struct, frozen=True):
    """One setting as declared: ``type`` without its annotation, ``about`` the annotation."""

    name: str
    variable: str
    type: Any
    default: Any
    about: About


@cache
def fields() -> tuple[Field, ...]:
    """All settings in the order they are declared."""
    hints = get_type_hints(Settings, include_extras=True)
    found = []
    for info in msgspec.structs.fields(Settings):
        hint = hints[info.name]
        if get_origin(hint) is not Annotated:  # pragma: no cover - a test forbids it
            raise TypeError(f"setting {info.name} lacks its About")
        kind, about = get_args(hint)[:2]
        found.append(Field(info.name, PREFIX + info.name.upper(), kind, info.default, about))
    return tuple(found)


#: Shorter ones are words that stand in logs for other reasons.
LEAST_SECRET = 8


def secrets_of(settings: Settings) -> frozenset[str]:
    """The values that nobody may see: secrets, and passwords within addresses, as they are and percent-encoded."""
    found = set()
    for field in fields():
        value = getattr(settings, field.name)
        if field.about.secret and value:
            raw = urlsplit(value).password or "" if field.about.url else value
            found |= {raw, unquote(raw)}
    return frozenset(text for text in found if len(text) >= LEAST_SECRET)


@cache
def by_name() -> dict[str, Field]:
    """The same by the field's name."""
    return {field.name: field for field in fields()}
