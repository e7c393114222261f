"""Reads the environment, once, and reports every mistake at once (invariant 12).

This is the only module that reads environment variables.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import urlsplit

import msgspec

from shared.config import rules
from shared.config.fields import PREFIX, Field, fields
from shared.config.rules import Finding
from shared.config.settings import Settings, Unit
from shared.errors import ConfigurationError


def load(unit: Unit, environ: Mapping[str, str] | None = None, given: Mapping[str, object] | None = None) -> Settings:
    """Settings for ``unit``. ``given`` are fields set on the command line (``None``: not set); they win
    over the environment and pass the same checks.

    Raises ConfigurationError with one line per mistake: variable, who needs it, what is wrong and
    an example. Unknown ``GROUNDSWELL_*`` variables are mistakes.
    """
    told = {PREFIX + name.upper(): str(value) for name, value in (given or {}).items() if value is not None}
    settings, findings = judge(unit, {**(os.environ if environ is None else environ), **told})
    if wrong := [finding.line() for finding in findings if finding.kind == "mistake"]:
        raise ConfigurationError("The configuration has mistakes:\n  " + "\n  ".join(wrong))
    return settings


def judge(unit: Unit, environ: Mapping[str, str]) -> tuple[Settings, list[Finding]]:
    """Settings for ``unit`` as far as they can be read, and all that is wrong or doubtful with them."""
    known = {field.variable: field for field in fields()}
    findings = [_unknown(name, known) for name in sorted(environ) if name.startswith(PREFIX) and name not in known]
    values: dict[str, Any] = {}
    given: dict[str, str] = {}
    for field in known.values():
        raw = environ.get(field.variable)
        if raw is None or (raw.strip() == "" and field.type is not str):
            continue
        given[field.name] = raw
        found = list(rules.of_text(field, raw))
        findings += found
        if any(finding.kind == "mistake" for finding in found):
            continue  # whatever else it shows follows from that
        try:
            values[field.name] = _convert(field, raw)
        except ValueError as error:
            findings.append(rules.mistake(field, str(error)))
        else:
            for address in raw.split(",") if field.name == "feed_url" else (raw,):
                findings += rules.of_url(field, address.strip())
    settings = Settings(**values)
    findings += [
        finding
        for finding in rules.of_settings(unit, settings, given)
        if not any(other.variable == finding.variable and other.kind == "mistake" for other in findings)
    ]
    return settings, findings


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
    if field.about.url and value:
        return _url(field, value)
    return value


def _url(field: Field, value: str) -> str:
    """The URL without a trailing slash. ValueError for a scheme or host that cannot be right."""
    schemes = field.about.url.schemes if field.about.url else ()
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
    if parts.netloc.count("@") > 1:
        raise ValueError("there are two @ in it; an @ within a password must be percent-encoded (%40)")
    return value.rstrip("/")


def _unknown(name: str, known: Mapping[str, Field]) -> Finding:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else "See docs/configuration.md for every variable"
    return Finding(name, f"no such setting. {hint}".rstrip("."))
