"""A sealed feed: sign in, subscribe with the session's token, open each frame with its key.

The session may end at any time; the cursor lies with the rows, so signing in again loses nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
import websocket

from services.relay.crypto.cipher import Unsealable, cipher
from services.relay.crypto.secret import Secret
from services.relay.drops import Ending
from services.relay.frames import Frame
from services.relay.sources.base import resume_us
from services.relay.sources.sealed.opener import IvReused, Opener
from services.relay.sources.sealed.session import Session, sign_in, wallet_of
from services.relay.sources.websocket_frames import KEPT_BYTES, Message
from services.relay.sources.websocket_reader import LOST, TEXT, WebSocketReader, plain
from services.relay.wires.jetstream import look
from services.relay.wires.sealed import WIRE, Layout
from shared.contracts.sealed_feed import SealedOptions
from shared.errors import FeedUnavailable
from shared.store.cursors import Cursor
from shared.telemetry import logs

#: So many frames in a row that cannot be opened mean that the key is wrong.
MOST_FAILURES = 10
#: Close code of a session that is over, after HTTP's 401.
SESSION_OVER = 4401
_UNAUTHORISED = 401


class Sealed:
    """One reader. Sessions outlive connections while they last."""

    wire = WIRE
    clamps = True
    note: str | None = None

    def __init__(
        self, url: str, options: SealedOptions, key: Secret, *, max_frame_bytes: int, stall_seconds: float
    ) -> None:
        self._url, self._options, self._max_frame_bytes = url, options, max_frame_bytes
        self._wallet = wallet_of(options, key)
        self._layout = Layout(options.iv_field, options.content_field, options.tag_field, options.encoding)
        self._reader = WebSocketReader(max_frame_bytes=max_frame_bytes, stall_seconds=stall_seconds, asks=True)
        self._session: Session | None = None
        self._opener: Opener | None = None
        self._ending: Ending | None = None
        #: Sessions in a row under whose key nothing could be opened.
        self._useless = 0

    @property
    def host(self) -> str:
        """Host and port of the feed."""
        return urlsplit(self._url).netloc.rpartition("@")[2]

    def open(self, cursor: Cursor) -> int:
        """Connect with a session that lasts and ask for everything after ``cursor``. Raises FeedUnavailable."""
        self._reader.forget()
        self._ending = None
        own = cursor.token if (cursor.wire, cursor.host) == (self.wire, self.host) else None
        requested = resume_us(cursor)
        try:
            kept = self._session is not None and self._session.lasts()
            if not kept:
                self._sign_in(cursor.now_us)
            try:
                self._dial(requested if own is None else own)
            except websocket.WebSocketBadStatusException as error:
                if error.status_code != _UNAUTHORISED or not kept:
                    raise
                self._sign_in(cursor.now_us)
                self._dial(requested if own is None else own)
        except FeedUnavailable as error:
            self._ending = Ending(refused=True, detail=f"{error.what} {error.why}")
            raise
        except LOST as error:
            if isinstance(error, websocket.WebSocketBadStatusException) and error.status_code == _UNAUTHORISED:
                self._session = None
            detail = self._masked(plain(error))
            self._ending = Ending(refused=True, detail=detail)
            raise FeedUnavailable("The feed cannot be reached.", why=detail) from None
        return requested if own is None else min(cursor.position, cursor.now_us)

    def frames(self, stop: threading.Event) -> Iterator[Frame | None]:
        """Frames until the connection ends (see ``ending``) or ``stop`` is set; ``None`` on a quiet tick."""
        for message in self._reader.messages(stop):
            yield None if message is None else self._frame(message)
            if self._ending is not None:
                return
        if self._reader.ending.code == SESSION_OVER:
            self._session = None

    def ending(self, held_seconds: float) -> Ending:
        """Why the last connection ended."""
        ending = self._ending or self._reader.ending
        return msgspec.structs.replace(ending, held_seconds=held_seconds, detail=self._masked(ending.detail))

    def close(self) -> None:
        """End the connection without waiting for the other side. The session is kept."""
        self._reader.close()

    def _sign_in(self, now_us: int) -> None:
        self._session = None
        session = sign_in(self._options, self._wallet, now_us)
        try:
            opens = cipher(self._options.cipher, session.key)
        except ValueError as error:
            raise FeedUnavailable("Signing in failed.", why=f"{error}.") from None
        self._opener = Opener(opens, self._layout, watches_ivs=self._options.cipher == "aes-256-gcm")
        self._session = session
        logs.get(__name__).info("feed_signed_in", host=self.host, address=self._wallet.address)

    def _dial(self, after: int) -> None:
        """Subscribe. The token goes into a header or the query, never into a log."""
        assert self._session is not None  # noqa: S101 - signed in just before
        token = self._session.token.reveal().decode()
        parts = urlsplit(self._url)
        ours = {self._options.cursor_name: str(after)}
        headers = {}
        if self._options.token_in == "query":  # noqa: S105 - the place of a token, not one
            ours[self._options.token_name] = token
        else:
            headers["Authorization"] = f"Bearer {token}"
        kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in ours]
        self._reader.dial(urlunsplit(parts._replace(query=urlencode([*kept, *ours.items()]))), headers=headers)

    def _frame(self, message: Message) -> Frame:
        """The event in one message, or the message itself with what is wrong with it."""
        raw = message.data[:KEPT_BYTES]
        if message.fault or message.opcode != TEXT or self._opener is None:
            return Frame(raw, message.size, message.fault or "binary")
        try:
            event = self._opener.open(message.data)
        except IvReused:
            logs.get(__name__).warning("feed_reused_an_iv", host=self.host)
            return Frame(raw, message.size, "iv_reused")
        except Unsealable:
            self._judge(self._opener)
            return Frame(raw, message.size, "undecryptable")
        self._useless = 0
        seen = look(event)
        return Frame(event, len(event), token=None if seen is None else seen.token)

    def _judge(self, opener: Opener) -> None:
        """End a connection under whose key nothing can be read any more: a new session brings a new key."""
        if opener.failures < MOST_FAILURES:
            return
        self._session = None
        self._useless += 1
        again = ", also after signing in again" if self._useless > 1 else ""
        detail = f"{MOST_FAILURES} frames in a row cannot be opened with the session's key{again}"
        self._ending = Ending(told="refused" if again else "restart", detail=detail)

    def _masked(self, text: str) -> str:
        """``text`` without the session's token, should a library ever have put it there."""
        token = self._session.token.reveal().decode() if self._session else ""
        return text.replace(token, "***") if token else text
