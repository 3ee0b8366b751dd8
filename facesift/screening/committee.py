"""The trained committee of a bundle: load it, check it, score and decide images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.bundle.card import Card, bundle_hash, read_card, verify_files
from facesift.bundle.decision_rule import open_ensemble
from facesift.bundle.inputs import MemberInputs, member_inputs
from facesift.bundle.preprocessing import Preprocessor, stack_inputs
from facesift.bundle.runtimes import Runtime, open_runtime
from facesift.committee.cascade import CascadeDecisions, check_cascade, decide_at_once, decide_in_turn
from facesift.committee.decision import REVIEW, BatchDecisions
from facesift.committee.ensemble import Ensemble
from facesift.core.errors import FacesiftError
from facesift.images.archives import LOOSE
from facesift.images.paths import InputFile, find_files
from facesift.screening.columns import Tables
from facesift.screening.decision_log import DecisionLog
from facesift.screening.stable_decisions import decide_stably
from facesift.screening.stream import Read, ReadOptions, decide_reads, read_image, screen_batches, screen_files


@dataclass(frozen=True)
class Committee:
    """A committee ready to decide.

    Attributes:
        card: the bundle's card.
        runtime: computes the members' logits.
        ensemble: makes decisions of them, by stacker, calibration and rule.
        preprocessor: makes of an image what the members see.
        bundle: hash of the bundle, see `bundle.card.bundle_hash`.
        prevalence: share of the positive class at which the probabilities hold, in (0, 1); None where none is known.
        point: the operating point that decides; None: a voting rule does.
    """

    card: Card
    runtime: Runtime
    ensemble: Ensemble
    preprocessor: Preprocessor
    bundle: str
    prevalence: float | None
    point: str | None = None

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
        prevalence: float | None = None,
    ) -> Committee:
        """Load a bundle that the export stage wrote.

        Args:
            path: its folder, such as `models/committee`.
            runtime: `onnx` (needs onnxruntime, not torch) or `torch`.
            threads: of the runtime; None: one a core.
            rule: a voting rule in place of the bundle's own.
            point: an operating point of the bundle in place of a voting rule.
            stop_early: screen in cascade and pass images that score low so far, by the bundle's stopping rule.
            prevalence: share of the positive class that probabilities are to hold for, such as 0.001; decisions stay.
                None: the bundle's.

        Raises:
            FacesiftError: naming a file that is missing, damaged or of another version, a rule or point that is none,
                and for a way to decide that the bundle has no stopping rule for.
        """
        folder = Path(path)
        card = read_card(folder)
        verify_files(folder, card)
        ensemble = open_ensemble(folder, card, rule, point, stop_early=stop_early, prevalence=prevalence)
        share = card.calibration.prevalence if prevalence is None else prevalence
        opened, preprocessor = open_runtime(runtime, folder, card, threads), Preprocessor.of(folder, card)
        return cls(card, opened, ensemble, preprocessor, bundle_hash(folder), share, point)

    def log(self, *, timed: bool = True) -> DecisionLog:
        """Say how this committee decides, as every row has it; `timed`: with the time."""
        return DecisionLog.of(self.bundle, self.ensemble.rule, self.point, self.prevalence, timed=timed)

    def logits(self, inputs: NDArray[np.uint8] | MemberInputs) -> dict[str, NDArray[np.float32]]:
        """Score images with every member: float32 (n, classes) each.

        Args:
            inputs: pixels (n, S, S, 3) of the card's `image_size`, or what `bundle.preprocessing.stack_inputs` gives.

        Raises:
            FacesiftError: for pixels of another size or type, and for pixels alone in a committee with heads, which see
                more of an image.
        """
        return self.runtime.logits(self._checked(inputs), self.card.member_names)

    def _checked(self, inputs: NDArray[np.uint8] | MemberInputs) -> MemberInputs:
        seen, size = member_inputs(inputs), self.card.image.image_size
        if seen.pixels.dtype != np.uint8 or seen.pixels.shape[1:] != (size, size, 3):
            raise FacesiftError(
                f"pixels {seen.pixels.shape} {seen.pixels.dtype}: this committee sees (n, {size}, {size}, 3) uint8; "
                "`decide` and `screen` take files of any size"
            )
        return seen

    def decide(
        self, inputs: NDArray[np.uint8] | MemberInputs | Path | str, image_ids: Sequence[str] | None = None
    ) -> BatchDecisions:
        """Score and decide images; see `logits`. For many files use `screen`, which reads and scores side by side.

        Args:
            inputs: path of one image file, or pixels (n, S, S, 3) of the card's `image_size`, or what
                `bundle.preprocessing.stack_inputs` gives.
            image_ids: their ids (n,), from which noise and other random damage is drawn where decisions must survive
                damage; None: the file's id, and all pixels are damaged alike.

        Returns:
            Decisions as `screen` makes them, votes and log-odds. `names(committee.card.classes)` has the decisions as
            words.

        Raises:
            FacesiftError: for a file that cannot be read, for pixels of another size or type, and when a member's
                logits are not finite: no decision is made of them.
        """
        if isinstance(inputs, Path | str):
            return self._decide_file(Path(inputs))
        seen = self._checked(inputs)
        ids = [""] * len(seen) if image_ids is None else image_ids
        return decide_stably(self._decide_finite, self.ensemble, seen, ids).batch

    def _decide_file(self, path: Path) -> BatchDecisions:
        """Decide the image in a file as `screen` does."""
        read = read_image(InputFile(str(path), LOOSE, str(path)), self.preprocessor)
        if read.seen is None:
            raise FacesiftError(f"{path}: {read.reason}")
        found = self.decide(stack_inputs([read.seen]), [read.image_id or ""])
        return found if read.referred is None else replace(found, decisions=np.full_like(found.decisions, REVIEW))

    def _decide_finite(self, inputs: MemberInputs) -> CascadeDecisions:
        logits = self.logits(inputs)
        for member, values in logits.items():
            bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
            if bad.size:
                raise FacesiftError(f"{member}: its logits of image {bad[0]} are not finite; the image is not decided")
        return decide_at_once(self.ensemble, logits)

    def screen(
        self,
        paths: Iterable[str | Path],
        batch_size: int = 32,
        workers: int | None = None,
        *,
        cascade: bool = False,
        timed: bool = True,
    ) -> Tables:
        """Decide image files, folders and zip files: yields tables of `batch_size` rows, one row a file.

        Args:
            paths: image files, folders and zip files.
            batch_size: rows of a table, and images scored at a time.
            workers: threads that read and decode; None: one a core.
            cascade: ask no further member once an image is decided; such an image has no probability. A committee
                loaded with `stop_early` always does.
            timed: whether rows have the time of the decision; without it equal runs give equal tables.

        Returns:
            An iterator of tables with the columns of `columns.decisions_schema`. A file that cannot be scored has a
            reason and no decision.

        Raises:
            FacesiftError: for a cascade by a rule that needs all scores.
        """
        return self.screen_found(find_files(paths), batch_size, workers, cascade=cascade, timed=timed)

    def screen_found(
        self,
        files: Iterable[InputFile],
        batch_size: int = 32,
        workers: int | None = None,
        *,
        cascade: bool = False,
        timed: bool = True,
    ) -> Tables:
        """Decide files that `images.paths.find_files` found; see `screen`."""
        reading, log = ReadOptions(self.preprocessor, batch_size, workers or os.cpu_count() or 1), self.log(timed=timed)
        if not cascade and self.ensemble.stopping is None:
            return log.added_to(screen_files(files, self.ensemble, self.logits, reading))
        check_cascade(self.ensemble)
        return log.added_to(screen_batches(files, self.ensemble, self.decide_in_turn, reading))

    def decide_reads(self, reads: Sequence[Read], log: DecisionLog) -> pl.DataFrame:
        """Decide files that `stream.read_image` or `stream.read_data` read, in one batch.

        Args:
            reads: at least one.
            log: what `log` gives.

        Returns:
            The rows that `screen` makes of the same files.
        """
        decided = decide_reads(reads, self.ensemble, lambda inputs: decide_at_once(self.ensemble, self.logits(inputs)))
        return log.add(decided)

    def decide_in_turn(self, inputs: NDArray[np.uint8] | MemberInputs) -> CascadeDecisions:
        """Decide images, asking no further member once an image is decided; see `cascade`.

        Damaged copies are not looked at; `screen` does so.
        """
        return decide_in_turn(self.ensemble, self.runtime.logits, member_inputs(inputs))
