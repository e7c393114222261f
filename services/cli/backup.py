"""``groundswell backup [take | list | key]``: a backup now, those there are, and the key they are read with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from services.cli.words import size
from services.solo.offline import engines_for
from shared.backup import manifest as manifests
from shared.backup import places
from shared.backup.take import rotate, take
from shared.config.load import load
from shared.config.settings import Settings
from shared.store.database import Database
from shared.telemetry.version import installed_version


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and where."""
    parser.add_argument("action", nargs="?", choices=("take", "list", "key"), default="take")
    parser.add_argument("--data", help="data folder of make run")
    parser.add_argument("--to", help="folder of the backups, instead of GROUNDSWELL_BACKUP_DIR")


def run(options: argparse.Namespace) -> int:
    """Do it and say what was done."""
    settings = load("solo", given={"data_dir": options.data, "backup_dir": options.to})
    if options.action == "list":
        return _list(places.folder_of(settings))
    if options.action == "key":
        places.key_of(settings, make=True)
        print(places.key_path(settings).read_text("utf-8"), end="")
        print("Keep a copy elsewhere: without it no backup can be read.", file=sys.stderr)
        return 0
    with engines_for(settings) as ready:
        return _take(ready)


def _take(settings: Settings) -> int:
    key = places.key_of(settings, make=True)
    folder = places.folder_of(settings)
    database = Database(settings, name="backup", size=2)
    database.open()
    try:
        path = take(settings, database, folder, key, version=installed_version(), progress=tell)
    finally:
        database.close()
    manifest = manifests.read(path)
    rows = sum(held.rows for held in manifest.tables.values())
    taken = size(sum(part.bytes for part in manifest.parts))
    print(f"{path}: {rows:,} rows of {len(manifest.tables)} tables, {taken}, {manifest.seconds:.1f} s")
    if gone := rotate(folder, settings.backup_keep):
        print(f"Removed the oldest: {', '.join(gone)}.")
    if settings.backup_remote:
        places.copy_off(path, settings.backup_remote)
        print(f"Copied to {settings.backup_remote}.")
    print(f"The key is {places.key_path(settings)}. Keep a copy elsewhere: without it no backup can be read.")
    return 0


def _list(folder: Path) -> int:
    found = manifests.whole(folder)
    for path in found:
        manifest = manifests.read(path)
        rows = sum(held.rows for held in manifest.tables.values())
        print(f"{path.name}  {size(sum(part.bytes for part in manifest.parts)):>9}  {rows:,} rows")
    if not found:
        print(f"There is no backup in {folder}. Take one: groundswell backup")
    return 0


def tell(step: str) -> None:
    """Progress, for people."""
    print(f"  {step} ...", file=sys.stderr)
