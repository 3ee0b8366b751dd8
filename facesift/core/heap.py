"""Keeps freed memory in the process: glibc otherwise gives each large block back, and its pages are cleared anew."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # the names of glibc's malloc.h
LARGEST = 32 << 20  # bytes of a block that comes from the heap; the most that all versions of glibc allow
KEPT = 256 << 20  # free bytes at the end of the heap before some are given back


@cache
def keep_freed_memory() -> bool:
    """Let this process use freed memory again, in place of asking the system for it.

    A network frees and allocates the same megabytes for each image. Without this, a third of the processor time of
    features goes into clearing pages. It changes no result; a process keeps up to `KEPT` bytes that it does not use.

    Returns:
        Whether it was done: with glibc alone.
    """
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    return all(library.mallopt(name, size) for name, size in [(MMAP_THRESHOLD, LARGEST), (TRIM_THRESHOLD, KEPT)])
