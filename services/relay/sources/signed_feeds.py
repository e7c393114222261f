"""Kinds of feeds that need keys and signatures. Imported only where one is read: their libraries are large."""

from __future__ import annotations

from services.relay.keys import key_of
from services.relay.sources.base import Source
from services.relay.sources.nostr import Nostr
from services.relay.sources.registry import Kind
from services.relay.sources.sealed.options import options_of
from services.relay.sources.sealed.source import Sealed
from services.relay.spec import FeedSpec
from services.relay.wires import jetstream, nostr
from shared.config.settings import Settings
from shared.errors import ConfigurationError


def _nostr(spec: FeedSpec, settings: Settings) -> Source:
    return Nostr(
        spec.url,
        max_frame_bytes=settings.relay_max_frame_bytes,
        stall_seconds=settings.relay_stall_seconds,
        key=key_of(spec, settings),
    )


def _sealed(spec: FeedSpec, settings: Settings) -> Source:
    key = key_of(spec, settings)
    if key is None:
        raise ConfigurationError(
            f"The feed {spec.id} has no key.",
            why="A sealed feed is opened with a wallet's signature.",
            do="Set GROUNDSWELL_FEED_KEY_FILE, or the option key with the name of a file in the folder of secrets.",
        )
    return Sealed(
        spec.url,
        options_of(spec),
        key,
        max_frame_bytes=settings.relay_max_frame_bytes,
        stall_seconds=settings.relay_stall_seconds,
    )


KINDS = {"nostr": Kind(_nostr, nostr.read_event), "sealed": Kind(_sealed, jetstream.read_event)}
