"""Where the key of a feed lies: a named file in the folder of secrets, or, for the first feed, its own settings."""

from __future__ import annotations

from pathlib import Path

from services.relay.crypto.secret import Secret, key_from_file, key_from_text, named_file
from services.relay.spec import FeedSpec
from shared.config.settings import Settings


def key_of(spec: FeedSpec, settings: Settings) -> Secret | None:
    """The key of ``spec``, or ``None`` where none is set. Raises ConfigurationError.

    Options never hold a key, only its name: they lie in the record and are shown.
    """
    name = spec.options.get("key")
    if name:
        where = f"option key of the feed {spec.id}"
        folder = Path(settings.secrets_dir) if settings.secrets_dir else Path(settings.data_dir) / "secrets"
        return key_from_file(named_file(folder, str(name), where), where)
    if not settings.feed_url or (spec.id, spec.url) != (settings.feed_name or settings.feed_kind, settings.feed_url):
        return None
    if settings.feed_key_file:
        return key_from_file(Path(settings.feed_key_file), "GROUNDSWELL_FEED_KEY_FILE")
    if settings.feed_key:
        return key_from_text(settings.feed_key, "GROUNDSWELL_FEED_KEY")
    return None
