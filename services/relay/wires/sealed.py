"""How a sealed feed lays out a frame: JSON of IV, ciphertext and perhaps tag. Inside is a Jetstream event."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Literal, NamedTuple

import msgspec

#: Name and version of the protocol, stored with the cursor.
WIRE = "sealed/1"

_object = msgspec.json.Decoder(dict[str, Any])


class Sealed(NamedTuple):
    """``content`` ends with the tag, where there is one."""

    iv: bytes
    content: bytes


class Layout(msgspec.Struct, frozen=True):
    """Names of the fields, and how bytes are written. An absent tag is one that the ciphertext ends with."""

    iv: str = "iv"
    content: str = "ct"
    tag: str = "tag"
    encoding: Literal["base64", "hex"] = "base64"

    def read(self, data: bytes) -> Sealed:
        """The parts of one frame. ValueError for what is no frame of this layout."""
        frame = _object.decode(data)
        return Sealed(
            self._bytes(frame.get(self.iv, "")),
            self._bytes(frame.get(self.content)) + self._bytes(frame.get(self.tag, "")),
        )

    def write(self, iv: bytes, content: bytes, tag_bytes: int = 0) -> bytes:
        """One frame; the last ``tag_bytes`` of ``content`` go into the tag's field."""
        cut = len(content) - tag_bytes
        frame = {self.iv: self._text(iv), self.content: self._text(content[:cut])}
        if tag_bytes:
            frame[self.tag] = self._text(content[cut:])
        return msgspec.json.encode(frame)

    def _bytes(self, value: Any) -> bytes:
        if not isinstance(value, str):
            raise ValueError("a part of the frame is no text")
        try:
            return base64.b64decode(value, validate=True) if self.encoding == "base64" else bytes.fromhex(value)
        except binascii.Error:
            raise ValueError("a part of the frame is not base64") from None

    def _text(self, data: bytes) -> str:
        return base64.b64encode(data).decode() if self.encoding == "base64" else data.hex()
