"""``groundswell vectors``: what the vector index holds, comparing it with the record, snapshots of Qdrant."""

from __future__ import annotations

import argparse
import os
import socket
import threading
from pathlib import Path

from shared.config.load import load
from shared.config.settings import Settings
from shared.errors import ConfigurationError
from shared.store.database import Database
from shared.vectors.make import open_index
from shared.vectors.repair import Repair


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and where snapshots lie."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    actions.add_parser("status", help="say which models have vectors, and how many")
    actions.add_parser("repair", help="compare the index with the record and have the relay mend it")
    snapshot = actions.add_parser("snapshot", help="keep every collection of Qdrant as a file")
    snapshot.add_argument("folder", type=Path, help="where the files go")
    restore = actions.add_parser("restore", help="put such a file in place of what Qdrant has of that model")
    restore.add_argument("file", type=Path, help="the file")


def run(options: argparse.Namespace) -> int:
    """Do it and say what was done."""
    settings = load("worker")
    database = Database(settings, name="vectors", size=2)
    database.open()
    try:
        return _ACTIONS[options.action](settings, database, options)
    finally:
        database.close()


def _status(settings: Settings, database: Database, _options: argparse.Namespace) -> int:
    index = open_index(settings, database)
    for model in index.models():
        print(f"{model}: {index.count(model)} vectors")
    return 0


def _repair(settings: Settings, database: Database, _options: argparse.Namespace) -> int:
    repair = Repair(database, open_index(settings, database), f"{socket.gethostname()}:{os.getpid()}:cli", pause=0.0)
    found = repair(threading.Event(), every=0.0)
    print(
        f"Compared {found.looked}. {found.missing} posts had no vector and get one; {found.extra} vectors had no post"
        " and go. The relay does both."
    )
    return 0


def _snapshot(settings: Settings, database: Database, options: argparse.Namespace) -> int:
    _check_qdrant(settings)
    from shared.vectors.qdrant_snapshots import Snapshots

    options.folder.mkdir(parents=True, exist_ok=True)
    snapshots = Snapshots(settings.qdrant_url, settings.qdrant_api_key)
    try:
        for model in open_index(settings, database).models():
            print(snapshots.save(model, options.folder))
    finally:
        snapshots.close()
    return 0


def _restore(settings: Settings, _database: Database, options: argparse.Namespace) -> int:
    _check_qdrant(settings)
    from shared.vectors.qdrant_snapshots import Snapshots

    snapshots = Snapshots(settings.qdrant_url, settings.qdrant_api_key)
    try:
        print(f"{snapshots.restore(options.file)} is as it was. Now run: groundswell vectors repair")
    finally:
        snapshots.close()
    return 0


def _check_qdrant(settings: Settings) -> None:
    if settings.vector_backend != "qdrant":
        raise ConfigurationError(
            "Only Qdrant has snapshots.",
            why=f"The vector backend is {settings.vector_backend}.",
            do="pgvector's vectors are in PostgreSQL and in its backups.",
        )


_ACTIONS = {"status": _status, "repair": _repair, "snapshot": _snapshot, "restore": _restore}
