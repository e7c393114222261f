"""A sealed feed's options with everything filled in that its address tells."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import msgspec

from services.relay.spec import FeedSpec
from shared.contracts.sealed_feed import SealedOptions
from shared.errors import ConfigurationError


def options_of(spec: FeedSpec) -> SealedOptions:
    """The options of ``spec``, complete. Raises ConfigurationError for what cannot be."""
    try:
        options = msgspec.convert(spec.options, SealedOptions)
    except msgspec.ValidationError as error:
        raise _bad(spec, f"Its options are wrong: {error}.") from None
    parts = urlsplit(spec.url)
    secure = parts.scheme == "wss"
    host = parts.netloc.rpartition("@")[2]
    base = ("https" if secure else "http", host)
    options = msgspec.structs.replace(
        options,
        nonce_url=options.nonce_url or urlunsplit((*base, "/auth/nonce", "", "")),
        verify_url=options.verify_url or urlunsplit((*base, "/auth/verify", "", "")),
        domain=options.domain or host,
    )
    for url in (options.nonce_url, options.verify_url):
        scheme = urlsplit(url).scheme
        if scheme not in ("http", "https") or (secure and scheme != "https"):
            raise _bad(spec, "A signature is sent to https addresses only, unless the feed itself is ws.")
    return options


def _bad(spec: FeedSpec, why: str) -> ConfigurationError:
    return ConfigurationError(f"The feed {spec.id} cannot be read.", why=why, do="See docs/sealed-feeds.md.")
