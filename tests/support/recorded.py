"""Lines of a recording as ``groundswell detect`` reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from services.api.momentum.detect import Reading
from services.cli.recorded import readings
from services.relay.frames import Frame


def read(lines: Iterable[bytes]) -> Iterator[Reading | None]:
    """One reading a line."""
    return readings(Frame(line, len(line)) for line in lines)
