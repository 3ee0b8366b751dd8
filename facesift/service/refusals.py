"""Why a request or an image is refused: status, reason in one word for metrics, and words for people."""

from __future__ import annotations

import re
from collections.abc import Collection

from facesift.images.formats import kind_of

TOO_MANY_PIXELS = re.compile(r"pixels, more than \d+$|^more pixels than \d+$")


class Refusal(Exception):  # noqa: N818  an answer, not a failure of the program
    """A request that is not decided.

    Attributes:
        status: of the HTTP answer.
        reason: one word, a label of the metric `facesift_refusals_total`.
        words: for the client.
        retry_after: seconds after which it is worth trying again; None: never, as it is.
        unread: whether the request's body was not read to its end.
    """

    def __init__(
        self, status: int, reason: str, words: str, *, retry_after: int | None = None, unread: bool = False
    ) -> None:
        super().__init__(words)
        self.status, self.reason, self.words = status, reason, words
        self.retry_after, self.unread = retry_after, unread


def image_status(reason: str, data: bytes, formats: Collection[str]) -> tuple[int, str]:
    r"""Choose status and reason in one word for an image that could not be scored.

    Args:
        reason: the row's column `reason`.
        data: the first bytes of the image, or all of them.
        formats: the formats that the committee reads.

    >>> image_status("not an image of a known format", b"<html>", ["JPEG"])
    (415, 'unsupported_format')
    >>> image_status("9000 x 9000 pixels, more than 50000000", b"\xff\xd8\xff", ["JPEG"])
    (413, 'too_many_pixels')
    """
    kind = kind_of(data)
    if data and (kind is None or kind.name not in formats):
        return 415, "unsupported_format"
    if TOO_MANY_PIXELS.search(reason):
        return 413, "too_many_pixels"
    return 422, "bad_image"
