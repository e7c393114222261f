"""Reads the environment, once, and reports every mistake at once (invariant 12).

This is the only module that reads environment variables.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec

from shared.config.render_node import render_node_mistakes
from shared.config.settings import EMBEDDING_RUNTIMES, About, Settings, Unit
from shared.errors import ConfigurationError

PREFIX = "GROUNDSWELL_"

_SCHEMES = {
    "postgres_url": ("postgresql", "postgres"),
    "analysis_postgres_url": ("postgresql", "postgres"),
    "valkey_url": ("redis", "rediss", "unix"),
    "qdrant_url": ("http", "https"),
    "feed_url": ("ws", "wss"),
    "public_url": ("http", "https"),
    "render_node_url": ("http", "https"),
    "agents_api_url": ("http", "https"),
    "llm_ollama_url": ("http", "https"),
    "llm_gemini_url": ("http", "https"),
    "llm_anthropic_url": ("http", "https"),
    "llm_openai_url": ("http", "https"),
    "llm_litellm_url": ("http", "https"),
}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Field(msgspec.Struct, frozen=True):
    """One setting as declared: ``type`` without its annotation, ``about`` the annotation."""

    name: str
    variable: str
    type: Any
    default: Any
    about: About


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


def load(unit: Unit, environ: Mapping[str, str] | None = None, given: Mapping[str, object] | None = None) -> Settings:
    """Settings for ``unit``. ``given`` are fields set on the command line (``None``: not set); they win
    over the environment and pass the same checks.

    Raises ConfigurationError with one line per mistake: variable, who needs it, what is wrong and
    an example. Unknown ``GROUNDSWELL_*`` variables are mistakes.
    """
    told = {PREFIX + name.upper(): str(value) for name, value in (given or {}).items() if value is not None}
    environ = {**(os.environ if environ is None else environ), **told}
    known = {field.variable: field for field in fields()}
    problems = [_unknown(name, known) for name in sorted(environ) if name.startswith(PREFIX) and name not in known]
    values: dict[str, Any] = {}
    for field in known.values():
        raw = environ.get(field.variable)
        if raw is None or (raw == "" and field.type is not str):
            continue
        try:
            values[field.name] = _convert(field, raw)
        except ValueError as error:
            problems.append(_line(field, str(error)))
    settings = Settings(**values)
    problems += _cross_checks(unit, settings)
    if problems:
        raise ConfigurationError("The configuration has mistakes:\n  " + "\n  ".join(problems))
    return settings


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that make ``load`` give back ``settings``; defaults are left out."""
    return {
        field.variable: str(value) for field in fields() if (value := getattr(settings, field.name)) != field.default
    }


def foreign_environment() -> dict[str, str]:
    """The environment without our variables: what a child process inherits beside its settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def _convert(field: Field, raw: str) -> Any:
    """The value in its type, in range and normalised. ValueError says what is wrong."""
    try:
        value = msgspec.convert(raw.strip(), field.type, strict=False)
    except msgspec.ValidationError as error:
        allowed = get_args(field.type)
        expected = "one of " + ", ".join(map(str, allowed)) if allowed else f"a {field.type.__name__}"
        shown = "the value" if field.about.secret else repr(raw)
        raise ValueError(f"{shown} is not {expected}") from error
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{raw!r} is no number")
    least, most = field.about.least, field.about.most
    if least is not None and value < least:
        raise ValueError(f"{value} is below {least:g}")
    if most is not None and value > most:
        raise ValueError(f"{value} is above {most:g}")
    if field.name == "feed_url":  # several hosts of one feed, with commas between
        return ", ".join(_url(field, part.strip()) for part in value.split(",") if part.strip())
    if field.name in _SCHEMES and value:
        return _url(field, value)
    return value


def _url(field: Field, value: str) -> str:
    """The URL without a trailing slash. ValueError for a scheme or host that cannot be right."""
    schemes = _SCHEMES[field.name]
    try:
        parts = urlsplit(value)
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(
            "its port or host cannot be read; characters such as / @ : # in a password must be percent-encoded"
        ) from None
    if parts.scheme not in schemes:
        raise ValueError("it must begin with " + " or ".join(f"{scheme}://" for scheme in schemes))
    if not port_ok:
        raise ValueError("port 0 is not an address")
    if not (parts.hostname or parts.path or parts.query):
        raise ValueError("the host is missing")
    return value.rstrip("/")


def _unknown(name: str, known: Mapping[str, Field]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else " See docs/configuration.md for every variable."
    return f"{name}: no such setting.{hint}"


def _line(field: Field, wrong: str) -> str:
    example = f" Example: {field.variable}={field.about.example}" if field.about.example else ""
    return f"{field.variable} (needed by {', '.join(field.about.units)}): {wrong}.{example}"


def _cross_checks(unit: Unit, settings: Settings) -> list[str]:
    """Mistakes that no single value shows."""
    by_name = {field.name: field for field in fields()}
    problems = []
    if unit not in ("solo", "render-node"):
        problems += [
            _line(by_name[name], "it is not set")
            for name in ("postgres_url", "valkey_url")
            if not getattr(settings, name)
        ]
    if not _is_object(settings.feed_options):
        problems.append(_line(by_name["feed_options"], "it is no JSON object"))
    runtimes = [name.strip() for name in settings.embedding_runtimes.split(",")]
    if unknown := [name for name in runtimes if name not in EMBEDDING_RUNTIMES]:
        wrong = f"{unknown[0]!r} is none of " + ", ".join(EMBEDDING_RUNTIMES)
        problems.append(_line(by_name["embedding_runtimes"], wrong))
    if settings.feed_key and settings.feed_key_file:
        problems.append(_line(by_name["feed_key"], "the key is given twice, here and in GROUNDSWELL_FEED_KEY_FILE"))
    problems += [_line(by_name[name], wrong) for name, wrong in render_node_mistakes(unit, settings)]
    if settings.vector_backend == "qdrant" and not settings.qdrant_url:
        problems.append(_line(by_name["qdrant_url"], "it is not set, but GROUNDSWELL_VECTOR_BACKEND is qdrant"))
    if unit in ("api", "solo") and settings.api_host not in _LOOPBACK and len(settings.api_token) < 16:
        problems.append(
            _line(
                by_name["api_token"],
                "the API listens beyond this machine, so a token of 16 characters or more is required",
            )
        )
    return problems


def _is_object(text: str) -> bool:
    try:
        return not text or isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, UnicodeError):
        return False
