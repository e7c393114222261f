"""Where a feed's zstd dictionary comes from: a file, an address the operator chose, or the feed's own host.

Nothing that came out of a feed is ever an address here. What was fetched is checked and kept in the
cache folder, so that it is fetched once.
"""

from __future__ import annotations

import contextlib
import http.client
import tempfile
import time
from hashlib import blake2b
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from services.relay.sources.zstd import MAX_DICTIONARY_BYTES, Dictionary, dictionary_from
from shared.errors import FeedUnavailable, InputError
from shared.telemetry import logs

#: The word for "ask the feed's own host"; only servers of the second version answer.
SERVER = "server"
SERVER_PATH = "/xrpc/network.bsky.jetstream.getZstdDictionary"
_FETCH_SECONDS = 5.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Dictionaries:
    """One feed's dictionary, loaded when first asked for.

    ``where`` is a path, ``https://...`` with an optional ``#sha256=HEX`` to hold it to, ``SERVER``, or
    empty for none. ``folder`` keeps what was fetched.
    """

    def __init__(self, where: str, folder: Path) -> None:
        self._where, self._folder = where, folder
        self._found: dict[str, Dictionary] = {}
        #: Why frames come uncompressed, said last; empty before there was a reason.
        self.why_unused = ""

    def get(self, feed_url: str) -> Dictionary | None:
        """The dictionary to use with ``feed_url``; ``None`` when there is none, which is logged once a reason."""
        if not self._where:
            return None
        url = server_url(feed_url) if self._where == SERVER else self._where
        if url in self._found:
            return self._found[url]
        try:
            found = self._fetched(url) if "://" in url else _from_file(url)
        except (InputError, FeedUnavailable) as error:
            self.unused(str(error))
            return None
        self._found[url] = found
        return found

    def forget(self, feed_url: str) -> bool:
        """The server of ``feed_url`` has another dictionary by now; whether asking again can help."""
        if self._where != SERVER:
            return False
        url = server_url(feed_url)
        self._found.pop(url, None)
        self._kept(url).unlink(missing_ok=True)
        return True

    def unused(self, why: str) -> None:
        """Say, once for each reason, that frames come uncompressed."""
        if why != self.why_unused:
            self.why_unused = why
            logs.get(__name__).warning("feed_uncompressed", why=why)

    def _fetched(self, url: str) -> Dictionary:
        kept, expected = self._kept(url), _expected(url)
        with contextlib.suppress(InputError):
            return _from_file(str(kept), expected)
        found = dictionary_from(_fetch(urlsplit(url)), expected)
        _keep(kept, found.data)
        return found

    def _kept(self, url: str) -> Path:
        return self._folder / f"zstd-{blake2b(url.encode(), digest_size=8).hexdigest()}.dictionary"


def server_url(feed_url: str) -> str:
    """Where the server of ``feed_url`` offers its dictionary."""
    parts = urlsplit(feed_url)
    return f"{'https' if parts.scheme == 'wss' else 'http'}://{parts.netloc.rpartition('@')[2]}{SERVER_PATH}"


def _from_file(path: str, expected: str = "") -> Dictionary:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_DICTIONARY_BYTES + 1)
    except OSError as error:
        raise InputError(f"The zstd dictionary {path} cannot be read.", why=error.strerror or str(error)) from error
    return dictionary_from(data, expected)


def _expected(url: str) -> str:
    return parse_qs(urlsplit(url).fragment).get("sha256", [""])[0]


def _fetch(parts: SplitResult) -> bytes:
    """The bytes at an address; no redirect is followed. Raises FeedUnavailable and InputError."""
    host = parts.hostname or ""
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise InputError("The zstd dictionary is not fetched.", why="Its address is neither https nor on this machine.")
    what = f"The zstd dictionary could not be fetched from {host}."
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(host, parts.port, timeout=_FETCH_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise FeedUnavailable(what, why=f"The server answered HTTP {response.status}.")
            return _read(response)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FeedUnavailable(what, why=type(error).__name__) from error


def _read(response: http.client.HTTPResponse) -> bytes:
    """The body, bounded in size and in time however slowly it drips."""
    until, body = time.monotonic() + 2 * _FETCH_SECONDS, b""
    while len(body) <= MAX_DICTIONARY_BYTES and (piece := response.read1(65_536)):
        body += piece
        if time.monotonic() > until:
            raise TimeoutError
    return body


def _keep(path: Path, data: bytes) -> None:
    """Write whole or not at all. A cache that cannot be written costs another fetch, nothing else."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
        Path(file.name).replace(path)
    except OSError as error:
        logs.get(__name__).debug("zstd_dictionary_not_kept", error=str(error))
