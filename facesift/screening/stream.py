"""Streams image files through a committee in batches: every file becomes a row, and no score is made up."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.bundle.inputs import MemberInputs
from facesift.bundle.preprocessing import Preprocessed, Preprocessor, stack_inputs
from facesift.committee.cascade import CascadeDecisions, decide_at_once
from facesift.committee.decision import REVIEW_NAME, VoterLogits
from facesift.committee.ensemble import Ensemble
from facesift.core.errors import FacesiftError
from facesift.core.scores import STACKER
from facesift.images.archives import read_bytes
from facesift.images.decoding import BadImage, open_image, upright_rgb
from facesift.images.paths import InputFile, one_line
from facesift.images.pixel_budget import BUDGET
from facesift.images.quality import measure_quality
from facesift.screening.columns import SAID, VOTE, Tables, image_schema
from facesift.screening.stable_decisions import Decide, decide_stably

AHEAD = 2  # batches that are decoded before they are scored
ID_DIGITS = 32  # of the SHA-256 of a file that make its image_id, as at ingest
PROBABILITY_DIGITS, QUALITY_PLACES = 8, 3  # significant digits; places after the point, of grey levels
NOT_FINITE = "its scores are not finite numbers"
FLIPPED = "decided otherwise after mild damage ({}): a person decides"
# Columns that reading alone tells, and the fields of `Read` that hold them.
FACTS = (
    ("image", "name"), ("image_id", "image_id"), ("reason", "reason"), ("referred", "referred"), ("quality", "quality"),
    ("width", "width"), ("height", "height"), ("bytes", "bytes"),
)  # fmt: skip

Score = Callable[[MemberInputs], VoterLogits]


@dataclass(frozen=True)
class Read:
    """One file, read.

    Attributes:
        name: as the user named it.
        image_id: the first `ID_DIGITS` of its bytes' SHA-256; None where it could not be read, as for all below.
        bytes: its size.
        width: of the upright image, in pixels.
        height: of the upright image, in pixels.
        seen: what the members see.
        reason: why they see nothing.
    """

    name: str
    image_id: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    seen: Preprocessed | None = None
    reason: str | None = None

    @property
    def referred(self) -> str | None:
        """Why a person decides the image whatever the votes."""
        return None if self.seen is None else self.seen.referred

    @property
    def quality(self) -> str | None:
        """Why it is a bad photo."""
        return None if self.seen is None else self.seen.quality


@dataclass(frozen=True)
class ReadOptions:
    """How files are read: at most `AHEAD` batches ahead, so that memory does not grow with the number of files.

    Attributes:
        preprocessor: makes of an image what the members see.
        batch_size: images scored at a time.
        workers: threads that decode.
    """

    preprocessor: Preprocessor
    batch_size: int
    workers: int


def screen_files(files: Iterable[InputFile], ensemble: Ensemble, score: Score, reading: ReadOptions) -> Tables:
    """Screen files with all members.

    Args:
        files: as `images.paths.find_files` found them.
        ensemble: makes decisions of the logits.
        score: gives the members' logits of n images.
        reading: how the files are read.

    Yields:
        The rows in the order of the files, a batch at a time, see `columns.image_schema`; without the decision log.
    """
    return screen_batches(files, ensemble, lambda inputs: decide_at_once(ensemble, score(inputs)), reading)


def screen_batches(files: Iterable[InputFile], ensemble: Ensemble, decide: Decide, reading: ReadOptions) -> Tables:
    """Yield the same tables of what `decide` makes of n images; votes and scores not asked for are null.

    With a stability rule, `decide` is asked about damaged copies too.
    """
    with closing(_read_ahead(files, reading)) as reads:  # not left to the collector: it would report a second Ctrl-C
        for batch in _batches(reads, reading.batch_size):
            yield decide_reads(batch, ensemble, decide)


def read_image(file: InputFile, preprocessor: Preprocessor) -> Read:
    """Read, hash, decode and cut one file as the pipeline does; what goes wrong is the `reason`."""
    if file.reason:
        return Read(file.name, reason=one_line(file.reason))
    try:
        data = read_bytes(Path(), file.container, file.path, preprocessor.image.max_bytes)
    except BadImage as error:
        reason = error.reason
    except MemoryError:
        reason = "not enough memory to read it"
    except (FacesiftError, ValueError) as error:  # a zip that has changed since it was listed; a NUL in a path
        reason = str(error)
    else:
        return read_data(file.name, data, preprocessor)
    return Read(file.name, reason=one_line(reason))


def read_data(name: str, data: bytes, preprocessor: Preprocessor) -> Read:
    """Hash, decode and cut the bytes of an image file; what goes wrong is the `reason`.

    Args:
        name: of the file, for the table.
        data: its bytes.
        preprocessor: makes of an image what the members see.
    """
    facts: dict[str, Any] = {"image_id": hashlib.sha256(data).hexdigest()[:ID_DIGITS], "bytes": len(data)}
    image = preprocessor.image
    try:
        opened = open_image(data, image.max_pixels, image.formats)
        with BUDGET.hold(opened.width * opened.height):
            upright = upright_rgb(opened)
            facts |= {"width": upright.width, "height": upright.height}
            return Read(name, **facts, seen=preprocessor.apply(upright))
    except BadImage as error:
        reason = error.reason
    except MemoryError:
        reason = "not enough memory to decode it"
    return Read(name, **facts, reason=one_line(reason))


def _read_ahead(files: Iterable[InputFile], reading: ReadOptions) -> Generator[Read, None, None]:
    pool = ThreadPoolExecutor(reading.workers, thread_name_prefix="decode")
    pending: deque[Future[Read]] = deque()
    try:
        for file in files:
            pending.append(pool.submit(read_image, file, reading.preprocessor))
            if len(pending) >= AHEAD * reading.batch_size:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(reads: Iterator[Read], size: int) -> Iterator[list[Read]]:
    return iter(lambda: list(islice(reads, size)), [])


@cache
def _schema(voters: tuple[str, ...]) -> pl.Schema:
    return image_schema(voters)


def decide_reads(batch: Sequence[Read], ensemble: Ensemble, decide: Decide) -> pl.DataFrame:
    """Score and decide what could be read, and put all rows into one table.

    The rows are made as lists, and polars is asked once: its plans and joins cost more than one image's scores.

    Args:
        batch: files that were read, at least one.
        ensemble: makes decisions of the logits.
        decide: decides what the members see of n images.

    Returns:
        A row for each file in its order, see `columns.image_schema`; without the decision log.
    """
    schema = _schema(ensemble.voters)
    columns = {name: [getattr(read, attribute) for read in batch] for name, attribute in FACTS}
    rows = [row for row, read in enumerate(batch) if read.seen is not None]
    scored: dict[str, list[Any]] = {}
    if rows:
        inputs = stack_inputs([read.seen for read in batch if read.seen is not None])
        found = decide_stably(decide, ensemble, inputs, [batch[row].image_id or "" for row in rows])
        scored = _scored(inputs.pixels, ensemble, found)
    for name in ("why", *(name for name in schema if name not in columns)):
        columns[name] = _at_rows(rows, scored.get(name, ()), len(batch))
    _refer(columns)
    return pl.DataFrame(list(zip(*(columns[name] for name in schema), strict=True)), schema=schema, orient="row")


def _at_rows(rows: Sequence[int], values: Sequence[Any], count: int) -> list[Any]:
    """Put values at their rows of a column with `count` rows; the others are None."""
    column = [None] * count
    for row, value in zip(rows, values, strict=False):
        column[row] = value
    return column


def _refer(columns: dict[str, list[Any]]) -> None:
    """Leave to a person what reading alone refers to one, and say why a row has no decision, or is referred."""
    for row, referred in enumerate(columns["referred"]):
        referred_now = referred if columns["decision"][row] is not None else None
        if referred_now is not None:
            columns["decision"][row] = REVIEW_NAME
        reasons = (columns["reason"][row], referred_now, columns["why"][row])
        columns["reason"][row] = next((reason for reason in reasons if reason is not None), None)


def _scored(pixels: NDArray[np.uint8], ensemble: Ensemble, found: CascadeDecisions) -> dict[str, list[Any]]:
    """Decision, probability, votes and quality of pixels (n, S, S, 3) by column; None where unknown.

    `why` tells of images without score, and of decisions that flip.
    """
    said = _said(ensemble, found)
    flips = [name and FLIPPED.format(name) for name in found.flipped_by or [None] * len(pixels)]
    said["why"] = list(flips)
    for row in np.flatnonzero(~found.finite).tolist():
        for values in said.values():
            values[row] = None
        said["why"][row] = NOT_FINITE
    return said | {name: values.round(QUALITY_PLACES).tolist() for name, values in measure_quality(pixels).items()}


def _said(ensemble: Ensemble, found: CascadeDecisions) -> dict[str, list[Any]]:
    """Decision, probability, votes and voters' probabilities by column, None where the voter was not asked."""
    names, batch = (*ensemble.classes.names, REVIEW_NAME), found.batch
    asked = dict(zip(ensemble.voters, found.asked.T.tolist(), strict=True))
    votes = dict(zip(ensemble.voters, batch.votes.T.tolist(), strict=True))
    probability, *each_said = _rounded(np.vstack([batch.probability, batch.probabilities.T]))
    said = dict(zip(ensemble.voters, each_said, strict=True))
    return {
        "decision": [names[code] for code in batch.decisions.tolist()],  # REVIEW is -1: the last
        "probability": _where(asked[STACKER], probability),
        **{f"{VOTE}{voter}": _where(asked[voter], [names[code] for code in each]) for voter, each in votes.items()},
        **{f"{SAID}{voter}": _where(asked[voter], each) for voter, each in said.items()},
    }


def _rounded(probabilities: NDArray[np.float64]) -> list[list[float]]:
    """Round rows of probabilities to `PROBABILITY_DIGITS`."""
    return [[float(f"{value:.{PROBABILITY_DIGITS - 1}e}") for value in row] for row in probabilities.tolist()]


def _where(known: list[bool], values: list[Any]) -> list[Any]:
    return [value if there else None for there, value in zip(known, values, strict=True)]
