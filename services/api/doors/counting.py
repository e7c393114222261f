"""Metrics of a call, whichever door it came through."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from services.api.metrics import REQUEST_SECONDS, REQUESTS
from services.api.operations.registry import Operation
from shared.errors import GroundswellError


@contextmanager
def counted(operation: Operation[Any, Any]) -> Iterator[None]:
    """Count the call inside, by its status, and the time it takes."""
    began, status = time.monotonic(), 500
    try:
        yield
        status = operation.status
    except GroundswellError as error:
        status = error.status
        raise
    finally:
        REQUESTS.labels(operation.name, str(status)).inc()
        REQUEST_SECONDS.labels(operation.name).observe(time.monotonic() - began)
