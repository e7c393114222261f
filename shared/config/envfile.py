"""Files of variables, as Compose and other tools read them: one NAME=value a line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from shared.config import rules
from shared.config.fields import PREFIX, fields
from shared.config.load import judge
from shared.config.rules import Finding, doubt, mistake
from shared.config.settings import Unit
from shared.errors import InputError

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)", re.DOTALL)
#: Settings that differ between units on purpose.
_OWN = ("data_dir", "metrics_host", "log_level", "log_format")


class EnvironmentFile(msgspec.Struct, frozen=True):
    """What a file says. ``findings`` are about its lines."""

    path: Path
    values: dict[str, str]
    findings: list[Finding]


def read(path: Path) -> EnvironmentFile:
    """The file. Raises InputError when it cannot be read."""
    try:
        text = path.read_text("utf-8")
        shared_with_others = path.stat().st_mode & 0o077
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"{path} cannot be read.", why=f"{getattr(error, 'strerror', None) or 'It is no UTF-8 text'}."
        ) from error
    values: dict[str, str] = {}
    findings = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            name = line.partition("=")[0].partition(":")[0].strip()[:40]
            findings.append(Finding(f"line {number}", f"it is no NAME=value ({name} ...)"))
            continue
        name, value = found[1], found[2]
        if name in values:
            findings.append(Finding(name, f"it is set again in line {number}; the last one counts"))
        values[name] = _unquoted(value)
    secrets = {field.variable for field in fields() if field.about.secret} & values.keys()
    if secrets and shared_with_others:
        wrong = f"others may read this file, and it holds secrets. Run: chmod 600 {path}"
        findings.append(Finding(min(secrets), wrong, kind="doubt"))
    return EnvironmentFile(path, values, findings)


def check(unit: Unit, values: Mapping[str, str], *, container: bool) -> list[Finding]:
    """All that is wrong or doubtful with what ``unit`` is given. "solo" means everything in one place."""
    settings, findings = judge(unit, values)
    if container:
        findings += rules.in_container(unit, settings)
    if unit != "solo":
        findings += [
            doubt(field, f"the {unit} does not read it")
            for field in fields()
            if field.variable in values and unit not in field.about.units
        ]
    return [*findings, *_without_prefix(values)]


def compare(files: Mapping[Unit, EnvironmentFile]) -> Iterator[Finding]:
    """Where services that share something were told different things."""
    for field in fields():
        told = {
            unit: file.values[field.variable].strip().rstrip("/")
            for unit, file in files.items()
            if unit in field.about.units and field.variable in file.values
        }
        if len({*told.values()}) > 1 and field.name not in _OWN:
            units = " and ".join(told)
            what = "different secrets" if field.about.secret else "different values"
            yield mistake(field, f"{units} have {what}")


def _unquoted(value: str) -> str:
    """As Compose reads it: quotes around the whole are no part of it, what follows a blank and # is a comment."""
    text = value.strip(" \t")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" and text[0] not in text[1:-1]:
        return text[1:-1]
    return value.strip(" \t")


def _without_prefix(values: Mapping[str, str]) -> Iterator[Finding]:
    """Names that somebody took for ours."""
    ours = {field.variable for field in fields()}
    other_names = {"DATABASE_URL": "POSTGRES_URL", "REDIS_URL": "VALKEY_URL", "PORT": "API_PORT", "HOST": "API_HOST"}
    providers = {f"{name}_API_KEY": f"LLM_{name}_API_KEY" for name in ("ANTHROPIC", "OPENAI", "GEMINI")}
    for name in values:
        meant = PREFIX + (other_names | providers).get(name, name)
        if meant in ours and not name.startswith(PREFIX) and meant not in values:
            yield Finding(name, f"nothing reads it; the setting is called {meant}", kind="doubt")


def nearest(unit: str, units: tuple[str, ...]) -> str:
    """A hint for a name that is no unit."""
    close = difflib.get_close_matches(unit, units, n=1)
    return f"Did you mean {close[0]}?" if close else f"There are: {', '.join(units)}."
