"""``groundswell restore [--verify] [BACKUP]``: put a backup in place of the record, or prove that it could be.

A real restore takes a restore point first, and whatever fails leaves the record as it was.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from services.cli.backup import tell
from services.solo.offline import engines_for
from shared.backup import manifest as manifests
from shared.backup import places
from shared.backup.key import Key
from shared.backup.restore import Restored, check_alone, left, restore, verify
from shared.backup.take import take
from shared.config.load import load
from shared.config.settings import Settings
from shared.errors import InputError
from shared.store.database import Database
from shared.telemetry.version import installed_version

#: Part of the names of backups that restores take of what they replace.
POINT = "before-restore"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which backup, and whether only to prove it."""
    parser.add_argument("backup", nargs="?", help="name or folder of a backup (default: the newest)")
    parser.add_argument(
        "--verify", action="store_true", help="restore into a scratch database, compare, search, remove it"
    )
    parser.add_argument("--data", help="data folder of make run")
    parser.add_argument("--from", dest="folder", help="folder of the backups, instead of GROUNDSWELL_BACKUP_DIR")
    parser.add_argument("--yes", action="store_true", help="do not ask before the record is replaced")


def run(options: argparse.Namespace) -> int:
    """Do it and say what was compared."""
    settings = load("solo", given={"data_dir": options.data, "backup_dir": options.folder})
    backup = _chosen(places.folder_of(settings), options.backup)
    key = places.key_of(settings, make=False)
    left(backup.parent)
    with engines_for(settings) as ready:
        if options.verify:
            _say(f"{backup.name} can be restored", verify(ready, backup, key, tell))
            return 0
        return _restore(ready, backup, key, options.yes)


def _restore(settings: Settings, backup: Path, key: Key, sure: bool) -> int:
    manifest = manifests.read(backup)
    check_alone(settings)
    if not sure:
        print(
            f"This replaces the record with that of {manifest.taken_at:%Y-%m-%d %H:%M} UTC. Write yes to go on: ",
            end="",
        )
        if sys.stdin.readline().strip() != "yes":
            print("Nothing was changed.")
            return 1
    database = Database(settings, name="restore-point", size=2)
    database.open()
    try:
        tell("Taking a restore point")
        folder = places.folder_of(settings)
        point = take(settings, database, folder, key, version=installed_version(), label=POINT)
    finally:
        database.close()
    restored = restore(settings, backup, key, tell)
    _say(f"{backup.name} was restored", restored)
    print(f"What was there before is {point.name}.")
    return 0


def _chosen(folder: Path, name: str | None) -> Path:
    if name:
        path = Path(name) if Path(name).is_dir() else folder / name
        manifests.read(path)
        return path
    found = [path for path in manifests.whole(folder) if not path.name.endswith(POINT)]
    if not found:
        raise InputError(f"There is no backup in {folder}.", do="Take one: groundswell backup")
    return found[-1]


def _say(what: str, restored: Restored) -> None:
    searched = (
        f'a search for "{restored.searched}" found its post' if restored.searched else "there were no posts to search"
    )
    print(
        f"{what}: {restored.rows:,} rows of {restored.tables} tables are as they were backed up, {searched}; "
        f"{restored.seconds:.1f} s."
    )
