"""The shape of a sealed feed as its options say: every name and encoding is data, because no two feeds agree."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Scheme = Literal["eip191", "ed25519"]
CipherName = Literal["aes-256-gcm", "aes-256-cbc", "cryptojs"]
KeyEncoding = Literal["hex", "base64", "raw"]
TextEncoding = Literal["hex", "base64"]

#: One printable line, as it goes into the text that is signed.
_LINE = "^[^\\x00-\\x1f\\x7f]*$"


def _named(meaning: str) -> Meta:
    return Meta(description=meaning, min_length=1, max_length=64)


class FeedOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every feed may be told."""

    shard: Annotated[
        str,
        Meta(
            description="Part of the authors to keep, as part/parts from 0 (0/4); empty keeps all (docs/scaling.md).",
            pattern=r"^(\d{1,3}/\d{1,3})?$",
        ),
    ] = ""


class SealedOptions(FeedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to sign in, where the session is in the answer, and how a frame is laid out."""

    key: Annotated[str, Meta(description="Name of the file with the wallet's key in the folder of secrets.")] = ""
    nonce_url: Annotated[
        str, Meta(description="Where a nonce comes from; empty takes /auth/nonce on the feed's host.")
    ] = ""
    verify_url: Annotated[
        str, Meta(description="Where the signature goes; empty takes /auth/verify on the feed's host.")
    ] = ""
    scheme: Annotated[Scheme, Meta(description="How the wallet signs.")] = "eip191"
    account: Annotated[str, Meta(description="Network named in the text that is signed.", pattern=_LINE)] = "Ethereum"
    address: Annotated[Literal["hex", "base58"], Meta(description="How an Ed25519 wallet's address is written.")] = (
        "hex"
    )
    recovery: Annotated[Literal[0, 27], Meta(description="What the last byte of an EIP-191 signature counts from.")] = (
        27
    )
    signature_encoding: Annotated[TextEncoding, Meta(description="How the signature is written.")] = "hex"
    domain: Annotated[
        str, Meta(description="Who asks for the signature; empty takes the feed's host.", pattern=_LINE)
    ] = ""
    statement: Annotated[str, Meta(description="The sentence that is signed.", pattern=_LINE)] = (
        "Sign in to read the feed."
    )
    chain_id: Annotated[int, Meta(description="Chain named in the text that is signed.", ge=0)] = 1
    nonce_field: Annotated[str, _named("The nonce's field in its answer.")] = "nonce"
    message_field: Annotated[str, _named("The field that carries the signed text.")] = "message"
    signature_field: Annotated[str, _named("The field that carries the signature.")] = "signature"
    token_field: Annotated[str, _named("The token's field in the answer.")] = "token"  # noqa: S105 - a name
    key_field: Annotated[str, _named("The session key's field in the answer.")] = "key"
    lifetime_field: Annotated[str, _named("The field with the session's seconds in the answer.")] = "expires_in"
    key_encoding: Annotated[KeyEncoding, Meta(description="How the session key is written.")] = "hex"
    token_in: Annotated[
        Literal["header", "query"], Meta(description="Where the token is shown: as a Bearer header or in the query.")
    ] = "header"  # noqa: S105 - a place
    token_name: Annotated[str, _named("The token's name in the query.")] = "token"  # noqa: S105 - a name
    cursor_name: Annotated[str, _named("The cursor's name in the query.")] = "cursor"
    cipher: Annotated[
        CipherName, Meta(description="How frames are encrypted; only GCM proves that they are whole.")
    ] = "aes-256-gcm"
    encoding: Annotated[TextEncoding, Meta(description="How the bytes of a frame are written.")] = "base64"
    iv_field: Annotated[str, _named("The IV's field of a frame.")] = "iv"
    content_field: Annotated[str, _named("The ciphertext's field of a frame.")] = "ct"
    tag_field: Annotated[str, _named("The tag's field of a frame; without it the ciphertext ends with the tag.")] = (
        "tag"
    )


class NostrOptions(FeedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a Nostr relay may be told beside its address."""

    key: Annotated[
        str, Meta(description="Name of the file with the key for relays that ask who we are, in the folder of secrets.")
    ] = ""
