"""What the settings of a render node must be, beyond what each value alone shows, and how they are read."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path, PurePath

import msgspec

from shared.config.settings import Settings, Unit
from shared.errors import ConfigurationError

#: Characters that the shared secret must have at least.
LEAST_SECRET = 32

_LISTS = ("render_node_command", "render_node_locks", "render_node_program_start", "render_node_program_stop")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def words_of(text: str) -> list[str]:
    """A JSON array of texts; empty for an empty setting. ValueError for anything else."""
    if not text:
        return []
    try:
        return msgspec.json.decode(text, type=list[str])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError("it is no JSON array of texts") from error


def clock_of(text: str) -> time | None:
    """A time of day as HH:MM; ``None`` for an empty setting. ValueError for anything else."""
    if not text:
        return None
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"{text!r} is no time of day such as 03:30")
    return time.fromisoformat(text)


def render_node_mistakes(unit: Unit, settings: Settings) -> list[tuple[str, str]]:
    """(field, what is wrong with it) of everything that no single value shows."""
    wrong = []
    lists = {}
    for name in _LISTS:
        try:
            lists[name] = words_of(getattr(settings, name))
        except ValueError as error:
            wrong.append((name, str(error)))
    try:
        clock_of(settings.render_node_restart_at)
    except ValueError as error:
        wrong.append(("render_node_restart_at", str(error)))
    secret, file = settings.render_node_secret, settings.render_node_secret_file
    if secret and file:
        wrong.append(("render_node_secret", "it is given twice, here and in GROUNDSWELL_RENDER_NODE_SECRET_FILE"))
    elif secret and len(secret) < LEAST_SECRET:
        wrong.append(("render_node_secret", f"it is shorter than {LEAST_SECRET} characters"))
    # Whoever has the address may run the worker, alone, supervised or in its own process.
    needed = unit == "render-node" or settings.render_node_url
    if needed and not (secret or file):
        wrong.append(("render_node_secret", "it is not set"))
    if unit == "render-node":
        wrong += _of_a_node(settings, lists)
    return wrong


def _of_a_node(settings: Settings, lists: dict[str, list[str]]) -> list[tuple[str, str]]:
    wrong = []
    if lists.get("render_node_command") == []:
        wrong.append(("render_node_command", "it is not set"))
    if any(not PurePath(pattern).is_absolute() for pattern in lists.get("render_node_locks", [])):
        wrong.append(("render_node_locks", "a pattern does not begin with /"))
    if settings.render_node_program_name and not settings.render_node_program_start:
        wrong.append(("render_node_program_start", "it is not set, but GROUNDSWELL_RENDER_NODE_PROGRAM_NAME is"))
    if settings.render_node_program_start and not settings.render_node_program_name:
        wrong.append(("render_node_program_name", "it is not set, so that nobody can tell whether the program runs"))
    return wrong


def secret_of(settings: Settings) -> str:
    """The shared secret, from the setting or its file. Raises ConfigurationError when there is none that serves."""
    if not settings.render_node_secret_file:
        if len(settings.render_node_secret) < LEAST_SECRET:
            raise ConfigurationError(
                f"The render node's secret is shorter than {LEAST_SECRET} characters.",
                do="Set GROUNDSWELL_RENDER_NODE_SECRET_FILE. Make one: openssl rand -hex 32",
            )
        return settings.render_node_secret
    path = Path(settings.render_node_secret_file)
    try:
        mode = path.stat().st_mode
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"The render node's secret cannot be read from {path}.",
            why=f"{getattr(error, 'strerror', None) or error}.",
            do="Check GROUNDSWELL_RENDER_NODE_SECRET_FILE.",
        ) from error
    if mode & 0o077:
        raise ConfigurationError(f"Others may read the render node's secret in {path}.", do=f"Run: chmod 600 {path}")
    if len(text) < LEAST_SECRET:
        raise ConfigurationError(
            f"The render node's secret in {path} is shorter than {LEAST_SECRET} characters.",
            do="Make one: openssl rand -hex 32",
        )
    return text
