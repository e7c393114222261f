"""Which version this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """Version of the installed package, or "unknown" from a bare checkout."""
    try:
        return version("groundswell")
    except PackageNotFoundError:
        return "unknown"
