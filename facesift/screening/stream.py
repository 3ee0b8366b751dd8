"""Streams image files through a committee in batches: every file becomes a row, and no score is made up."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
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
from facesift.images.quality import QUALITIES, measure_quality
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
            yield _table(batch, ensemble, decide)


def read_image(file: InputFile, preprocessor: Preprocessor) -> Read:
    """Read, hash, decode and cut one file as the pipeline does; what goes wrong is the `reason`."""
    if file.reason:
        return Read(file.name, reason=one_line(file.reason))
    facts: dict[str, Any] = {}
    image = preprocessor.image
    try:
        data = read_bytes(Path(), file.container, file.path, image.max_bytes)
        facts |= {"image_id": hashlib.sha256(data).hexdigest()[:ID_DIGITS], "bytes": len(data)}
        upright = upright_rgb(open_image(data, image.max_pixels, image.formats))
        facts |= {"width": upright.width, "height": upright.height}
        return Read(file.name, **facts, seen=preprocessor.apply(upright))
    except BadImage as error:
        reason = error.reason
    except MemoryError:
        reason = "not enough memory to decode it"
    except (FacesiftError, ValueError) as error:  # a zip that has changed since it was listed; a NUL in a path
        reason = str(error)
    return Read(file.name, **facts, reason=one_line(reason))


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


def _table(batch: list[Read], ensemble: Ensemble, decide: Decide) -> pl.DataFrame:
    """Score what could be read, and put all rows into one table."""
    schema = image_schema(ensemble.voters)
    facts = pl.DataFrame(
        {
            name: pl.Series([getattr(read, attribute) for read in batch], dtype=schema.get(name, pl.String))
            for name, attribute in FACTS
        }
    ).with_row_index("row")
    rows = [row for row, read in enumerate(batch) if read.seen is not None]
    scored = pl.DataFrame(
        schema={"row": pl.UInt32, "why": pl.String, **{n: schema[n] for n in schema if n not in facts}}
    )
    if rows:
        inputs = stack_inputs([read.seen for read in batch if read.seen is not None])
        found = decide_stably(decide, ensemble, inputs, [batch[row].image_id or "" for row in rows])
        scored = _scored(inputs.pixels, ensemble, found).with_columns(row=pl.Series(rows, dtype=pl.UInt32))
    joined = facts.join(scored, on="row", how="left", maintain_order="left")
    referred = pl.when(pl.col("decision").is_not_null()).then("referred")
    return joined.with_columns(
        decision=pl.when(referred.is_null()).then("decision").otherwise(pl.lit(REVIEW_NAME)),
        reason=pl.coalesce("reason", referred, "why"),
    ).select(schema.names())


def _scored(pixels: NDArray[np.uint8], ensemble: Ensemble, found: CascadeDecisions) -> pl.DataFrame:
    """Decision, probability, votes and quality of pixels (n, S, S, 3); null where unknown.

    `why` tells of images without score, and of decisions that flip.
    """
    said, finite = _said(ensemble, found), pl.Series(found.finite)
    flips = [name and FLIPPED.format(name) for name in found.flipped_by or [None] * len(pixels)]
    return (
        pl.DataFrame(said | measure_quality(pixels))
        .with_columns(
            pl.when(finite).then(pl.col(*said)),
            why=pl.when(finite).then(pl.Series(flips, dtype=pl.String)).otherwise(pl.lit(NOT_FINITE)),
        )
        .with_columns(
            pl.col("probability", f"^{SAID}.*$").round_sig_figs(PROBABILITY_DIGITS),
            pl.col(*QUALITIES).round(QUALITY_PLACES),
        )
    )


def _said(ensemble: Ensemble, found: CascadeDecisions) -> dict[str, pl.Series]:
    """Decision, probability, votes and voters' probabilities by column, null where the voter was not asked."""
    names, batch = np.array([*ensemble.classes.names, REVIEW_NAME]), found.batch
    asked = dict(zip(ensemble.voters, found.asked.T, strict=True))
    votes = dict(zip(ensemble.voters, batch.votes.T, strict=True))
    said = dict(zip(ensemble.voters, batch.probabilities.T, strict=True))
    return {
        "decision": pl.Series(names[batch.decisions]),  # REVIEW is -1: the last
        "probability": _where(asked[STACKER], batch.probability),
        **{f"{VOTE}{voter}": _where(asked[voter], names[each]) for voter, each in votes.items()},
        **{f"{SAID}{voter}": _where(asked[voter], each) for voter, each in said.items()},
    }


def _where(known: NDArray[np.bool_], values: NDArray[Any]) -> pl.Series:
    return pl.Series(values).set(pl.Series(~known), None)
