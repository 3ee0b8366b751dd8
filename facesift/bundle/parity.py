"""The parity check: whether the exported graph decides as the trained networks, measured on test images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesift.bundle.inputs import MemberInputs
from facesift.bundle.runtimes import Runtime
from facesift.committee.decision import VoterLogits
from facesift.committee.ensemble import Ensemble
from facesift.core.errors import FacesiftError
from facesift.core.scores import LabelledLogits, class_probabilities

Batch = tuple[list[str], MemberInputs]  # image ids, and what the members see of these images


@dataclass(frozen=True)
class Parity:
    """The largest absolute differences that were found.

    Attributes:
        images: how many images were compared.
        logits: graph against torch.
        log_odds: graph against torch, calibrated.
        stored: torch against the pipeline's scores, in logits.
        undecided: images that the two decide differently because a vote depends on less than the tolerance.
    """

    images: int
    logits: float
    log_odds: float
    stored: float
    undecided: int


@dataclass(frozen=True)
class ParityCheck:
    """Compares two runtimes of one committee.

    Attributes:
        graph: ONNX Runtime on the exported graph.
        torch: the networks as they were trained.
        ensemble: makes decisions of the logits of either.
        tolerance: the largest difference in logits and calibrated log-odds that is accepted.
    """

    graph: Runtime
    torch: Runtime
    ensemble: Ensemble
    tolerance: float

    def measure(self, batches: Iterable[Batch], stored: LabelledLogits) -> Parity:
        """Compare both on the same images, and torch with the scores of the pipeline.

        Args:
            batches: ids of the images and what the members see of them, some at a time.
            stored: the members' logits of these images, maybe among others, as the pipeline scored them.

        Returns:
            The largest differences over all images.

        Raises:
            FacesiftError: when a difference is beyond the tolerance, or when an image is decided differently although
                no vote depends on so little.
        """
        found = [self._compare(image_ids, inputs, stored) for image_ids, inputs in batches]
        return Parity(
            images=sum(each.images for each in found),
            logits=max(each.logits for each in found),
            log_odds=max(each.log_odds for each in found),
            stored=max(each.stored for each in found),
            undecided=sum(each.undecided for each in found),
        )

    def _compare(self, image_ids: list[str], inputs: MemberInputs, stored: LabelledLogits) -> Parity:
        exported, trained = (runtime.logits(inputs, self.ensemble.members) for runtime in (self.graph, self.torch))
        ours, theirs = self.ensemble.decide(exported), self.ensemble.decide(trained)
        other = ours.decisions != theirs.decisions
        found = Parity(
            images=len(image_ids),
            logits=_farthest(self.ensemble.voter_logits(exported), self.ensemble.voter_logits(trained)),
            log_odds=float(np.abs(ours.log_odds - theirs.log_odds).max()),
            stored=_farthest(trained, _stored_logits(stored, image_ids, self.ensemble)),
            undecided=int(other.sum()),
        )
        self._check(found, image_ids)
        wrong = other & ~is_close(self.ensemble, trained, self.tolerance)
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


def is_close(ensemble: Ensemble, logits: VoterLogits, tolerance: float) -> NDArray[np.bool_]:
    """Whether a change of all logits by `tolerance` could turn a vote, or the mean probability, of an image (n,)."""
    scores = list(ensemble.voter_logits(logits).values())
    means = np.mean([class_probabilities(each) for each in scores], axis=0)
    return np.any([_margin_to_next(each) <= 2 * tolerance for each in scores], axis=0) | (
        _margin_to_next(means) <= tolerance
    )


def _margin_to_next(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """How far the largest of a row is ahead of the next: (n, classes) -> (n,)."""
    ordered = np.sort(values, axis=1)
    return ordered[:, -1] - ordered[:, -2]


def _farthest(first: VoterLogits, second: VoterLogits) -> float:
    return max(float(np.abs(first[name].astype(np.float64) - second[name]).max()) for name in first)


def _stored_logits(stored: LabelledLogits, image_ids: list[str], ensemble: Ensemble) -> VoterLogits:
    places = {image_id: row for row, image_id in enumerate(stored.images["image_id"])}
    missing = [image_id for image_id in image_ids if image_id not in places]
    if missing:
        raise FacesiftError(f"data/scores: no score of the test image {missing[0]} in the shards; run `dvc repro`")
    rows = [places[image_id] for image_id in image_ids]
    return {member: stored.logits[member][rows] for member in ensemble.members}
