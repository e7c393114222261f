"""Where a client of the sealed wire signs in: nonces, signatures, sessions. HTTP on a port of its own.

All that is handed out follows from the seed and from how often it was asked for.
"""

from __future__ import annotations

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from services.relay.crypto.secret import Secret
from services.relay.crypto.wallet import same_address, signed_by_ed25519, signer_of
from shared.contracts.sealed_feed import SealedOptions
from shared.errors import ConfigurationError

NONCE_PATH, VERIFY_PATH = "/auth/nonce", "/auth/verify"
#: Most nonces and sessions kept; the oldest go first.
_MOST = 1_000
_LARGEST_BODY = 65_536


class Session(msgspec.Struct):
    """One client's. ``sealed`` counts the frames made under its key."""

    token: str
    key: Secret
    ends_at: float
    sealed: int = 0

    @property
    def lasts(self) -> bool:
        """Whether it still opens the feed."""
        return time.monotonic() < self.ends_at


class Refusal(Exception):
    """Signing in was refused; the text is the machine-readable reason."""


class Desk:
    """Thread-safe. ``nonce_seconds`` and ``session_seconds`` may be changed while it serves."""

    def __init__(
        self, options: SealedOptions, seed: int, *, nonce_seconds: float = 300.0, session_seconds: float = 3_600.0
    ) -> None:
        self._options, self._seed = options, seed
        self.nonce_seconds, self.session_seconds = nonce_seconds, session_seconds
        self._lock = threading.Lock()
        self._nonces: dict[str, float] = {}
        self._used: dict[str, None] = {}
        self.sessions: dict[str, Session] = {}
        self._drawn = 0
        #: Tells a wrong session key, as a broken server does.
        self.lies = False

    def nonce(self) -> str:
        """A nonce for one signature."""
        with self._lock:
            nonce = self._draw("nonce")[:24]
            _keep(self._nonces, nonce, time.monotonic() + self.nonce_seconds)
            return nonce

    def verify(self, message: str, signature: str) -> Session:
        """A new session for who signed ``message``. Raises Refusal."""
        lines = message.split("\n")
        named = dict(line.split(": ", 1) for line in lines if ": " in line)
        with self._lock:
            nonce = named.get("Nonce", "")
            if nonce in self._used:
                raise Refusal("nonce_used")
            ends_at = self._nonces.pop(nonce, None)
            _keep(self._used, nonce, None)
            if ends_at is None or time.monotonic() >= ends_at:
                raise Refusal("nonce_expired")
            if len(lines) < 2 or not self._is_signed(message, lines[1], signature):
                raise Refusal("bad_signature")
            token = self._draw("token")
            drawn = self._draw("key")
            key = Secret(drawn.encode() if self._options.cipher == "cryptojs" else bytes.fromhex(drawn))
            session = Session(token, key, time.monotonic() + self.session_seconds)
            _keep(self.sessions, token, session)
            return session

    def session(self, token: str) -> Session | None:
        """The session that ``token`` opens, while it lasts."""
        with self._lock:
            found = self.sessions.get(token)
            return found if found is not None and found.lasts else None

    def expire(self) -> None:
        """End every session."""
        with self._lock:
            for session in self.sessions.values():
                session.ends_at = 0.0

    def answer(self, session: Session) -> bytes:
        """What a client that signed in is told."""
        true = session.key.reveal()
        key = true.decode() if self._options.cipher == "cryptojs" else true.hex()
        key = self._draw("another key") if self.lies else key
        told = {self._options.token_field: session.token, self._options.key_field: key}
        return msgspec.json.encode({**told, self._options.lifetime_field: self.session_seconds})

    def _is_signed(self, message: str, address: str, signature: str) -> bool:
        try:
            plain = bytes.fromhex(signature.removeprefix("0x"))
            if self._options.scheme == "ed25519":
                return signed_by_ed25519(bytes.fromhex(address), message, plain)
            return same_address(signer_of(message, plain), address)
        except ValueError:
            return False

    def _draw(self, use: str) -> str:
        self._drawn += 1
        return hashlib.blake2b(f"{self._seed}:{use}:{self._drawn}".encode(), digest_size=32).hexdigest()

    def serve(self, host: str, port: int) -> ThreadingHTTPServer:
        """An HTTP server in a thread of its own; the caller shuts it down. Raises ConfigurationError."""
        desk = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_GET(self) -> None:
                if self.path != NONCE_PATH:
                    self._say(404, b'{"error":"not_found"}')
                else:
                    self._say(200, msgspec.json.encode({desk._options.nonce_field: desk.nonce()}))

            def do_POST(self) -> None:
                try:
                    size = min(int(self.headers.get("Content-Length", "0")), _LARGEST_BODY)
                    body = msgspec.json.decode(self.rfile.read(size), type=dict[str, str])
                    message, signature = body[desk._options.message_field], body[desk._options.signature_field]
                    self._say(200, desk.answer(desk.verify(message, signature)))
                except Refusal as error:
                    self._say(401, msgspec.json.encode({"error": str(error)}))
                except (KeyError, ValueError, msgspec.MsgspecError):
                    self._say(400, b'{"error":"bad_request"}')

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                """Nothing: requests carry signatures, and the simulator's log is for people."""

        try:
            server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise ConfigurationError(
                f"The simulator cannot listen on {host} port {port}.",
                why=f"{error.strerror or error}.",
                do="Choose another --port, or 0 for free ones; signing in takes the port after it.",
            ) from error
        threading.Thread(target=server.serve_forever, name="sealed-desk", daemon=True).start()
        return server


def _keep(kept: dict[str, Any], key: str, value: Any) -> None:
    kept[key] = value
    if len(kept) > _MOST:
        del kept[next(iter(kept))]
