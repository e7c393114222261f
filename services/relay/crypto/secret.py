"""A secret that no log, repr or error ever shows, and the places an operator may keep one."""

from __future__ import annotations

import base64
import binascii
import re
import stat
from pathlib import Path

from shared.contracts.sealed_feed import KeyEncoding
from shared.errors import ConfigurationError

#: No key is longer; a larger file is not one.
_MOST_BYTES = 4_096
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Secret:
    """Bytes that only ``reveal`` gives out. Its repr, str, pickle and comparison tell nothing."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes, for the one call that needs them."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down")


def decoded_key(text: str | bytes, encoding: KeyEncoding | None = None, size: int = 32) -> bytes:
    """``size`` key bytes from hex, base64 (either alphabet) or raw. ValueError says what is wrong, not the key.

    Without ``encoding`` the length tells which it is. A hex string is never taken as raw text: as
    UTF-8 its 64 characters are no 32-byte key.
    """
    plain = text.encode() if isinstance(text, str) else text
    if encoding is None:
        if len(plain) == size:
            return plain
        plain = plain.strip()
        encoding = "hex" if len(plain.removeprefix(b"0x")) == 2 * size else "raw" if len(plain) == size else "base64"
    if encoding == "hex":
        key = _unhex(plain)
    elif encoding == "base64":
        key = _unbase64(plain)
    else:
        key = plain
    if len(key) != size:
        looks = " It looks like hex." if encoding == "raw" and len(key) == 2 * size else ""
        raise ValueError(f"it is {len(key)} bytes as {encoding}, not {size}.{looks}")
    return key


def key_from_text(text: str, where: str) -> Secret:
    """A 32-byte private key from a variable. ``where`` names the variable in the ConfigurationError."""
    return _key(text.encode(), where)


def key_from_file(path: Path, where: str) -> Secret:
    """A 32-byte private key from a file that only its owner may read. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise _bad(where, f"{path} cannot be read: {error.strerror or 'it is not a file'}") from None
    if not stat.S_ISREG(mode):
        raise _bad(where, f"{path} is not a plain file")
    if mode & 0o077:
        raise _bad(where, f"{path} is open to others (mode {mode & 0o777:03o}); run: chmod 600 {path}")
    return _key(content, where)


def named_file(folder: Path, name: str, where: str) -> Path:
    """The file called ``name`` inside ``folder``, and nowhere else. Raises ConfigurationError."""
    if not _NAME.fullmatch(name):
        raise _bad(where, "it must be the plain name of a file in the folder of secrets")
    return folder / name


def _key(content: bytes, where: str) -> Secret:
    try:
        return Secret(decoded_key(content))
    except ValueError:
        raise _bad(where, "it does not hold 32 bytes as hex, base64 or raw") from None


def _unhex(plain: bytes) -> bytes:
    try:
        return binascii.unhexlify(plain.removeprefix(b"0x"))
    except binascii.Error:
        raise ValueError("it is not hex") from None


def _unbase64(plain: bytes) -> bytes:
    try:
        padded = plain.rstrip(b"=") + b"=" * (-len(plain.rstrip(b"=")) % 4)
        return base64.b64decode(padded.translate(bytes.maketrans(b"-_", b"+/")), validate=True)
    except binascii.Error:
        raise ValueError("it is not base64") from None


def _bad(where: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The key that {where} names cannot be used.",
        why=f"{why[0].upper()}{why[1:]}.",
        do="Put 32 bytes as hex or base64 into a file of mode 600.",
    )
