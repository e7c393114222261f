"""Structured logs: one event name and its facts a line, JSON or text, to standard error."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, cast

import structlog

Logger = structlog.stdlib.BoundLogger

#: Libraries that log addresses, which may be secrets: heard only when something is wrong.
SECRETIVE = (
    "httpx",
    "httpcore",
    "httpx2",
    "httpcore2",
    "urllib3",
    "apprise",
    "anthropic",
    "openai",
    "LiteLLM",
)

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(unit: str, *, level: str, form: str, hidden: Iterable[str] = ()) -> None:
    """Set up logging for this process. ``form`` is "json" or "text"; ``unit`` is on every line; of the texts ``hidden``
    none is written, whoever says it: the last net under what no line should hold anyway.

    The standard library's loggers (uvicorn, dramatiq) go through the same renderer.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _unit(unit),
    ]
    render: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=28)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            render,
            _without(hidden),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    for name in SECRETIVE:
        logging.getLogger(name).setLevel(logging.ERROR)


def get(name: str) -> Logger:
    """A logger. Events are named in the past tense with underscores: ``log.info("feed_connected", feed=...)``."""
    return cast(Logger, structlog.get_logger(name))


def _without(hidden: Iterable[str]) -> structlog.types.Processor:
    """Also as JSON spells them. Longest first: one may be a part of another."""
    spelt = {form for text in hidden for form in (text, json.dumps(text)[1:-1])}
    secrets = re.compile("|".join(map(re.escape, sorted(spelt, key=len, reverse=True)))) if spelt else None

    def hide(_logger: Any, _method: str, line: Any) -> Any:
        return secrets.sub("...", line) if secrets and isinstance(line, str) else line

    return hide


def bound(**facts: str | None) -> AbstractContextManager[object]:
    """Facts that are on every line within, in this thread and in what is begun from it on a loop; ``None`` is left out.

    ``request`` is the id of the request to the API that the work follows from, ``run`` that of the run.
    """
    return structlog.contextvars.bound_contextvars(**{name: fact for name, fact in facts.items() if fact is not None})


def request_id() -> str | None:
    """The id of the request that this work follows from, where there is one."""
    found = structlog.contextvars.get_contextvars().get("request")
    return None if found is None else str(found)


def _unit(unit: str) -> structlog.types.Processor:
    def add(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        event.setdefault("unit", unit)
        return event

    return add
