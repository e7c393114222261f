"""The key that backups are encrypted with, in age's format. The only home of pyrage.

Anything that reads age files reads them: ``age --decrypt -i backup.key record.dump.age``.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pyrage
from pyrage import x25519

from shared.errors import ConfigurationError, InputError

SUFFIX = ".age"


class Key:
    """Encrypts and decrypts files."""

    def __init__(self, text: str) -> None:
        try:
            self._identity = x25519.Identity.from_str(text.strip())
        except pyrage.IdentityError:
            raise ConfigurationError(
                "The backup's key is none.", why="It begins with AGE-SECRET-KEY-1.", do="See docs/backup.md."
            ) from None
        #: What it encrypts for; no secret.
        self.recipient = str(self._identity.to_public())

    def encrypt(self, plain: Path, target: Path) -> None:
        """``plain`` as ``target``."""
        pyrage.encrypt_file(str(plain), str(target), [self._identity.to_public()])

    def decrypt(self, encrypted: Path, target: Path) -> None:
        """``encrypted`` as ``target``. Raises InputError for another key's file and for one that was changed."""
        try:
            pyrage.decrypt_file(str(encrypted), str(target), [self._identity])
        except pyrage.DecryptError as error:
            target.unlink(missing_ok=True)
            raise InputError(
                f"{encrypted.name} cannot be decrypted.",
                why=f"It was made with another key, or it was damaged ({error}).",
                do="Give the key that it was made with: GROUNDSWELL_BACKUP_KEY_FILE.",
            ) from None


def key_at(path: Path) -> Key:
    """The key in the file ``path``. Raises ConfigurationError."""
    try:
        mode = path.stat().st_mode
        text = path.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"The backup's key cannot be read from {path}.", why=f"{getattr(error, 'strerror', None) or error}."
        ) from error
    if mode & 0o077:
        raise ConfigurationError(f"Others may read the backup's key in {path}.", do=f"Run: chmod 600 {path}")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return Key(lines[0] if lines else "")


def make_key(path: Path) -> Key:
    """A new key in the file ``path``, which only its owner may read; the one that is there, if there is one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = x25519.Identity.generate()
    half = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"# Backups are encrypted for {made.to_public()}\n{made}\n")
    with contextlib.suppress(FileExistsError):  # whoever made one first is right
        os.link(half, path)
    half.unlink()
    return key_at(path)
