"""What a source must know of a frame before the pipeline reads it."""

from __future__ import annotations

import msgspec


class Look(msgspec.Struct, gc=False):
    """A glance at one frame.

    Of an event: ``time_us`` and ``token``, the server's own cursor after it. Of a notice that is no
    event: ``notice``. Of the frame that ends a connection: ``error``, the server's word for why.
    Both are short lines for people.
    """

    time_us: int = 0
    token: int | None = None
    notice: str = ""
    error: str = ""
