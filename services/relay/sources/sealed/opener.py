"""Opens the frames of one session and watches for what must not happen."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

from services.relay.crypto.cipher import Cipher, Unsealable
from services.relay.wires.sealed import Layout

#: IVs remembered, newest first: what a session sends in minutes, in some megabytes.
KEPT_IVS = 32_768


class IvReused(Exception):
    """Another frame of this session came under the same IV: with GCM anybody may forge from here on."""


class Opener:
    """``failures`` counts frames in a row that could not be opened."""

    def __init__(self, cipher: Cipher, layout: Layout, *, watches_ivs: bool) -> None:
        self._cipher, self._layout, self._watches_ivs = cipher, layout, watches_ivs
        self._seen: OrderedDict[bytes, bytes] = OrderedDict()
        self.failures = 0
        self.opened = 0

    def open(self, data: bytes) -> bytes:
        """The event inside. Raises Unsealable, whatever is wrong, and IvReused."""
        try:
            sealed = self._layout.read(data)
            plain = self._cipher.open(sealed.iv, sealed.content)
        except (ValueError, RecursionError, Unsealable):
            self.failures += 1
            raise Unsealable from None
        self.failures = 0
        self.opened += 1
        if self._watches_ivs:
            self._watch(sealed.iv, blake2b(sealed.content, digest_size=8).digest())
        return plain

    def _watch(self, iv: bytes, content: bytes) -> None:
        """The same frame again is a repetition; another one under the same IV is a fault of its sender."""
        if self._seen.setdefault(iv, content) != content:
            raise IvReused
        if len(self._seen) > KEPT_IVS:
            self._seen.popitem(last=False)
