"""Where a request may go: decided at the very connect, so that a name cannot answer twice.

A name that is checked first and connected to later can change in between (DNS rebinding), and libraries resolve names
themselves. So the address is judged when a socket of this thread or task connects to it: Python announces that
(``sys.audit``, "socket.connect") before it happens, and an exception there prevents it. It holds for every library that
uses Python's sockets in the same thread or task: httpx, requests, smtplib.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import msgspec

from shared.config.hosts import read_hosts

#: Public by their number in some versions of Python, and only for who is there: Azure's wire server, Oracle's metadata.
_WITHIN = tuple(map(ip_network, ("168.63.129.16/32", "192.0.0.0/24")))
_NAT64 = ip_network("64:ff9b::/96")
_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Refused(OSError):
    """The address is one that nobody outside may lead us to."""


class Trip:
    """One request under way. ``refused`` is the first address that it was kept from."""

    def __init__(self, networks: tuple[Network, ...], *, free: bool) -> None:
        self._networks, self._free = networks, free
        self.refused: str | None = None

    def check(self, address: Any) -> None:
        """Raise Refused for the address of a socket that must not be reached."""
        if self._free:
            return
        host = address[0] if isinstance(address, tuple) and address else None
        try:
            number = ip_address(host.partition("%")[0] if isinstance(host, str) else "")
        except ValueError:  # a Unix socket, or a name that would be resolved behind our back
            number = None
        if number is not None and (is_public(number) or any(number in network for network in self._networks)):
            return
        self.refused = self.refused or str(number or "a local socket")
        raise Refused(f"{self.refused} is a private address")


class Reach(msgspec.Struct, frozen=True):
    """Where requests may go beside the public internet: to hosts by ``names``, to ``networks``."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def also(self, url: str) -> Reach:
        """The same, with the host of ``url``, which the operator chose."""
        return Reach(self.names | {_host(url)}, self.networks)

    @contextmanager
    def to(self, url: str) -> Iterator[Trip]:
        """Hold whatever connects meanwhile, in this thread or task, to these bounds."""
        _listen()
        trip = Trip(self.networks, free=_host(url) in self.names)
        before = _trip.set(trip)
        try:
            yield trip
        finally:
            _trip.reset(before)


def read_reach(text: str) -> Reach:
    """What the setting ``outbound_allow`` allows. ValueError names the part that is neither host nor network."""
    return Reach(*read_hosts(text))


def is_public(number: Address) -> bool:
    """Whether ``number`` belongs to the public internet, also when it is wrapped in an IPv6 one."""
    if isinstance(number, IPv6Address):
        inner = number.ipv4_mapped or number.sixtofour or (number.teredo or (None, None))[1]
        if inner is None and number in _NAT64:
            inner = IPv4Address(int(number) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
    return number.is_global and not number.is_multicast and not any(number in network for network in _WITHIN)


_trip: ContextVar[Trip | None] = ContextVar("groundswell_trip", default=None)
_listening = False


def _listen() -> None:
    """Once a process: a hook stays for its life."""
    global _listening  # noqa: PLW0603 - the interpreter's own list of hooks is as global
    if not _listening:
        _listening = True
        sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _EVENTS and (trip := _trip.get()) is not None:
        trip.check(arguments[1])


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
