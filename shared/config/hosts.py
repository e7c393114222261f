"""Hosts and networks, as a setting lists them with commas between."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


def read_hosts(text: str) -> tuple[frozenset[str], tuple[IPv4Network | IPv6Network, ...]]:
    """Names and networks; a number is a network of one. ValueError names the part that is neither."""
    names, networks = set(), []
    for part in (part.strip().lower() for part in text.split(",")):
        if not part:
            continue
        try:
            networks.append(ip_network(part.strip("[]"), strict=False))
        except ValueError:
            if not _NAME.fullmatch(part):
                raise ValueError(f"{part!r} is neither a host nor a network") from None
            names.add(part)
    return frozenset(names), tuple(networks)
