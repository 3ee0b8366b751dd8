"""One loaded bundle at work: decodes images in threads, decides them in batches, and logs every decision."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
from PIL import Image

from facesift.bundle.card import REFERENCE
from facesift.bundle.drift_reference import read_reference
from facesift.core.files import whole_file
from facesift.images.formats import kind_of
from facesift.images.quality import QUALITIES
from facesift.screening.columns import SAID, VOTE
from facesift.screening.committee import Committee
from facesift.screening.decision_explanation import quality_warnings
from facesift.screening.stream import read_data
from facesift.service.batching import Batcher
from facesift.service.drift_window import DriftWindow
from facesift.service.jobs import Job, Row, deliver
from facesift.service.log_file import LogFile
from facesift.service.metrics import Metrics
from facesift.service.settings import DecisionSettings, LogSettings

LOGGED_TOGETHER = 64  # batches that wait for the disk together
CLIENT, REQUEST = "client", "request_id"  # columns of the log beside those of `facesift screen`


class Engine:
    """A bundle that decides for the service until another one replaces it.

    Args:
        settings: the bundle and how it decides.
        log: the decision log.
        metrics: counts what is decided.
        decoders: threads that decode; all engines share them.
        loop: the event loop that waits for decisions.

    Raises:
        FacesiftError: The bundle or the log cannot be used.
    """

    def __init__(
        self,
        settings: DecisionSettings,
        log: LogSettings,
        metrics: Metrics,
        decoders: ThreadPoolExecutor,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.committee = Committee.load(
            settings.bundle, "onnx", settings.threads, settings.rule, settings.point, prevalence=settings.prevalence
        )
        self._reference = read_reference(settings.bundle / REFERENCE)
        self._keep, self._metrics, self._decoders, self._loop = settings.keep, metrics, decoders, loop
        self._columns = self.committee.log()
        self._warm_up()
        self.window = DriftWindow(self._reference, settings.drift_images)
        self._log = LogFile(log.folder, self.bundle, log) if log.folder else None
        self._batcher = Batcher(self._decide, settings.batch)
        waits = log.folder is not None and log.fsync == "always"  # then others are decided meanwhile
        self._logger = Batcher(self._publish, LOGGED_TOGETHER) if waits else None
        self.requests = 0  # that it still has to answer

    @property
    def bundle(self) -> str:
        """Hash of the bundle."""
        return self.committee.bundle

    def _warm_up(self) -> None:
        """Decide a grey image, so that every backbone is open: the folder may soon hold another bundle."""
        data = io.BytesIO()
        Image.new("RGB", (64, 64), (128, 128, 128)).save(data, "PNG")
        read = read_data("", data.getvalue(), self.committee.preprocessor)
        self.committee.decide_reads([read], self._columns)

    def submit(self, job: Job) -> None:
        """Decode an image and decide it with those that wait."""
        self._decoders.submit(self._read, job)

    def _read(self, job: Job) -> None:
        try:
            if job.given_up:
                return
            job.read = read_data(job.image.name, job.image.data, self.committee.preprocessor)
            job.name = self._kept(job) if self._keep else job.image.name
        except Exception as error:  # noqa: BLE001  whatever it is: the request must not wait for it
            deliver(self._loop, [job], error)
        else:
            self._batcher.submit(job)

    def _kept(self, job: Job) -> str:
        """Write the image below the folder of kept images, and return its name there; the content names it."""
        image_id = (job.read and job.read.image_id) or ""
        kind = kind_of(job.image.data)
        name = f"{image_id[:2]}/{image_id}.{kind.name.lower() if kind else 'bin'}"
        path = (self._keep or Path()) / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with whole_file(path) as part:
                part.write_bytes(job.image.data)
            path.chmod(0o600)
        return name

    def _decide(self, jobs: list[Job]) -> None:
        """Decide a batch."""
        waited = [job for job in jobs if not job.given_up]
        if not waited:
            return
        try:
            table = self.committee.decide_reads([job.read for job in waited if job.read is not None], self._columns)
        except Exception as error:  # noqa: BLE001  whatever it is: the requests must not wait for it
            deliver(self._loop, waited, error)
            return
        self._logger.submit((waited, table)) if self._logger else self._publish([(waited, table)])

    def _publish(self, batches: list[tuple[list[Job], pl.DataFrame]]) -> None:
        """Log the batches that were decided while the log was busy, and only then let them be answered."""
        jobs = [job for part, _ in batches for job in part]
        table = pl.concat([part for _, part in batches])
        try:
            if self._log:
                self._log.append(_log_lines(table, jobs))
            rows = [self._answer_row(row) for row in table.to_dicts()]
        except Exception as error:  # noqa: BLE001  whatever it is: the requests must not wait for it
            deliver(self._loop, jobs, error)
            return
        for job, row in zip(jobs, rows, strict=True):
            job.row = row
        deliver(self._loop, jobs)
        self.window.add(table)
        for _, part in batches:
            self._metrics.count_batch(part)

    def _answer_row(self, row: Row) -> Row:
        """Return the row as the client gets it: votes and probabilities by voter, and quality warnings."""
        voters = self.committee.ensemble.voters
        own = {f"{kind}{voter}" for kind in (VOTE, SAID) for voter in voters}
        plain = {name: value for name, value in row.items() if name not in own}
        measured = {name: row[name] for name in QUALITIES if row[name] is not None}
        positive = self.committee.card.positive
        return plain | {
            "positive": positive,
            "votes": {voter: row[f"{VOTE}{voter}"] for voter in voters},
            "probabilities": {voter: row[f"{SAID}{voter}"] for voter in voters},
            "quality_warnings": quality_warnings(measured, self._reference, positive),
        }

    def sync_log(self) -> None:
        """Bring the log to the disk if that is due."""
        if self._log:
            self._log.sync_if_due()

    def close(self) -> None:
        """Decide what still waits, and close the log; no job may be submitted any more."""
        self._batcher.close()
        if self._logger:
            self._logger.close()
        if self._log:
            self._log.close()


def _log_lines(table: pl.DataFrame, jobs: list[Job]) -> str:
    known = {
        "image": [job.name for job in jobs],
        REQUEST: [job.answer.request_id for job in jobs],
        CLIENT: [job.answer.client for job in jobs],
    }
    return table.with_columns(pl.Series(name, values, pl.String) for name, values in known.items()).write_ndjson()
