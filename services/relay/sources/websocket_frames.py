"""``websocket-client`` with bounds: frames of any size leave memory flat, reads come in large pieces.

The library's own ``recv`` reads each header with its own system call and gathers a message whole,
however large. Here its frame parser is kept and those two things are replaced; frames in their most
usual form do not need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import websocket

#: Bytes asked of the socket at once.
_PIECE = 65_536
#: RFC 6455, section 5.2: the FIN bit, and the length that means "in the next two bytes".
_FINAL, _LENGTH_16 = 0x80, 126
_MESSAGES = frozenset((websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY))
#: Bytes of an oversize frame that are kept as evidence.
KEPT_BYTES = 65_536


class Oversize(Exception):
    """A frame longer than the limit was read over: ``head`` is its beginning, ``size`` its length."""

    def __init__(self, head: bytes, size: int) -> None:
        super().__init__(f"a frame of {size} bytes")
        self.head, self.size = head, size


class BoundedFrames(websocket.frame_buffer):
    """The library's frame parser, which discards the payload of a frame beyond ``limit`` bytes.

    Like its parent it may be interrupted by a timeout anywhere and goes on where it was.
    """

    def __init__(self, receive: Any, limit: int) -> None:
        super().__init__(receive, True)
        self._limit = limit
        self._head, self._left = b"", 0

    def recv_length(self) -> None:
        """Parse the length; beyond the limit, read the payload away and raise Oversize."""
        if self.length is None:
            super().recv_length()
        size = int(self.length or 0)
        if size <= self._limit:
            return
        if not self._left:
            self._head, self._left = b"", size + (4 if self.has_mask() else 0)
        while self._left:
            piece = self.recv(min(_PIECE, self._left))
            self._left -= len(piece)
            self._head += piece[: KEPT_BYTES - len(self._head)]
        head, self._head = self._head, b""
        self.clear()
        raise Oversize(head, size)

    def needs_length(self) -> bool:
        """Also true while the payload of an oversize frame is being read away."""
        return self.length is None or self._left > 0

    def partial(self) -> bytes:
        """Bytes of a frame that has begun and not ended."""
        return self._head or b"".join(self.recv_buffer)

    def begun(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self.header is not None or any(self.recv_buffer)


class Part(NamedTuple):
    """One WebSocket frame: a whole message, a fragment, or a control frame."""

    opcode: int
    final: bool
    data: bytes


class BoundedWebSocket(websocket.WebSocket):
    """A WebSocket whose frames are read through ``BoundedFrames``."""

    def __init__(self, limit: int) -> None:
        super().__init__(skip_utf8_validation=True, enable_multithread=False)
        self._piece, self._at = b"", 0
        self._limit = limit
        self.parser = BoundedFrames(self._recv, limit)
        self.frame_buffer = self.parser

    def dial(
        self, url: str, timeout: float, subprotocols: Sequence[str] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        """Connect and shake hands, following no redirect (an address from a feed is never fetched)."""
        self.connect(  # type: ignore[no-untyped-call]
            url,
            timeout=timeout,
            redirect_limit=0,
            subprotocols=list(subprotocols) or None,
            header=dict(headers or {}),
        )

    def next_part(self) -> Part:
        """The next frame. Raises the library's errors, and Oversize."""
        if (part := self._usual()) is not None:
            return part
        frame = self.parser.recv_frame()
        data = frame.data
        return Part(frame.opcode, bool(frame.fin), data if isinstance(data, bytes) else data.encode())

    def hang_up(self) -> None:
        """Close the socket at once."""
        self.shutdown()  # type: ignore[no-untyped-call]

    def _usual(self) -> Part | None:
        """The next frame if it is a whole text or binary message that was received to its end.

        Everything else (control frames, fragments, masks, reserved bits, 64-bit lengths, what is
        oversize or not all here, what the parser has begun) is the parser's; nothing was consumed then.
        """
        piece, at = self._piece, self._at
        if len(piece) - at < 4 or self.parser.begun():
            return None
        opcode, size, start = piece[at] ^ _FINAL, piece[at + 1], at + 2
        if size == _LENGTH_16:
            size, start = piece[at + 2] << 8 | piece[at + 3], at + 4
        elif size > _LENGTH_16:
            return None
        end = start + size
        if opcode not in _MESSAGES or size > self._limit or end > len(piece):
            return None
        self._at = end
        return Part(opcode, True, piece[start:end])

    def _recv(self, bufsize: int) -> bytes:
        if self._at >= len(self._piece):
            self._piece, self._at = super()._recv(_PIECE), 0  # type: ignore[no-untyped-call]
        part = self._piece[self._at : self._at + bufsize]
        self._at += len(part)
        return part


class Message(NamedTuple):
    """One whole message, or the beginning of one that grew beyond the limit or was cut off.

    ``size`` is its full length as far as it is known.
    """

    opcode: int
    data: bytes
    size: int
    fault: Literal["", "oversize", "truncated"] = ""


class Messages:
    """Joins fragments into messages of up to ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._opcode, self._size = 0, 0
        self._begun = bytearray()

    def add(self, part: Part) -> Message | None:
        """The message that ``part`` completes, or ``None`` while fragments are missing."""
        if part.opcode != websocket.ABNF.OPCODE_CONT:
            if part.final:
                return Message(part.opcode, part.data, len(part.data))
            self._opcode, self._size = part.opcode, len(part.data)
            self._begun[:] = part.data
            return None
        self._size += len(part.data)
        if self._size <= self._limit:
            self._begun += part.data
        if not part.final:
            return None
        data = self.taken()
        return Message(self._opcode, data, self._size, "oversize" if self._size > self._limit else "")

    def taken(self) -> bytes:
        """What has come of a message, which is forgotten with this."""
        data = bytes(self._begun)
        self._begun.clear()
        return data
