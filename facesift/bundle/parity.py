"""Does the exported graph decide as the networks that were trained? Measured on held-out images before it ships."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.bundle.runtimes import Runtime
from facesift.committee.decision import Jury, MemberLogits
from facesift.core.errors import FacesiftError
from facesift.core.scores import class_probabilities, logits_from

Batch = tuple[list[str], NDArray[np.uint8]]  # image ids and pixels (b, S, S, 3)


@dataclass(frozen=True)
class Parity:
    """Largest absolute differences over `images` images: graph against torch, and torch against the stored scores.

    `undecided`: images that the two decide differently because a vote hangs on less than the tolerance.
    """

    images: int
    logits: float
    log_odds: float
    stored: float
    undecided: int


@dataclass(frozen=True)
class Comparison:
    """Two runtimes of one committee, and the largest difference in logits and calibrated log-odds that is let pass."""

    graph: Runtime
    torch: Runtime
    jury: Jury
    tolerance: float

    def measure(self, batches: Iterable[Batch], stored: pl.DataFrame) -> Parity:
        """Compare both on the same images, and torch with the scores of the pipeline.

        `stored` has image_id and the columns `<member>_logit_<class>`. Raises `FacesiftError` when a difference is
        beyond the tolerance, or when an image is decided differently although no vote hangs on so little.
        """
        found = [self._compare(image_ids, pixels, stored) for image_ids, pixels in batches]
        return Parity(
            images=sum(each.images for each in found),
            logits=max(each.logits for each in found),
            log_odds=max(each.log_odds for each in found),
            stored=max(each.stored for each in found),
            undecided=sum(each.undecided for each in found),
        )

    def _compare(self, image_ids: list[str], pixels: NDArray[np.uint8], stored: pl.DataFrame) -> Parity:
        exported, trained = (runtime.logits(pixels, self.jury.members) for runtime in (self.graph, self.torch))
        ours, theirs = self.jury.judge(exported), self.jury.judge(trained)
        other = ours.decisions != theirs.decisions
        found = Parity(
            images=len(image_ids),
            logits=_farthest(self.jury.voices(exported), self.jury.voices(trained)),
            log_odds=float(np.abs(ours.log_odds - theirs.log_odds).max()),
            stored=_farthest(trained, _stored_logits(stored, image_ids, self.jury)),
            undecided=int(other.sum()),
        )
        self._check(found, image_ids)
        wrong = other & ~hangs(self.jury, trained, self.tolerance)
        if wrong.any():
            image = image_ids[int(np.argmax(wrong))]
            raise FacesiftError(f"image {image}: the exported graph decides it differently from torch; nothing written")
        return found

    def _check(self, found: Parity, image_ids: list[str]) -> None:
        differences = {
            "the exported graph and torch differ in logits": found.logits,
            "the exported graph and torch differ in calibrated log-odds": found.log_odds,
            "the weights and data/scores differ in logits": found.stored,
        }
        for what, value in differences.items():
            if not value <= self.tolerance:  # also for a value that is no number
                raise FacesiftError(
                    f"{what} by {value:.2g} among {len(image_ids)} test images from {image_ids[0]} on, more than "
                    f"export.tolerance {self.tolerance:g}; nothing written. Scores made on a GPU or with mixed "
                    "precision may need a greater tolerance"
                )


def hangs(jury: Jury, logits: MemberLogits, tolerance: float) -> NDArray[np.bool_]:
    """Whether a change of every logit by `tolerance` could turn a vote, or the mean probability, of an image (n,)."""
    voices = list(jury.voices(logits).values())
    means = np.mean([class_probabilities(each) for each in voices], axis=0)
    return np.any([_lead(each) <= 2 * tolerance for each in voices], axis=0) | (_lead(means) <= tolerance)


def _lead(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """How far the largest of a row is ahead of the next: (n, classes) -> (n,)."""
    ordered = np.sort(values, axis=1)
    return ordered[:, -1] - ordered[:, -2]


def _farthest(first: MemberLogits, second: MemberLogits) -> float:
    return max(float(np.abs(first[name].astype(np.float64) - second[name]).max()) for name in first)


def _stored_logits(stored: pl.DataFrame, image_ids: list[str], jury: Jury) -> MemberLogits:
    rows = pl.DataFrame({"image_id": image_ids}).join(stored, on="image_id", how="left", maintain_order="left")
    return {member: logits_from(rows, member, jury.classes) for member in jury.members}
