"""Where backups and their key lie, and their copy elsewhere."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from shared.backup.key import Key, key_at, make_key
from shared.config.settings import Settings
from shared.errors import DependencyError

#: What copying one backup may take.
COPY_SECONDS = 3 * 3600


def folder_of(settings: Settings) -> Path:
    """The backups."""
    return Path(settings.backup_dir) if settings.backup_dir else Path(settings.data_dir) / "backups"


def key_path(settings: Settings) -> Path:
    """The key's file."""
    if settings.backup_key_file:
        return Path(settings.backup_key_file)
    return Path(settings.data_dir) / "secrets" / "backup.key"


def key_of(settings: Settings, *, make: bool) -> Key:
    """The key; a new one where there is none and ``make`` says so. Raises ConfigurationError."""
    path = key_path(settings)
    return make_key(path) if make and not path.exists() and not settings.backup_key_file else key_at(path)


def copy_off(backup: Path, remote: str) -> None:
    """Copy a backup to ``remote``:path by rclone. Raises DependencyError."""
    if shutil.which("rclone") is None:
        raise DependencyError("rclone is not installed.", do="On Debian and Ubuntu: apt install rclone.")
    target = f"{remote.rstrip('/')}/{backup.name}"
    try:
        done = subprocess.run(
            ["rclone", "copy", "--checksum", "--retries", "3", str(backup), target],
            capture_output=True, text=True, check=False, timeout=COPY_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DependencyError("rclone took too long.", why=f"{COPY_SECONDS // 3600} hours.") from error
    if done.returncode:
        raise DependencyError(f"The copy to {remote} failed.", why="\n".join(done.stderr.strip().splitlines()[-3:]))
