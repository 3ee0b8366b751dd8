"""A process that ends when the one that started it is killed: otherwise it would go on alone, and write."""

from __future__ import annotations

import os
import threading
import time
from functools import cache

INTERVAL = 1.0  # seconds between two looks
ORPHANED = 3  # exit status of a process whose parent is gone


@cache
def end_with_parent(parent: int) -> None:
    """End this process soon after its parent has ended in any way, SIGKILL included.

    A thread looks at the parent's number, which changes when the parent is gone. Linux can send a signal instead, but
    does so also when only the thread has ended that started the process.

    Args:
        parent: process id of the parent, as the parent knows it.
    """
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(INTERVAL)
    os._exit(ORPHANED)  # nobody is there to whom an error could be told
