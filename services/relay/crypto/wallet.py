"""Signing a sign-in text as a wallet does. Source: EIP-191 (personal_sign), EIP-55, EIP-4361, RFC 8032.

The text itself is signed, not its hex, and its length counts UTF-8 bytes.
"""

from __future__ import annotations

from typing import Literal, Protocol

import coincurve
from Crypto.Hash import keccak
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from services.relay.crypto.secret import Secret

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Wallet(Protocol):
    """A key that signs texts."""

    @property
    def address(self) -> str:
        """Who signs, as the scheme writes it."""
        ...

    def sign(self, text: str) -> bytes:
        """The signature of ``text``."""
        ...


class EthereumWallet:
    """secp256k1. ``recovery`` is how the last byte of a signature counts: 27/28, or 0/1 as some servers want."""

    def __init__(self, secret: Secret, recovery: Literal[0, 27] = 27) -> None:
        self._secret, self._recovery = secret, recovery
        public = coincurve.PublicKey.from_valid_secret(secret.reveal())
        self.address = _address(public)

    def sign(self, text: str) -> bytes:
        """65 bytes: r, s, v."""
        key = coincurve.PrivateKey(self._secret.reveal())
        signature = key.sign_recoverable(personal_hash(text), hasher=None)
        return signature[:64] + bytes([signature[64] + self._recovery])


class Ed25519Wallet:
    """Ed25519 over the text's bytes; ``style`` is how the public key is written."""

    def __init__(self, secret: Secret, style: Literal["hex", "base58"] = "hex") -> None:
        self._secret = secret
        public = self._key().public_key().export_key(format="raw")
        self.address = public.hex() if style == "hex" else base58(public)

    def sign(self, text: str) -> bytes:
        """64 bytes."""
        return eddsa.new(self._key(), "rfc8032").sign(text.encode())

    def _key(self) -> ECC.EccKey:
        return ECC.construct(curve="Ed25519", seed=self._secret.reveal())  # type: ignore[arg-type]  # bytes, as its manual says


def personal_hash(text: str) -> bytes:
    """What personal_sign signs: Keccak-256 of the prefix, the length in bytes, and the text."""
    content = text.encode()
    return _keccak(b"\x19Ethereum Signed Message:\n" + str(len(content)).encode() + content)


def signer_of(text: str, signature: bytes) -> str:
    """Address that signed ``text``; v may be 0/1 or 27/28. ValueError for what is no signature."""
    if len(signature) != 65 or signature[64] not in (0, 1, 27, 28):
        raise ValueError("a signature is 65 bytes that end in 0, 1, 27 or 28")
    compact = signature[:64] + bytes([signature[64] % 27])
    try:
        return _address(coincurve.PublicKey.from_signature_and_message(compact, personal_hash(text), hasher=None))
    except Exception as error:  # the library raises a bare Exception
        raise ValueError("no key makes this signature") from error


def signed_by_ed25519(public: bytes, text: str, signature: bytes) -> bool:
    """Whether the key ``public`` (32 bytes) signed ``text``."""
    try:
        eddsa.new(eddsa.import_public_key(public), "rfc8032").verify(text.encode(), signature)
    except ValueError:
        return False
    return True


def same_address(one: str, other: str) -> bool:
    """Ethereum addresses differ in case only by their checksum."""
    return one.lower() == other.lower()


def base58(data: bytes) -> str:
    """Bitcoin's alphabet, as Solana writes keys."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _address(public: coincurve.PublicKey) -> str:
    """With EIP-55's checksum in the case of its letters."""
    plain = _keccak(public.format(compressed=False)[1:])[-20:].hex()
    digest = _keccak(plain.encode()).hex()
    return "0x" + "".join(
        char.upper() if int(digit, 16) >= 8 else char for char, digit in zip(plain, digest, strict=False)
    )


def _keccak(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()
