"""How many pixels the threads of a process may decode at a time: large images wait for one another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

PIXELS = 50_000_000  # about 0.6 GB: pixels as stored, as RGB and with transparency, for a moment at once


class PixelBudget:
    """Lets threads hold a limited number of pixels at a time; one image alone may have more.

    Args:
        limit: pixels.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.held = limit, 0
        self._changed = Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for an image of so many pixels, and hold it meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: not self.held or self.held + pixels <= self.limit)
            self.held += pixels
        try:
            yield
        finally:
            with self._changed:
                self.held -= pixels
                self._changed.notify_all()


BUDGET = PixelBudget(PIXELS)
