"""A trained committee out of its bundle: load it, check it, score and decide images."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesift.bundle.card import Card, read_card, verify_files
from facesift.bundle.preprocessing import Sight
from facesift.bundle.runtimes import Runtime, open_runtime
from facesift.committee.cascade import Hearing, check_cascade, hear_in_turn
from facesift.committee.decision import Jury, Verdict, make_jury
from facesift.images.paths import InputFile, find_files
from facesift.screening.stream import Reading, Tables, screen_files, screen_heard


@dataclass(frozen=True)
class Committee:
    """Members, stacker, calibration and rule, ready to decide."""

    card: Card
    runtime: Runtime
    jury: Jury
    sight: Sight

    @classmethod
    def load(  # noqa: PLR0913  one for each way to open it
        cls,
        path: Path | str,
        runtime: str = "onnx",
        threads: int | None = None,
        rule: str | None = None,
        point: str | None = None,
        *,
        stop_early: bool = False,
    ) -> Committee:
        """Load a bundle that the export stage wrote.

        Args:
            path: its folder, such as `models/committee`.
            runtime: `onnx` (needs onnxruntime, not torch) or `torch`.
            threads: of the runtime; None: one a core.
            rule: a voting rule in place of the bundle's own.
            point: an operating point of the bundle in place of a voting rule.
            stop_early: screen in cascade and pass images that score low so far, by the bundle's stopping rule.

        Raises:
            FacesiftError: naming a file that is missing, damaged or of another version, a rule or point that is none,
                and for a way to decide that the bundle has no stopping rule for.
        """
        folder = Path(path)
        card = read_card(folder)
        verify_files(folder, card)
        jury = make_jury(folder, card, rule, point, stop_early=stop_early)
        return cls(card, open_runtime(runtime, folder, card, threads), jury, Sight.of(folder, card))

    def logits(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Score pixels (n, S, S, 3) of the card's `image_size` with every member: float32 (n, classes) each."""
        return self.runtime.logits(pixels, self.card.member_names)

    def decide(self, pixels: NDArray[np.uint8]) -> Verdict:
        """Score and decide pixels (n, S, S, 3) of the card's `image_size`."""
        return self.jury.judge(self.logits(pixels))

    def screen(
        self, paths: Iterable[str | Path], batch_size: int = 32, workers: int | None = None, *, cascade: bool = False
    ) -> Tables:
        """Decide image files, folders and zip files: yields tables of `batch_size` rows, one row a file.

        Columns: `screening.decisions_schema`. A file that cannot be scored has a reason and no decision. `workers`
        threads read and decode (None: one a core). `cascade`: ask no further member once an image is decided; such an
        image has no probability. A committee loaded with `stop_early` always does. `FacesiftError` for a cascade by a
        rule that needs all scores.
        """
        return self.screen_found(find_files(paths), batch_size, workers, cascade=cascade)

    def screen_found(
        self, files: Iterable[InputFile], batch_size: int = 32, workers: int | None = None, *, cascade: bool = False
    ) -> Tables:
        """Decide files that `data.finding.find_files` found; see `screen`."""
        reading = Reading(self.sight, batch_size, workers or os.cpu_count() or 1)
        if not cascade and self.jury.stopping is None:
            return screen_files(files, self.jury, self.logits, reading)
        check_cascade(self.jury)
        return screen_heard(files, self.jury, self.hear_in_turn, reading)

    def hear_in_turn(self, pixels: NDArray[np.uint8]) -> Hearing:
        """Decide pixels (n, S, S, 3), asking no further member once an image is decided; see `cascade`."""
        return hear_in_turn(self.jury, self.runtime.logits, pixels)
