"""Out-of-fold scores of the stacker: each image is scored by one that saw neither it nor its near-duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.committee.folds import assign_groups, groups_of_classes, lacking_class
from facesift.committee.sources import Own
from facesift.committee.stacking import Features, Stacker, fit_stacker
from facesift.config.committee import Stack
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted

Labels = NDArray[np.int64]  # (images,), class numbers
Groups = NDArray[Any]  # (images,), of near-duplicates


@dataclass(frozen=True)
class FoldStackers:
    """Stackers of which each was fitted without some of the images.

    Attributes:
        stackers: one for each fold.
        fold: the number of the one that was fitted without the image and its near-duplicates (n,).
    """

    stackers: list[Stacker]
    fold: NDArray[np.int64]

    def logits(self, features: Features) -> NDArray[np.float64]:
        """Score features (n, classes x members) of these n images, or of copies of them -> logits (n, classes)."""
        logits = np.empty((len(features), len(self.stackers[0].bias)))
        for number, stacker in enumerate(self.stackers):
            logits[self.fold == number] = stacker.logits(features[self.fold == number])
        return logits


def fit_folds(  # noqa: PLR0913, PLR0917  all of this decides a fold
    features: Features, labels: Labels, groups: Groups, spec: Stack, classes: Classes, own: Own | None = None
) -> FoldStackers:
    """Fit a stacker for each image without it and its near-duplicates: one for each fold.

    Args:
        features: of the images (n, classes x members), see `stacking.stack_features`.
        labels: class numbers (n,).
        groups: of near-duplicates (n,).
        spec: the section `stack` of the parameters.
        classes: of the labels.
        own: see `stacking.fit_stacker`; all images have a fold, whichever count in the fit.

    Returns:
        The stackers; their `logits` of the same features are the images' out-of-fold scores.

    Raises:
        FacesiftError: when a class has fewer groups than there are folds and `spec.fewer_folds` does not allow fewer,
            or less than two. Where sources matter, groups in the positives' own sources count.
    """
    own = np.full(len(labels), fill_value=True) if own is None else own
    counted = np.full(len(labels), fill_value=True) if spec.sources == "as_they_come" else own
    folds = choose_folds(labels[counted], groups[counted], spec, classes)
    fold = assign_groups(_strata(labels, own, spec, classes), groups, folds, spec.seed)
    for number in range(folds):
        _check_kept(labels[counted & (fold != number)], folds, spec, classes)
    kept = [fold != number for number in range(folds)]
    return FoldStackers([fit_stacker(features[k], labels[k], spec, classes, own[k]) for k in kept], fold)


def out_of_fold(  # noqa: PLR0913, PLR0917
    features: Features, labels: Labels, groups: Groups, spec: Stack, classes: Classes, own: Own | None = None
) -> NDArray[np.float64]:
    """Score each image by a stacker that was fitted without it: logits (n, classes); see `fit_folds`."""
    return fit_folds(features, labels, groups, spec, classes, own).logits(features)


def choose_folds(labels: Labels, groups: Groups, spec: Stack, classes: Classes) -> int:
    """Choose the number of folds: `stack.folds`, or with `stack.fewer_folds` as many as the rarest class has groups.

    Args:
        labels: class numbers of the images that count in the fit (n,).
        groups: of near-duplicates (n,).
        spec: the section `stack` of the parameters.
        classes: of the labels.

    Raises:
        FacesiftError: when there are too few groups of a class.
    """
    counts = groups_of_classes(labels, groups, len(classes.names))
    fewest, rarest = int(counts.min()), int(counts.argmin())
    if fewest >= spec.folds:
        return spec.folds
    if spec.fewer_folds and fewest >= 2:
        return fewest
    where = "" if spec.sources == "as_they_come" else f" in the sources that hold {classes.positive} and others"
    found = (
        f"{classes.names[rarest]} has {counted(int((labels == rarest).sum()), 'image')} in {counted(fewest, 'group')}"
    )
    more = "add validation images (split.fractions)" + (" or use stack.sources: as_they_come" if where else "")
    remedy = f"set stack.folds: {fewest} or stack.fewer_folds: true" if fewest >= 2 else more
    raise FacesiftError(
        f"stack.folds: {2 if spec.fewer_folds else spec.folds} folds need as many groups of near-duplicates of each "
        f"class among the validation images{where}; {found}: {remedy}"
    )


def _check_kept(labels: Labels, folds: int, spec: Stack, classes: Classes) -> None:
    """Raise `FacesiftError` where all images of a class came into one fold: a stacker would never have seen it."""
    missing = lacking_class(labels, len(classes.names))
    if missing is not None:
        raise FacesiftError(
            f"stack.folds: with {folds} folds and stack.seed {spec.seed} all groups of {classes.names[missing]} come "
            "into one fold; use another seed or number of folds"
        )


def _strata(labels: Labels, own: Own, spec: Stack, classes: Classes) -> Labels:
    """What the folds are stratified by: the class; where sources matter, class and whether the source is own."""
    return labels if spec.sources == "as_they_come" else labels + len(classes.names) * ~own
