"""Signing in: a nonce, a text with it signed by the wallet, and for that a token and a key. Source: EIP-4361."""

from __future__ import annotations

import base64
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from services.relay.crypto.secret import Secret, decoded_key
from services.relay.crypto.wallet import Ed25519Wallet, EthereumWallet, Wallet
from services.relay.sources.sealed.exchange import exchange
from shared.contracts.sealed_feed import SealedOptions
from shared.errors import FeedUnavailable

#: How long a signed text holds, and how a session without a word about its end is taken.
TEXT_MINUTES = 5
DEFAULT_SECONDS = 3_600.0
#: A session that ends sooner than this is not begun with.
_SPARE_SECONDS = 5.0
#: With a new nonce each: one may have expired, or been used by a request whose answer was lost.
ATTEMPTS = 2

_NONCE = re.compile(r"[A-Za-z0-9_-]{8,128}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_ERROR = re.compile(r"[a-z0-9_ -]{1,60}")


class Session(msgspec.Struct, frozen=True):
    """``token`` opens the feed, ``key`` its frames. ``ends_at`` is monotonic seconds."""

    token: Secret
    key: Secret
    ends_at: float

    def lasts(self) -> bool:
        """Whether it is still worth beginning with."""
        return time.monotonic() < self.ends_at - _SPARE_SECONDS


def wallet_of(options: SealedOptions, key: Secret) -> Wallet:
    """The wallet that signs in."""
    if options.scheme == "ed25519":
        return Ed25519Wallet(key, options.address)
    return EthereumWallet(key, options.recovery)


def sign_in(options: SealedOptions, wallet: Wallet, now_us: int) -> Session:
    """A new session; ``now_us`` is the database's clock. Raises FeedUnavailable with the server's word for why."""
    refusal = ""
    for _ in range(ATTEMPTS):
        nonce = _nonce(options)
        text = sign_in_text(options, wallet.address, nonce, now_us)
        body = {
            options.message_field: text,
            options.signature_field: _written(wallet.sign(text), options),
        }
        status, content = exchange("POST", options.verify_url, msgspec.json.encode(body))
        if 200 <= status < 300:
            return _session(options, content)
        refusal = f"HTTP {status}{_word(content)}"
        if status not in (400, 401, 403, 409, 410, 422):
            break
    raise FeedUnavailable("Signing in was refused.", why=refusal)


def sign_in_text(options: SealedOptions, address: str, nonce: str, now_us: int) -> str:
    """EIP-4361's text, and the same with another network's name for other wallets."""
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now_us)
    return "\n".join(
        (
            f"{options.domain} wants you to sign in with your {options.account} account:",
            address,
            "",
            options.statement,
            "",
            f"URI: {options.verify_url}",
            "Version: 1",
            f"Chain ID: {options.chain_id}",
            f"Nonce: {nonce}",
            f"Issued At: {_moment(now)}",
            f"Expiration Time: {_moment(now + timedelta(minutes=TEXT_MINUTES))}",
        )
    )


def _nonce(options: SealedOptions) -> str:
    """A fresh nonce, of letters and digits only: nothing a server says may shape what we sign."""
    status, content = exchange("GET", options.nonce_url)
    if status != 200:
        raise FeedUnavailable("Signing in failed.", why=f"No nonce: HTTP {status}{_word(content)}")
    nonce = _object(content).get(options.nonce_field)
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise FeedUnavailable("Signing in failed.", why=f"The answer holds no nonce in {options.nonce_field!r}.")
    return nonce


def _session(options: SealedOptions, content: bytes) -> Session:
    answer = _object(content)
    token, key = answer.get(options.token_field), answer.get(options.key_field)
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise FeedUnavailable("Signing in failed.", why=f"The answer holds no token in {options.token_field!r}.")
    if not isinstance(key, str) or not key:
        raise FeedUnavailable("Signing in failed.", why=f"The answer holds no key in {options.key_field!r}.")
    try:
        plain = key.encode() if options.cipher == "cryptojs" else decoded_key(key, options.key_encoding)
    except ValueError as error:
        raise FeedUnavailable("Signing in failed.", why=f"The session key cannot be used: {error}") from None
    ends_at = time.monotonic() + _lifetime(answer.get(options.lifetime_field))
    return Session(Secret(token.encode()), Secret(plain), ends_at)


def _lifetime(told: object) -> float:
    """Seconds that the session lasts as the server told, or an hour."""
    if isinstance(told, int | float) and not isinstance(told, bool) and 0 < told < 1e9:
        return float(told)
    return DEFAULT_SECONDS


def _object(content: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}


def _word(content: bytes) -> str:
    """The server's short word for what is wrong. Nothing else of its answer reaches people or logs."""
    error = _object(content).get("error")
    return f" {error}" if isinstance(error, str) and _ERROR.fullmatch(error) else ""


def _written(signature: bytes, options: SealedOptions) -> str:
    if options.signature_encoding == "base64":
        return base64.b64encode(signature).decode()
    return ("0x" if options.scheme == "eip191" else "") + signature.hex()


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
