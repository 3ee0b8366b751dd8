"""Dynamic batching: images of different requests are scored together, without waiting for one another."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Batcher(Generic[Item]):
    """A thread that takes all waiting items at once, at most `size`, as soon as it has finished those before.

    There is no timer: an item that comes alone is worked on at once, and while a batch is worked on the next one
    gathers. So batches grow with the load, and nobody waits for company.

    Args:
        work: is called with one to `size` items in the order they came; it must not raise.
        size: most items of a batch.
    """

    def __init__(self, work: Callable[[list[Item]], None], size: int) -> None:
        self._work, self._size = work, size
        self._waiting: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="decide", daemon=True)
        self._thread.start()

    def submit(self, item: Item) -> None:
        """Let an item wait for the next batch; from any thread."""
        with self._changed:
            self._waiting.append(item)
            self._changed.notify()

    def close(self) -> None:
        """Work on what still waits, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            self._work(batch)

    def _next(self) -> list[Item]:
        """Wait for items; none come any more when it returns an empty list."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]
