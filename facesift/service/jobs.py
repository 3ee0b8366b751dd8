"""The images of one request on their way through the service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from facesift.screening.stream import Read

Row = dict[str, Any]


class UploadedImage(NamedTuple):
    """An image that a client sent.

    Attributes:
        name: the file's name as the client says, or one made of the request's id.
        data: its bytes.
    """

    name: str
    data: bytes


@dataclass
class Answer:
    """Where the event loop waits for the rows of a request.

    Attributes:
        request_id: of the request.
        client: name of the token; "" without tokens.
        images: how many rows it waits for.
        done: set when all rows are there, or one could not be made.
    """

    request_id: str
    client: str
    images: int
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def arrived(self) -> None:
        """Count a row; in the event loop."""
        self.images -= 1
        if not self.images and not self.done.done():
            self.done.set_result(None)

    def failed(self, error: Exception) -> None:
        """Give up; in the event loop."""
        if not self.done.done():
            self.done.set_exception(error)


@dataclass
class Job:
    """One image.

    Attributes:
        image: as the client sent it.
        answer: of its request.
        read: the image, decoded.
        row: the decision, once it is made and in the log.
        name: what the log calls the image: its file below the folder of kept images, or the client's name.
    """

    image: UploadedImage
    answer: Answer
    read: Read | None = None
    row: Row | None = None
    name: str = ""

    @property
    def given_up(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.answer.done.done()


def deliver(loop: asyncio.AbstractEventLoop, jobs: Sequence[Job], error: Exception | None = None) -> None:
    """Tell the waiting requests that their rows are there, or why not; from any thread, once for a batch."""

    def tell() -> None:
        for job in jobs:
            job.answer.arrived() if error is None else job.answer.failed(error)

    loop.call_soon_threadsafe(tell)
