"""Nostr's signed event: its id, its signature, and making one. Source: NIP-01, BIP-340."""

from __future__ import annotations

from hashlib import sha256

import coincurve
import msgspec

from services.relay.crypto.secret import Secret

#: What NIP-01 escapes; every other character stands for itself.
_ESCAPES = str.maketrans({"\n": "\\n", '"': '\\"', "\\": "\\\\", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"})
_CONTROLS = {code: f"\\u{code:04x}" for code in range(0x20) if chr(code) not in "\n\r\t\b\f"}
#: As JSON libraries escape: the remaining control characters too.
_JSON_ESCAPES = {**_ESCAPES, **_CONTROLS}
_CONTROL_SET = frozenset(map(chr, _CONTROLS))


class NostrEvent(msgspec.Struct):
    """One event as it travels. ``created_at`` is in seconds and chosen by the author; bytes are lower-case hex."""

    id: str
    pubkey: str
    created_at: int
    kind: int
    tags: list[list[str]]
    content: str
    sig: str

    def has_own_id(self) -> bool:
        """Whether the id is the hash of the content.

        NIP-01 escapes seven characters. Widely used libraries hash their JSON, which escapes the
        other control characters as well, and relays hand such events out: that form is taken too.
        Both say the same content unmistakably, so neither can stand for another text.
        """
        if event_id(self) == self.id:
            return True
        texts = (self.content, *(value for tag in self.tags for value in tag))
        return any(not _CONTROL_SET.isdisjoint(text) for text in texts) and _hash(self, _JSON_ESCAPES) == self.id

    def is_signed(self) -> bool:
        """Whether the author signed the id (BIP-340)."""
        try:
            key = coincurve.PublicKeyXOnly(bytes.fromhex(self.pubkey))
            return key.verify(bytes.fromhex(self.sig), bytes.fromhex(self.id))
        except ValueError:
            return False


def event_id(event: NostrEvent) -> str:
    """SHA-256 of ``[0,pubkey,created_at,kind,tags,content]`` in exactly NIP-01's spelling; lower-case hex."""
    return _hash(event, _ESCAPES)


def signed(secret: Secret, created_at: int, kind: int, tags: list[list[str]], content: str) -> NostrEvent:
    """A new event under ``secret``'s key. The same arguments give the same event."""
    key = coincurve.PrivateKey(secret.reveal())
    author = coincurve.PublicKeyXOnly.from_valid_secret(secret.reveal()).format().hex()
    event = NostrEvent("", author, created_at, kind, tags, content, "")
    event.id = event_id(event)
    event.sig = key.sign_schnorr(bytes.fromhex(event.id), bytes(32)).hex()
    return event


def _hash(event: NostrEvent, escapes: dict[int, str]) -> str:
    def quoted(text: str) -> str:
        return f'"{text.translate(escapes)}"'

    tags = ",".join(f"[{','.join(map(quoted, tag))}]" for tag in event.tags)
    content = quoted(event.content)
    whole = f"[0,{quoted(event.pubkey)},{event.created_at},{event.kind},[{tags}],{content}]"
    return sha256(whole.encode()).hexdigest()
