"""The service behind HTTP: admits images, lets the present bundle decide them, and swaps bundles."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from facesift.bundle.card import bundle_hash
from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted
from facesift.screening.drift import Report
from facesift.service.engine import Engine
from facesift.service.jobs import Answer, Job, UploadedImage
from facesift.service.metrics import Metrics
from facesift.service.refusals import Refusal
from facesift.service.settings import DecisionSettings, Limits, LogSettings


@dataclass(frozen=True)
class Decided:
    """The decisions on one request's images.

    Attributes:
        bundle: hash of the bundle that decided all of them.
        formats: the formats that it reads.
        jobs: the images with their rows, in the order of the request.
    """

    bundle: str
    formats: Sequence[str]
    jobs: Sequence[Job]


class DecisionService:
    """Decides images of many requests with one bundle at a time.

    Args:
        settings: the bundle and how it decides.
        log: the decision log.
        limits: what is refused.
        metrics: counts what happens.
    """

    def __init__(self, settings: DecisionSettings, log: LogSettings, limits: Limits, metrics: Metrics) -> None:
        self.limits, self.metrics, self.draining = limits, metrics, False
        self._settings, self._log = settings, log
        self._decoders = ThreadPoolExecutor(settings.decoders or os.cpu_count() or 1, thread_name_prefix="decode")
        self._engine: Engine | None = None
        self._loading = asyncio.Lock()
        self._waiting, self._clients = 0, Counter[str]()
        self._complaint = ""  # the last one about a bundle that could not be loaded
        self._seconds_an_image = 0.01  # a guess, until some are decided
        self._retiring: set[asyncio.Task[None]] = set()
        metrics.watch_drift(self.drift)

    @property
    def ready(self) -> bool:
        """Whether it can decide and is to be asked."""
        return self._engine is not None and not self.draining

    @property
    def engine(self) -> Engine:
        """The engine that decides what comes now; `Refusal` before the first bundle is loaded."""
        if self._engine is None:
            raise Refusal(503, "not_ready", "The bundle is not loaded yet.", retry_after=1)
        return self._engine

    def drift(self) -> Report | None:
        """Compare the last images with the bundle's reference; None while too few are known."""
        return self._engine.window.report() if self._engine else None

    async def load(self) -> None:
        """Load the bundle in the settings' folder; requests that are on their way are answered by the one before.

        Raises:
            FacesiftError: It cannot be used; the one before stays.
        """
        async with self._loading:
            loop = asyncio.get_running_loop()
            make = partial(Engine, self._settings, self._log, self.metrics, self._decoders, loop)
            try:
                engine = await asyncio.to_thread(make)
            except FacesiftError:
                self.metrics.not_loaded()
                raise
            before, self._engine = self._engine, engine
        card = engine.committee.card
        self.metrics.loaded(engine.bundle, card.study, engine.committee.log().rule)
        if before is not None:
            task = asyncio.create_task(self._retire(before))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _retire(self, engine: Engine) -> None:
        """Close an engine once its last request is answered."""
        while engine.requests:  # noqa: ASYNC110  once a swap
            await asyncio.sleep(0.05)
        await asyncio.to_thread(engine.close)

    async def reload(self) -> bool:
        """Load the bundle if the folder holds another one than before; what is wrong with it goes to the error output.

        Returns:
            Whether another bundle decides now.
        """
        try:
            found = await asyncio.to_thread(bundle_hash, self._settings.bundle)
            if found == self.engine.bundle:
                return False
            await self.load()
        except (FacesiftError, OSError) as error:  # a folder that is half copied
            if str(error) != self._complaint:
                self._complaint = str(error)
                sys.stderr.write(f"the bundle stays as it is: {error}\n")
            return False
        self._complaint = ""
        sys.stderr.write(f"bundle {found} decides now\n")
        return True

    async def watch(self, seconds: float) -> None:
        """Look for another bundle, for ever."""
        while True:
            await asyncio.sleep(seconds)
            await self.reload()

    async def sync_log(self) -> None:
        """Bring the log to the disk once a second, for ever."""
        while True:
            await asyncio.sleep(1)
            if self._engine:
                await asyncio.to_thread(self._engine.sync_log)

    @contextmanager
    def client_slot(self, client: str) -> Iterator[None]:
        """Count a request of a client; `Refusal` when it has too many at the same time."""
        if self._clients[client] >= self.limits.client_requests:
            words = f"This token has {counted(self.limits.client_requests, 'request')} under way."
            raise Refusal(429, "client_busy", words, retry_after=self._retry_after(), unread=True)
        self._clients[client] += 1
        try:
            yield
        finally:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    @contextmanager
    def _admitted(self, images: int) -> Iterator[None]:
        if self._waiting + images > self.limits.waiting_images:
            words = f"{counted(self._waiting, 'image')} waiting already."
            raise Refusal(503, "overloaded", words, retry_after=self._retry_after())
        self._count_waiting(images)
        try:
            yield
        finally:
            self._count_waiting(-images)

    def _count_waiting(self, images: int) -> None:
        self._waiting += images
        self.metrics.waiting.set(self._waiting)

    def check_room(self) -> None:
        """Refuse a request before its body is read when it could only wait."""
        if self._waiting >= self.limits.waiting_images:
            words = f"{counted(self._waiting, 'image')} waiting already."
            raise Refusal(503, "overloaded", words, retry_after=self._retry_after(), unread=True)

    def _retry_after(self) -> int:
        """Seconds until what waits now is decided."""
        return max(1, math.ceil(self._waiting * self._seconds_an_image))

    async def decide(self, images: Sequence[UploadedImage], request_id: str, client: str) -> Decided:
        """Decide the images of a request.

        Args:
            images: at least one.
            request_id: for the log.
            client: name of the token, for the log.

        Raises:
            Refusal: Too much waits already, it took too long, or the log cannot be written.
        """
        with self._admitted(len(images)):
            engine = self.engine
            engine.requests += 1
            started = time.perf_counter()
            answer = Answer(request_id, client, len(images))
            jobs = [Job(image, answer) for image in images]
            try:
                for job in jobs:
                    engine.submit(job)
                await self._finished(answer)
            finally:
                engine.requests -= 1
            self._learn_pace(time.perf_counter() - started)
        return Decided(engine.bundle, engine.committee.card.image.formats, jobs)

    async def _finished(self, answer: Answer) -> None:
        try:
            await asyncio.wait_for(answer.done, self.limits.answer_seconds)
        except TimeoutError:
            words = f"It took more than {self.limits.answer_seconds:g} s."
            raise Refusal(503, "timeout", words, retry_after=self._retry_after()) from None
        except OSError as error:
            words = f"The decision log cannot be written ({error.strerror}), and no decision is given without it."
            raise Refusal(503, "log", words, retry_after=5) from error

    def _learn_pace(self, seconds: float) -> None:
        """Remember how long an image takes where others wait: what a request waited, by the images before it."""
        self._seconds_an_image += 0.05 * (seconds / max(self._waiting, 1) - self._seconds_an_image)

    async def close(self) -> None:
        """Answer what is under way, and close the log."""
        self.draining = True
        if self._engine:
            await self._retire(self._engine)
        if self._retiring:
            await asyncio.gather(*self._retiring)
        self._decoders.shutdown(cancel_futures=True)
