"""The stacked ensemble: a linear layer over the ReLU of the members' outputs (Wolpert 1992, Stacked Generalization)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesift.errors import FacesiftError
from facesift.metrics import FAKE
from facesift.params import Stack

Logits = NDArray[np.floating]
Features = NDArray[np.float64]  # (images, 2 x members)


@dataclass(frozen=True)
class Stacker:
    """Logits = features @ weight.T + bias; `weight` is (2, 2 x members), `bias` (2,)."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def logits(self, features: Features) -> NDArray[np.float64]:
        """Score features (n, 2 x members) -> logits (n, 2)."""
        return features @ self.weight.T + self.bias


def stack_features(members: list[Logits]) -> Features:
    """Put the members' logits (n, 2) side by side and cut off below zero -> (n, 2 x members).

    >>> stack_features([np.array([[-1.0, 2.0]]), np.array([[3.0, -4.0]])]).tolist()
    [[0.0, 2.0, 3.0, 0.0]]
    """
    return np.maximum(np.concatenate(members, axis=1).astype(np.float64), 0)


def balance_weights(labels: NDArray[np.int64], fake_to_real: float | None) -> NDArray[np.float64]:
    """Weight of each image so that fakes weigh `fake_to_real` times as much as reals in all; None: all weigh 1.

    >>> balance_weights(np.array([0, 0, 0, 0, 1]), 0.5).tolist()
    [1.0, 1.0, 1.0, 1.0, 2.0]
    """
    weights = np.ones(len(labels))
    if fake_to_real is not None:
        fakes = labels == FAKE
        weights[fakes] = fake_to_real * (~fakes).sum() / max(1, fakes.sum())
    return weights


def fit_stacker(features: Features, labels: NDArray[np.int64], c: float, fake_to_real: float | None) -> Stacker:
    """Fit the linear layer by L2-regularised logistic regression (inverse strength `c`), fakes weighted."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  a second to import

    scale = np.maximum(features.std(axis=0), 1e-6)  # members differ in scale: one strength must suit them all
    regression = LogisticRegression(C=c, max_iter=1000)
    regression.fit(features / scale, labels, sample_weight=balance_weights(labels, fake_to_real))
    half = regression.coef_[0] / scale / 2  # two symmetric outputs, whose difference is the regression's
    intercept = regression.intercept_[0] / 2
    return Stacker(weight=np.stack([-half, half]), bias=np.array([-intercept, intercept]))


def out_of_fold(features: Features, labels: NDArray[np.int64], groups: NDArray, spec: Stack) -> NDArray[np.float64]:
    """Logits (n, 2) of each image by a stacker that has not seen it nor its near-duplicates (`groups`, (n,)).

    Raises `FacesiftError` when there are fewer fakes than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415

    fewest = int((labels == FAKE).sum())
    if fewest < spec.folds:
        raise FacesiftError(f"stack.folds: {spec.folds} folds need as many validation fakes; there are {fewest}")
    logits = np.empty((len(labels), 2))
    folds = StratifiedGroupKFold(spec.folds, shuffle=True, random_state=spec.seed)
    for kept, held in folds.split(features, labels, groups):
        logits[held] = fit_stacker(features[kept], labels[kept], spec.c, spec.fake_to_real).logits(features[held])
    return logits
