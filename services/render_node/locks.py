"""Lock files that a crash left behind: a publishing program that finds one refuses to open its template."""

from __future__ import annotations

import contextlib
import glob
import stat
from collections.abc import Iterable
from pathlib import Path

#: More matches than this are no lock files: the pattern is wrong, and nothing is removed.
MOST_LOCKS = 200
#: Starts of processes are known to about a second: only what is clearly older was there before.
MARGIN_SECONDS = 5.0


def clear(patterns: Iterable[str], held_since: float | None) -> list[Path]:
    """Remove the files that nobody holds; those removed.

    ``held_since`` is when the oldest process that may hold one began (seconds since 1970, the node's clock): a
    file that is older is nobody's. ``None``: no such process lives, so that all are stale. Only plain files are
    removed, never folders nor what a link leads to.
    """
    found = [Path(name) for pattern in patterns for name in glob.glob(pattern, include_hidden=True)]  # noqa: PTH207
    if len(found) > MOST_LOCKS:
        return []
    removed = []
    for path in found:
        with contextlib.suppress(OSError):
            about = path.lstat()
            if stat.S_ISREG(about.st_mode) and (held_since is None or about.st_mtime < held_since - MARGIN_SECONDS):
                path.unlink()
                removed.append(path)
    return removed
