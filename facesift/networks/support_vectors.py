"""A support vector machine as a member: fitted by scikit-learn, kept as plain arrays, scored by ourselves."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import combinations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.core.errors import FacesiftError

SVM = "svm_rbf"  # what a recipe calls it
MAX_VALUES = 2**28  # pixel values of all training images; fitting takes 24 bytes for each, so 6.4 GB at most
IMAGES, VECTORS = 256, 1024  # of one step of scoring: its memory depends on these alone
ARGUMENTS = ("C", "gamma", "class_weight", "tol", "shrinking", "cache_size", "max_iter")


@dataclass(frozen=True)
class SupportVectors:
    """Arrays of a fitted RBF machine, named as scikit-learn names them; classes are 0, 1, ...

    `mean` and `scale` (f,) standardise the f values of an image; `support_vectors` (v, f), sorted by class, are
    standardised; `n_support` (classes,); `dual_coef` (classes - 1, v); `intercept` (pairs of classes,); `gamma` (1,).
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    support_vectors: NDArray[np.float32]
    n_support: NDArray[np.int64]
    dual_coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    gamma: NDArray[np.float64]

    def logits(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Score pixels (n, S, S, 3) in 0..255 -> float32 logits (n, classes).

        Two classes: half the decision value for the second and against the first, so that the greater is what
        scikit-learn predicts. More: its one-against-the-rest decision values.
        """
        flat = pixels.reshape(len(pixels), prod(pixels.shape[1:]))
        if flat.shape[1] != len(self.mean):
            raise FacesiftError(f"svm_rbf: images of {flat.shape[1]} values, trained on images of {len(self.mean)}")
        steps = range(0, len(flat), IMAGES)
        pairs = np.concatenate(
            [np.empty((0, len(self.intercept))), *(self._pairs(flat[n : n + IMAGES]) for n in steps)]
        )
        scores = _one_against_rest(pairs, len(self.n_support)) if len(self.n_support) > 2 else pairs * [0.5, -0.5]
        return scores.astype(np.float32)

    def _pairs(self, flat: NDArray[np.generic]) -> NDArray[np.float64]:
        """Decision value (n, pairs) of each pair of classes, positive for the first of the two."""
        rows = standardised(flat, self.mean, self.scale).astype(np.float64)
        weights, lengths = self.pair_weights(), (rows**2).sum(axis=1, keepdims=True)
        total = np.tile(self.intercept, (len(rows), 1))
        for start in range(0, len(self.support_vectors), VECTORS):
            vectors = self.support_vectors[start : start + VECTORS].astype(np.float64)
            distances = lengths + (vectors**2).sum(axis=1) - 2 * rows @ vectors.T
            kernel = np.exp(-self.gamma[0] * np.maximum(distances, 0))
            total += kernel @ weights[:, start : start + VECTORS].T
        return total

    def pair_weights(self) -> NDArray[np.float64]:
        """Weight (pairs, v) of each support vector in each pair's decision, unpacked from libsvm's `dual_coef`."""
        ends = np.cumsum(self.n_support)
        own = [slice(end - size, end) for end, size in zip(ends, self.n_support, strict=True)]
        weights = np.zeros((len(self.intercept), self.dual_coef.shape[1]))
        for row, (first, second) in zip(weights, combinations(range(len(own)), 2), strict=True):
            row[own[first]] = self.dual_coef[second - 1, own[first]]
            row[own[second]] = self.dual_coef[first, own[second]]
        return weights

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, for a safetensors file."""
        return {field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: dict[str, NDArray[Any]]) -> SupportVectors:
        """Take up the arrays of `to_tensors`; `FacesiftError` names those that are missing or too many."""
        names = {field.name for field in fields(cls)}
        if tensors.keys() != names:
            raise FacesiftError(f"svm_rbf: its file differs from what is right in {sorted(tensors.keys() ^ names)}")
        return cls(**tensors)


def standardised(
    flat: NDArray[np.generic], mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Subtract each value's mean and divide by its deviation: (n, f) -> float32 (n, f)."""
    rows = flat.astype(np.float32)
    rows -= mean
    rows /= scale
    return rows


def _one_against_rest(pairs: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """Count each class's won pairs, and break ties by its summed decision values squeezed into (-1/3, 1/3).

    (n, pairs) -> (n, classes); equal to scikit-learn's `decision_function_shape="ovr"`.
    """
    won, margin = np.zeros((2, len(pairs), classes))
    for values, (first, second) in zip(pairs.T, combinations(range(classes), 2), strict=True):
        won[:, first] += values >= 0
        won[:, second] += values < 0
        margin[:, first] += values
        margin[:, second] -= values
    return won + margin / (3 * (np.abs(margin) + 1))


def check_memory(images: int, image_size: int, arguments: dict[str, Any]) -> None:
    """Raise `FacesiftError` when so many training images are too many to hold in memory; call it before reading them.

    The limit is the argument `max_values`, else `MAX_VALUES`.
    """
    values, limit = images * image_size**2 * 3, arguments.get("max_values", MAX_VALUES)
    if values > limit:
        raise FacesiftError(
            f"architecture svm_rbf: {images:,} training images of {image_size} pixels are {values:,} values, more than "
            f"arguments.max_values {limit:,}: scikit-learn holds them all in memory, 24 bytes a value. Lower "
            "data.image_size, plan fewer images (resample.undersample), or raise arguments.max_values"
        )


def fit_svm(
    pixels: NDArray[np.generic], labels: NDArray[np.integer], classes: int, arguments: dict[str, Any], seed: int = 0
) -> SupportVectors:
    """Fit an RBF machine on standardised pixels (n, S, S, 3) in 0..255 with labels (n,) in 0..classes-1.

    `arguments` (of `ARGUMENTS`) go to scikit-learn's SVC; `gamma` is `auto`, 1 / values of an image, unless given.
    Raises `FacesiftError` for too many images (`check_memory`), an argument that is none, or a class without an image.
    """
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
    from sklearn.svm import SVC  # noqa: PLC0415

    check_memory(len(pixels), pixels.shape[1], arguments)
    _check_arguments(arguments)
    _check_classes(labels, classes)
    flat = pixels.reshape(len(pixels), -1).astype(np.float32, copy=False)
    scaler = StandardScaler().fit(flat)
    rows = standardised(flat, scaler.mean_, scaler.scale_)
    options = {key: value for key, value in arguments.items() if key != "max_values"}
    gamma = _gamma(options.pop("gamma", "auto"), rows)
    try:
        machine = SVC(kernel="rbf", gamma=gamma, random_state=seed, **options).fit(rows, labels)
    except (TypeError, ValueError) as error:
        raise FacesiftError(f"architecture svm_rbf: arguments {arguments}: {error}") from error
    sign = -1 if classes == 2 else 1  # with two classes scikit-learn turns libsvm's sign round
    return SupportVectors(
        mean=scaler.mean_,
        scale=scaler.scale_,
        support_vectors=rows[machine.support_],
        n_support=machine.n_support_.astype(np.int64),
        dual_coef=sign * machine.dual_coef_,
        intercept=sign * machine.intercept_,
        gamma=np.array([gamma]),
    )


def _check_arguments(arguments: dict[str, Any]) -> None:
    unknown = sorted(arguments.keys() - {*ARGUMENTS, "max_values"})
    if unknown:
        raise FacesiftError(
            f"architecture svm_rbf: arguments.{unknown[0]}: not one of {', '.join(ARGUMENTS)}, max_values"
        )


def _check_classes(labels: NDArray[np.integer], classes: int) -> None:
    missing = sorted(set(range(classes)) - set(np.unique(labels).tolist()))
    if missing:
        raise FacesiftError(f"architecture svm_rbf: no training image of class number {missing[0]} (from 0)")


def _gamma(value: Any, rows: NDArray[np.float32]) -> Any:
    """Turn `auto` and `scale` into numbers as scikit-learn does; it judges all else."""
    if value == "auto":
        return 1.0 / rows.shape[1]
    return 1.0 / (rows.shape[1] * rows.var(dtype=np.float64)) if value == "scale" else value
