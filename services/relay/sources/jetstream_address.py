"""Which hosts a Jetstream feed names, which version they speak, and how each is asked. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from services.relay.commits import POST, REACTIONS
from services.relay.spec import FeedSpec
from services.relay.wires import jetstream, jetstream2
from services.relay.wires.look import Look
from shared.errors import ConfigurationError

COLLECTIONS = (POST, *REACTIONS)
#: What is asked of a server of the second version: identity and account events double as a heartbeat.
KINDS = ("commit", "identity", "account")


class Dialect(msgspec.Struct, frozen=True):
    """One version of the protocol as its client speaks it.

    ``ours`` are the parameters we set ourselves; ``fixed`` is asked always, ``compressed`` (given the
    dictionary's id) where we unpack. ``numbered``: every event bears a number, its token.
    """

    wire: str
    ours: frozenset[str]
    fixed: tuple[tuple[str, str], ...]
    compressed: Callable[[int], tuple[str, str]]
    look: Callable[[bytes], Look | None]
    numbered: bool
    subprotocols: tuple[str, ...] = ()

    def query(self, url: str, cursor: int, dictionary: int | None) -> str:
        """``url`` with the cursor and what we read; other parameters the operator put there stay."""
        parts = urlsplit(url)
        kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in self.ours]
        packed = [] if dictionary is None else [self.compressed(dictionary)]
        return urlunsplit(parts._replace(query=urlencode([*kept, *self.fixed, ("cursor", str(cursor)), *packed])))


V1 = Dialect(
    wire=jetstream.WIRE,
    # A server that is told to wait for our hello would wait for ever: we send nothing.
    ours=frozenset(("cursor", "wantedCollections", "compress", "requireHello")),
    fixed=tuple(("wantedCollections", name) for name in COLLECTIONS),
    compressed=lambda _: ("compress", "true"),
    look=jetstream.look,
    numbered=False,
)
V2 = Dialect(
    wire=jetstream2.WIRE,
    ours=frozenset(("cursor", "kinds", "collections", "zstdDictionary")),
    fixed=(*(("kinds", kind) for kind in KINDS), *(("collections", name) for name in COLLECTIONS)),
    compressed=lambda number: ("zstdDictionary", str(number)),
    look=jetstream2.look,
    numbered=True,
    subprotocols=(jetstream2.SUBPROTOCOL,),
)
_VERSIONS = {1: V1, 2: V2}


def urls_of(spec: FeedSpec) -> list[str]:
    """The addresses of a feed: its own, comma-separated, then those in ``options.hosts``. Each once."""
    more = spec.options.get("hosts", [])
    if not isinstance(more, list) or not all(isinstance(url, str) for url in more):
        raise _bad(spec, "Its options.hosts is no list of addresses")
    urls = list(dict.fromkeys(url.strip() for url in [*spec.url.split(","), *more] if url.strip()))
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.netloc:
            raise _bad(spec, f"{url!r} is no WebSocket address")
    if not urls:
        raise _bad(spec, "It names no host")
    return urls


def dialect_of(spec: FeedSpec) -> Dialect:
    """The version that all hosts of a feed speak: ``options.version``, or as their paths say."""
    chosen = spec.options.get("version")
    if chosen is None:
        found = {2 if urlsplit(url).path.rstrip("/") == jetstream2.PATH else 1 for url in urls_of(spec)}
        if len(found) > 1:
            raise _bad(spec, "Its hosts speak different versions of Jetstream")
        chosen = found.pop()
    if isinstance(chosen, bool) or chosen not in _VERSIONS:
        raise _bad(spec, f"Its options.version is {chosen!r}, not 1 or 2")
    return _VERSIONS[chosen]


class Hosts:
    """The hosts of one feed in turn. Moves on only when the last attempt brought nothing."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls, self._at = list(urls), 0
        self._tried: object = None
        self._stay = False

    @property
    def url(self) -> str:
        """The address to use now."""
        return self._urls[self._at]

    @property
    def host(self) -> str:
        """Its host and port."""
        return host_of(self.url)

    def choose(self, host: str, progress: object) -> None:
        """Before each attempt. ``host`` is the stored cursor's, where a start begins; ``progress`` is compared."""
        if self._tried is None:
            hosts = [host_of(url) for url in self._urls]
            self._at = hosts.index(host) if host in hosts else 0
        elif self._tried == progress and not self._stay:
            self._at = (self._at + 1) % len(self._urls)
        self._tried, self._stay = progress, False

    def stay(self) -> None:
        """The next attempt goes to the same host: it is asked in another way."""
        self._stay = True


def host_of(url: str) -> str:
    """Host and port of an address, without its user."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _bad(spec: FeedSpec, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The feed {spec.id} cannot be read.",
        why=f"{why}.",
        do="For example: wss://jetstream2.us-east.bsky.network/subscribe.",
    )
