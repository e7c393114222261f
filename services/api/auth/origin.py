"""Foreign sites: a page elsewhere must not read or steer an API that listens on this machine."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from shared.errors import Forbidden, InputError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Origins:
    """The names this API answers to: loopback, and the host of its public address."""

    def __init__(self, public_url: str) -> None:
        public = urlsplit(public_url)
        self._hosts = _LOOPBACK | ({public.hostname} if public.hostname else set())
        self._public = f"{public.scheme}://{public.netloc}".lower() if public.netloc else None

    def check_host(self, host: str | None) -> None:
        """Raise InputError for a foreign Host: a name bound anew to our address (DNS rebinding)."""
        if host is None or _hostname(f"//{host}") not in self._hosts:
            raise InputError(
                "This address is not known here.",
                why="The request's Host is neither this machine nor the public address.",
                do="Set GROUNDSWELL_PUBLIC_URL to the address you open in the browser.",
            )

    def check_origin(self, origin: str | None, host: str | None, fetch_site: str | None = None) -> None:
        """Raise Forbidden when a browser sends this for a page of another site.

        Callers that are not browsers send no Origin.
        """
        foreign = Forbidden("This request came from another site.", why="Only Groundswell's own page may do this.")
        if fetch_site in ("cross-site", "same-site") and origin is None:
            raise foreign
        if origin is None or origin.lower() == self._public:
            return
        parts = _split(origin)
        if parts is None or parts.scheme not in ("http", "https") or parts.netloc.lower() != (host or "").lower():
            raise foreign


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _hostname(url: str) -> str | None:
    parts = _split(url)
    if parts is None or parts.username is not None or parts.path or parts.query:
        return None
    try:
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname
