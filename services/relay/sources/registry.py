"""Which source and which reader speak which kind of feed."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from services.relay.events import Read
from services.relay.sources.base import Source
from services.relay.sources.jetstream import Jetstream
from services.relay.spec import FeedSpec
from services.relay.wires import jetstream
from shared.config.settings import Settings
from shared.errors import ConfigurationError


class Kind(msgspec.Struct, frozen=True):
    """One kind of feed: ``source`` makes the thread's connection, ``read`` reads its frames.

    ``rereads`` says that its servers may leave events out when they change from replay to live, so that
    what lies around that moment is read again on a connection of its own.
    """

    source: Callable[[FeedSpec, Settings], Source]
    read: Read
    rereads: bool = False


def _jetstream(spec: FeedSpec, settings: Settings) -> Source:
    return Jetstream(
        spec.url, max_frame_bytes=settings.relay_max_frame_bytes, stall_seconds=settings.relay_stall_seconds
    )


_KINDS: dict[str, Kind] = {"jetstream": Kind(_jetstream, jetstream.read_event, rereads=True)}


def kind_of(spec: FeedSpec) -> Kind:
    """How feeds of the kind of ``spec`` are read. Raises ConfigurationError for a kind unknown."""
    try:
        return _KINDS[spec.kind]
    except KeyError:
        raise ConfigurationError(
            f"No source speaks feeds of kind {spec.kind!r}.", do=f"Use one of: {', '.join(sorted(_KINDS))}."
        ) from None
