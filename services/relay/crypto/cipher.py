"""Opening and sealing frames: AES-256-GCM, or CBC where a feed has nothing better. Source: NIST SP 800-38A and D.

CBC proves nothing: whoever changes a frame on its way may change what it says. Every failure is one
and the same ``Unsealable``, so that nothing tells a wrong padding from a wrong key.
"""

from __future__ import annotations

from typing import Protocol

from Crypto.Cipher import AES
from Crypto.Hash import MD5
from Crypto.Util.Padding import pad, unpad

from services.relay.crypto.secret import Secret
from shared.contracts.sealed_feed import CipherName

KEY_BYTES, TAG_BYTES = 32, 16
_SALTED, _SALT_BYTES, _BLOCK = b"Salted__", 8, 16


class Unsealable(Exception):
    """The frame cannot be opened with this key, whatever the cause."""

    def __init__(self) -> None:
        super().__init__("the frame cannot be decrypted or authenticated")


class Cipher(Protocol):
    """One session's key."""

    def open(self, iv: bytes, content: bytes) -> bytes:
        """The plain bytes. Raises Unsealable."""
        ...

    def seal(self, iv: bytes, plain: bytes) -> bytes:
        """What ``open`` takes."""
        ...


def cipher(name: CipherName, key: Secret) -> Cipher:
    """The cipher called ``name``. ValueError when the key does not fit it."""
    if name == "cryptojs":
        return _CryptoJs(key)
    if len(key.reveal()) != KEY_BYTES:
        raise ValueError(f"the session key is not {KEY_BYTES} bytes")
    return _Gcm(key) if name == "aes-256-gcm" else _Cbc(key)


class _Gcm:
    """The tag follows the ciphertext."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def open(self, iv: bytes, content: bytes) -> bytes:
        if len(content) < TAG_BYTES:
            raise Unsealable
        try:
            opened = AES.new(self._key.reveal(), AES.MODE_GCM, nonce=iv)
            return opened.decrypt_and_verify(content[:-TAG_BYTES], content[-TAG_BYTES:])
        except ValueError:
            raise Unsealable from None

    def seal(self, iv: bytes, plain: bytes) -> bytes:
        content, tag = AES.new(self._key.reveal(), AES.MODE_GCM, nonce=iv).encrypt_and_digest(plain)
        return content + tag


class _Cbc:
    """PKCS#7 padding."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def open(self, iv: bytes, content: bytes) -> bytes:
        return _open_cbc(self._key.reveal(), iv, content)

    def seal(self, iv: bytes, plain: bytes) -> bytes:
        return AES.new(self._key.reveal(), AES.MODE_CBC, iv=iv).encrypt(pad(plain, _BLOCK))


class _CryptoJs:
    """CryptoJS with a key given as text: salt in front, key and IV from OpenSSL's EVP_BytesToKey (MD5, one round)."""

    def __init__(self, key: Secret) -> None:
        self._passphrase = key

    def open(self, iv: bytes, content: bytes) -> bytes:
        if not content.startswith(_SALTED):
            raise Unsealable
        salt = content[len(_SALTED) : len(_SALTED) + _SALT_BYTES]
        key, own_iv = bytes_to_key(self._passphrase, salt)
        return _open_cbc(key, own_iv, content[len(_SALTED) + _SALT_BYTES :])

    def seal(self, iv: bytes, plain: bytes) -> bytes:
        salt = iv[:_SALT_BYTES]
        key, own_iv = bytes_to_key(self._passphrase, salt)
        return _SALTED + salt + AES.new(key, AES.MODE_CBC, iv=own_iv).encrypt(pad(plain, _BLOCK))


def bytes_to_key(passphrase: Secret, salt: bytes) -> tuple[bytes, bytes]:
    """OpenSSL's EVP_BytesToKey with MD5 and one round: (key of 32 bytes, IV of 16)."""
    derived = last = b""
    while len(derived) < KEY_BYTES + _BLOCK:
        last = MD5.new(last + passphrase.reveal() + salt).digest()  # noqa: S303 - what CryptoJS does
        derived += last
    return derived[:KEY_BYTES], derived[KEY_BYTES : KEY_BYTES + _BLOCK]


def _open_cbc(key: bytes, iv: bytes, content: bytes) -> bytes:
    try:
        return unpad(AES.new(key, AES.MODE_CBC, iv=iv).decrypt(content), _BLOCK)
    except ValueError:
        raise Unsealable from None
