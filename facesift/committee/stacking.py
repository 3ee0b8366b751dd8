"""The stacked ensemble: a linear layer over the ReLU of the members' outputs (Wolpert 1992, Stacked Generalization)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesift.errors import FacesiftError
from facesift.metrics import Classes
from facesift.params import Stack

Logits = NDArray[np.floating]
Features = NDArray[np.float64]  # (images, classes x members)


@dataclass(frozen=True)
class Stacker:
    """Logits = features @ weight.T + bias; `weight` is (classes, classes x members), `bias` (classes,)."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def logits(self, features: Features) -> NDArray[np.float64]:
        """Score features (n, classes x members) -> logits (n, classes)."""
        return features @ self.weight.T + self.bias


def stack_features(members: list[Logits]) -> Features:
    """Put the members' logits (n, classes) side by side and cut off below zero -> (n, classes x members).

    >>> stack_features([np.array([[-1.0, 2.0]]), np.array([[3.0, -4.0]])]).tolist()
    [[0.0, 2.0, 3.0, 0.0]]
    """
    return np.maximum(np.concatenate(members, axis=1).astype(np.float64), 0)


def image_weights(labels: NDArray[np.int64], spec: Stack, classes: Classes) -> NDArray[np.float64]:
    """Weight of each image (n,): the class weights if given, then positives as `fake_to_real` times all others."""
    weights = np.ones(len(labels)) if spec.class_weights is None else np.array(spec.class_weights)[labels]
    return balanced(weights, classes.is_positive(labels) == 1, spec.fake_to_real)


def balanced(weights: NDArray[np.float64], fakes: NDArray[np.bool_], fake_to_real: float | None) -> NDArray[np.float64]:
    """Scale the fakes' weights so that they sum to `fake_to_real` times the others' sum; None: as they are.

    >>> balanced(np.ones(5), np.array([False, False, False, False, True]), 0.5).tolist()
    [1.0, 1.0, 1.0, 1.0, 2.0]
    """
    if fake_to_real is None or not fakes.any():
        return weights
    return np.where(fakes, weights * fake_to_real * weights[~fakes].sum() / weights[fakes].sum(), weights)


def fit_stacker(features: Features, labels: NDArray[np.int64], spec: Stack, classes: Classes) -> Stacker:
    """Fit the linear layer by L2-regularised (multinomial) logistic regression on weighted images."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  a second to import

    scale = np.maximum(features.std(axis=0), 1e-6)  # members differ in scale: one strength must suit them all
    regression = LogisticRegression(C=spec.c, max_iter=1000)
    regression.fit(features / scale, labels, sample_weight=image_weights(labels, spec, classes))
    weight, bias = regression.coef_ / scale, regression.intercept_
    if len(classes.names) == 2:  # one output, whose sign decides: make it two symmetric ones
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return Stacker(weight, bias)


def out_of_fold(
    features: Features, labels: NDArray[np.int64], groups: NDArray, spec: Stack, classes: Classes
) -> NDArray[np.float64]:
    """Logits (n, classes) of each image by a stacker that has not seen it nor its near-duplicates (`groups`, (n,)).

    Raises `FacesiftError` when a class has fewer images than there are folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415

    counts = np.bincount(labels, minlength=len(classes.names))
    if counts.min() < spec.folds:
        name = classes.names[int(counts.argmin())]
        raise FacesiftError(
            f"stack.folds: {spec.folds} folds need as many validation images of each class; {name} has {counts.min()}"
        )
    logits = np.empty((len(labels), len(classes.names)))
    folds = StratifiedGroupKFold(spec.folds, shuffle=True, random_state=spec.seed)
    for kept, held in folds.split(features, labels, groups):
        logits[held] = fit_stacker(features[kept], labels[kept], spec, classes).logits(features[held])
    return logits
