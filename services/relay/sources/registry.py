"""Which source speaks which kind of feed."""

from __future__ import annotations

from collections.abc import Callable

from services.relay.sources.base import Source
from services.relay.sources.jetstream import Jetstream
from shared.config.settings import Settings
from shared.errors import ConfigurationError


def _jetstream(url: str, settings: Settings) -> Source:
    return Jetstream(url, max_frame_bytes=settings.relay_max_frame_bytes, stall_seconds=settings.relay_stall_seconds)


_SOURCES: dict[str, Callable[[str, Settings], Source]] = {"jetstream": _jetstream}


def source_for(kind: str, url: str, settings: Settings) -> Source:
    """A source for a feed of ``kind`` at ``url``. Raises ConfigurationError for a kind unknown."""
    try:
        make = _SOURCES[kind]
    except KeyError:
        raise ConfigurationError(
            f"No source speaks feeds of kind {kind!r}.", do=f"Use one of: {', '.join(sorted(_SOURCES))}."
        ) from None
    return make(url, settings)
