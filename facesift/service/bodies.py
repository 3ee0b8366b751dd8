"""Reads the images out of a request: a raw body or a form with files, bounded in bytes, time and number."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath, PureWindowsPath

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from facesift.images.paths import one_line
from facesift.service.jobs import UploadedImage
from facesift.service.metrics import Metrics
from facesift.service.refusals import Refusal
from facesift.service.settings import Limits

FORM = "multipart/form-data"
RAW = re.compile(r"image/[\w.+-]+|application/octet-stream")
NAME_LENGTH = 200  # characters of a client's file name that are kept


class _InMemory(MultiPartParser):
    """Never writes a part to disk: `Limits` bound the memory."""

    spool_max_size = 1 << 62


class Bodies:
    """Reads bodies, and knows how many bytes of them are in memory.

    Args:
        limits: what is refused.
        metrics: shows the bytes in memory.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits, self._metrics, self._buffered = limits, metrics, 0

    @contextmanager
    def room(self) -> Iterator[list[int]]:
        """Account for the bytes of one request: the list's numbers are taken, and given back at the end."""
        taken: list[int] = []
        try:
            yield taken
        finally:
            self._account(-sum(taken))

    def _account(self, size: int) -> None:
        self._buffered += size
        self._metrics.buffered.set(self._buffered)

    async def read(self, request: Request, request_id: str, taken: list[int]) -> list[UploadedImage]:
        """Read the images of a request.

        Args:
            request: its body is an image, or a form with files.
            request_id: names an image whose client gives no name.
            taken: what `room` gave.

        Raises:
            Refusal: It is too large, too slow, of another content type, or holds no image or too many.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != FORM and not RAW.fullmatch(kind):
            words = f"Content-Type {kind!r}: send an image (image/jpeg, image/png, ...) or {FORM}."
            raise Refusal(415, "content_type", words, unread=True)
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._limits.request_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(self._limits.upload_seconds):
                chunks = self._chunks(request, taken)
                return await (self._form(request, chunks) if kind == FORM else self._raw(request, request_id, chunks))
        except TimeoutError:
            words = f"The request took more than {self._limits.upload_seconds:g} s to arrive."
            raise Refusal(408, "slow_upload", words, unread=True) from None
        except ClientDisconnect:
            raise Refusal(400, "disconnected", "The client has gone.", unread=True) from None

    async def _chunks(self, request: Request, taken: list[int]) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives, as long as it keeps within the limits."""
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self._limits.request_bytes:
                raise self._too_large()
            if self._buffered + len(chunk) > self._limits.buffered_bytes:
                raise Refusal(503, "memory", "Too many large requests at the same time.", retry_after=1, unread=True)
            taken.append(len(chunk))
            self._account(len(chunk))
            yield chunk

    def _too_large(self) -> Refusal:
        words = f"The request has more than {self._limits.request_bytes:,} bytes."
        return Refusal(413, "too_large", words, unread=True)

    async def _raw(self, request: Request, request_id: str, chunks: AsyncGenerator[bytes, None]) -> list[UploadedImage]:
        data = b"".join([chunk async for chunk in chunks])
        return [UploadedImage(_clean_name(request.query_params.get("name", "")) or request_id, data)]

    async def _form(self, request: Request, chunks: AsyncGenerator[bytes, None]) -> list[UploadedImage]:
        most = self._limits.request_images
        try:
            form = await _InMemory(request.headers, chunks, max_files=most, max_fields=most).parse()
        except MultiPartException as error:
            status, reason = (413, "too_many_images") if "Too many" in error.message else (400, "bad_form")
            raise Refusal(status, reason, error.message, unread=True) from None
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise Refusal(400, "no_image", "The form has no file: curl -F image=@face.jpg sends one.")
        images = [UploadedImage(_clean_name(file.filename or "") or "image", await file.read()) for file in files]
        await form.close()
        return images


def _clean_name(name: str) -> str:
    r"""Keep the last part of a client's file name, on one line.

    >>> _clean_name("C:\\photos\\a.jpg"), _clean_name("../../etc/a b.jpg")
    ('a.jpg', 'a b.jpg')
    """
    return one_line(PurePosixPath(PureWindowsPath(name).name).name)[:NAME_LENGTH]
