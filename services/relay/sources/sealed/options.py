"""The shape of one sealed feed, as its options say. Every name and encoding is data, because no two feeds agree."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec

from services.relay.crypto.cipher import Name
from services.relay.crypto.secret import Encoding
from services.relay.spec import FeedSpec
from shared.errors import ConfigurationError


class SealedOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to sign in, where the session is in the answer, and how a frame is laid out.

    ``nonce_url`` and ``verify_url`` default to /auth/nonce and /auth/verify on the feed's own host.
    ``key`` names the file of the wallet's key in the folder of secrets. ``token_in`` says how the
    session's token is shown: as a Bearer header, or in the query under ``token_name``.
    """

    key: str = ""
    nonce_url: str = ""
    verify_url: str = ""
    scheme: Literal["eip191", "ed25519"] = "eip191"
    account: str = "Ethereum"
    address: Literal["hex", "base58"] = "hex"
    recovery: Literal[0, 27] = 27
    signature_encoding: Literal["hex", "base64"] = "hex"
    domain: str = ""
    statement: str = "Sign in to read the feed."
    chain_id: int = 1
    nonce_field: str = "nonce"
    message_field: str = "message"
    signature_field: str = "signature"
    token_field: str = "token"  # noqa: S105 - a name
    key_field: str = "key"
    lifetime_field: str = "expires_in"
    key_encoding: Encoding = "hex"
    token_in: Literal["header", "query"] = "header"  # noqa: S105 - a place
    token_name: str = "token"  # noqa: S105 - a name
    cursor_name: str = "cursor"
    cipher: Name = "aes-256-gcm"
    encoding: Literal["base64", "hex"] = "base64"
    iv_field: str = "iv"
    content_field: str = "ct"
    tag_field: str = "tag"


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
    if any(not line.isprintable() for line in (options.domain, options.statement, options.account)):
        raise _bad(spec, "What is signed must be printable, one line each.")
    return options


def _bad(spec: FeedSpec, why: str) -> ConfigurationError:
    return ConfigurationError(f"The feed {spec.id} cannot be read.", why=why, do="See docs/sealed-feeds.md.")
