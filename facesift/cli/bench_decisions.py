"""Compares faster ways to decide on the user's images: which decisions int8 changes, what the cascade saves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from facesift.bundle.inputs import MemberInputs
from facesift.bundle.preprocessing import Preprocessed, stack_inputs
from facesift.bundle.runtimes import OnnxRuntime
from facesift.committee.cascade import decide_in_turn
from facesift.committee.decision import BatchDecisions
from facesift.committee.rules import RULES
from facesift.core.errors import FacesiftError
from facesift.core.intervals import clopper_pearson
from facesift.images.paths import InputFile
from facesift.screening.committee import Committee
from facesift.screening.stream import read_image

COUNTING = tuple(name for name, rule in RULES.items() if rule.counts_votes)  # the rules that the cascade works with

Result = TypeVar("Result")


@dataclass
class ComparisonCounts:
    """Sums over the images so far.

    Attributes:
        images: Images that were scored.
        changed: Decisions that int8 changed.
        log_odds: Largest difference of log-odds between int8 and fp32.
        seconds: Time that the whole committee took.
        asked: Members that the cascade asked, for each rule.
        cascade_seconds: Time that the cascade took, for each rule.
    """

    images: int = 0
    changed: int = 0
    log_odds: float = 0.0
    seconds: float = 0.0
    asked: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTING, 0))
    cascade_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COUNTING, 0.0))


class FasterWays:
    """Compares the whole committee with its cascade and, where there is one, with its 8-bit graph.

    Args:
        bundle: Folder of the exported committee.
        int8: Folder of the 8-bit graph, or None.
        threads: Threads of the runtime.
    """

    def __init__(self, bundle: Path, int8: Path | None, threads: int) -> None:
        loaded = Committee.load(bundle, threads=threads)
        # Every way would look at the same damaged copies: the images alone are compared.
        self._whole = replace(loaded, ensemble=replace(loaded.ensemble, stability=None))
        card = self._whole.card
        self._int8 = None if int8 is None else replace(self._whole, runtime=OnnxRuntime(int8, card, threads))
        self._parts = OnnxRuntime(bundle, card, threads)
        self._counts = ComparisonCounts()

    def measure(self, files: Iterable[InputFile], batch: int) -> dict[str, Any]:
        """Score the files that can be read in each way, and return counts, shares and seconds.

        Args:
            files: Files to score.
            batch: Images at a time.

        Raises:
            FacesiftError: None of the files can be read.
        """
        seen = (read_image(file, self._whole.preprocessor).seen for file in files)
        for chunk in _chunks((each for each in seen if each is not None), batch):
            if not self._counts.images:
                self._warm_up(chunk)
            self._compare(chunk)
        if not self._counts.images:
            raise FacesiftError("--images: none of the files is an image that can be read; `facesift screen` says why")
        return self._report()

    def _warm_up(self, inputs: MemberInputs) -> None:
        self._whole.decide(inputs)
        self._parts.logits(inputs, self._whole.ensemble.members[:1])
        self._parts.logits(inputs, self._whole.ensemble.members)

    def _compare(self, inputs: MemberInputs) -> None:
        counts, ensemble = self._counts, self._whole.ensemble
        decided, seconds = _timed(lambda: self._whole.decide(inputs))
        counts.images += len(inputs)
        counts.seconds += seconds
        if self._int8 is not None:
            self._count_changes(decided, self._int8.decide(inputs))
        for rule in COUNTING:
            by_votes = replace(ensemble, rule=RULES[rule])
            found, seconds = _timed(partial(decide_in_turn, by_votes, self._parts.logits, inputs))
            counts.asked[rule] += int(found.asked[:, : len(ensemble.members)].sum())
            counts.cascade_seconds[rule] += seconds

    def _count_changes(self, whole: BatchDecisions, int8: BatchDecisions) -> None:
        self._counts.changed += int((whole.decisions != int8.decisions).sum())
        farthest = float(np.abs(whole.log_odds - int8.log_odds).max())
        self._counts.log_odds = max(self._counts.log_odds, farthest)

    def _report(self) -> dict[str, Any]:
        counts = self._counts
        return {
            "images": counts.images,
            "rule": self._whole.ensemble.rule.name,
            "seconds": counts.seconds,
            "int8": self._report_changes() if self._int8 is not None else None,
            "cascade": {rule: self._report_saving(rule) for rule in COUNTING},
        }

    def _report_changes(self) -> dict[str, Any]:
        counts = self._counts
        return {
            "changed": counts.changed,
            "share": counts.changed / counts.images,
            "share_interval": clopper_pearson(counts.changed, counts.images),
            "largest_log_odds_difference": counts.log_odds,
        }

    def _report_saving(self, rule: str) -> dict[str, Any]:
        counts = self._counts
        full = counts.images * len(self._whole.ensemble.members)
        return {
            "asked": counts.asked[rule],
            "of": full,
            "share": counts.asked[rule] / full,
            "seconds": counts.cascade_seconds[rule],
            "time_share": counts.cascade_seconds[rule] / counts.seconds,
        }


def _chunks(seen: Iterable[Preprocessed], size: int) -> Iterator[MemberInputs]:
    images = iter(seen)
    while chunk := list(islice(images, size)):
        yield stack_inputs(chunk)


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
