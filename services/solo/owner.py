"""The owner's token of a stack on this machine: made at its first start, in a file that its owner alone may read."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from shared.errors import ConfigurationError

NAME = "owner-token"


def owner_token(folder: Path) -> str:
    """The token of the data folder ``folder``, made if there is none. Raises ConfigurationError."""
    kept = folder / NAME
    if (there := read_owner_token(folder)) is not None:
        return there
    token = secrets.token_urlsafe(32)
    fresh = folder / f"{NAME}.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
    fresh.replace(kept)  # a crash leaves no half of it
    return token


def read_owner_token(folder: Path) -> str | None:
    """The token, or ``None`` without one. Raises ConfigurationError for one that others may read, or is empty."""
    kept = folder / NAME
    try:
        mode = kept.stat().st_mode & 0o777
        token = kept.read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The owner's token in {kept} cannot be read.", why=f"{error}.") from error
    if mode & 0o077:
        raise ConfigurationError(
            f"Others on this machine may read the owner's token in {kept}.",
            why=f"Its mode is {mode:o}.",
            do=f"Remove it, and another is made; or, if nobody has read it: chmod 600 {kept}",
        )
    if not token:
        raise ConfigurationError(f"The owner's token in {kept} is empty.", do="Remove it, and another is made.")
    return token


def token_of_running(folder: Path) -> str | None:
    """The token, if a stack runs on ``folder`` now: else whoever listens on its port could ask for it, and be told.

    Raises ConfigurationError.
    """
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return read_owner_token(folder)
    except OSError:
        return None
    return None
