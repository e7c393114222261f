"""The C library's allocator, told to give large blocks back."""

from __future__ import annotations

import ctypes

#: M_MMAP_THRESHOLD of glibc's mallopt(3).
_MMAP_THRESHOLD = -3
_LARGE_BYTES = 1 << 20


def give_back_large_blocks() -> None:
    """Keep the working arrays of a tick out of the heap, where they leave holes that stay resident.

    glibc raises the size from which it maps blocks of their own to whatever was freed last; set by hand, it
    stays. Other C libraries have no such call, and nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)


def give_back_free_pages() -> None:
    """Return what lies free inside the heap: minutes leave at another time than those beside them, and the holes
    stay resident. Takes about a millisecond; other C libraries have no such call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
