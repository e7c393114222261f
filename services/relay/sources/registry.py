"""Which source and which reader speak which kind of feed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from services.relay.events import Read
from services.relay.sources.base import Source
from services.relay.sources.jetstream import Jetstream
from services.relay.sources.jetstream_address import V2, dialect_of, urls_of
from services.relay.sources.zstd_dictionary import Dictionaries
from services.relay.spec import FeedSpec
from services.relay.wires import jetstream, jetstream2
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
    where = spec.options.get("zstd_dictionary", settings.feed_zstd_dictionary)
    if not isinstance(where, str):
        raise ConfigurationError(f"The feed {spec.id} cannot be read.", why="options.zstd_dictionary is no text.")
    return Jetstream(
        urls_of(spec),
        dialect_of(spec),
        max_frame_bytes=settings.relay_max_frame_bytes,
        stall_seconds=settings.relay_stall_seconds,
        dictionaries=Dictionaries(where, Path(settings.data_dir) / "cache"),
    )


_JETSTREAM2 = Kind(_jetstream, jetstream2.read_event, rereads=True)
_KINDS: dict[str, Kind] = {"jetstream": Kind(_jetstream, jetstream.read_event, rereads=True)}


#: Kinds in a module of their own, which is imported where one is read.
_SIGNED = ("nostr", "sealed")
#: Everything that can be read.
SPOKEN = frozenset((*_KINDS, *_SIGNED))


def kind_of(spec: FeedSpec) -> Kind:
    """How feeds of the kind of ``spec`` are read. Raises ConfigurationError for a kind unknown.

    Both versions of Jetstream are one kind; which one, its addresses or options say.
    """
    if spec.kind in _SIGNED:
        from services.relay.sources.signed_feeds import KINDS

        return KINDS[spec.kind]
    if spec.kind == "jetstream" and dialect_of(spec) is V2:
        return _JETSTREAM2
    try:
        return _KINDS[spec.kind]
    except KeyError:
        raise ConfigurationError(
            f"No source speaks feeds of kind {spec.kind!r}.",
            do=f"Use one of: {', '.join(sorted(SPOKEN))}.",
        ) from None
