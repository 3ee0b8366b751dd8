"""A support vector machine as a member: fitted by scikit-learn, stored as plain arrays, and scored from them.

Plain arrays in safetensors have the same bytes after every fit (an archive of skops does not), cannot run code when
they are loaded, and can be exported within the one graph of a committee (`pixel_module`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import combinations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.core.errors import FacesiftError

SVM = "svm_rbf"  # its name in a recipe
MAX_VALUES = 2**28  # pixel values of all training images; fitting takes 24 bytes for each, so 6.4 GB at most
IMAGES, VECTORS = 256, 1024  # of one step of scoring: its memory depends on these alone
ARGUMENTS = ("C", "gamma", "class_weight", "tol", "shrinking", "cache_size", "max_iter")


@dataclass(frozen=True)
class SupportVectors:
    """A fitted machine with an RBF kernel. Arrays have scikit-learn's names; classes are 0, 1, ...

    Attributes:
        mean: mean of each of the f values of an image, (f,).
        scale: standard deviation of each value, (f,).
        support_vectors: the v standardised support vectors, sorted by class, (v, f).
        n_support: number of support vectors of each class, (classes,).
        dual_coef: libsvm's coefficients, (classes - 1, v).
        intercept: constant of each pair of classes, (pairs,).
        gamma: width parameter of the kernel, (1,).
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    support_vectors: NDArray[np.float32]
    n_support: NDArray[np.int64]
    dual_coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    gamma: NDArray[np.float64]

    def logits(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Score images; the largest logit is the class that scikit-learn predicts.

        Args:
            pixels: (n, S, S, 3) in 0..255.

        Returns:
            Logits (n, classes), float32. With two classes: half the decision value for the second and against the first
            class. With more: scikit-learn's one-against-the-rest decision values.

        Raises:
            FacesiftError: when the images have another size than those that the machine was trained on.
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
        """Return the decision value (n, pairs) of each pair of classes, positive for the first of the two."""
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
        """Return the weight (pairs, v) of each support vector in each pair's decision, from libsvm's `dual_coef`."""
        ends = np.cumsum(self.n_support)
        of_class = [slice(end - size, end) for end, size in zip(ends, self.n_support, strict=True)]
        weights = np.zeros((len(self.intercept), self.dual_coef.shape[1]))
        for row, (first, second) in zip(weights, combinations(range(len(of_class)), 2), strict=True):
            row[of_class[first]] = self.dual_coef[second - 1, of_class[first]]
            row[of_class[second]] = self.dual_coef[first, of_class[second]]
        return weights

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, for a safetensors file."""
        return {field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: dict[str, NDArray[Any]]) -> SupportVectors:
        """Build it from the arrays of `to_tensors`; `FacesiftError` names those that are missing or unknown."""
        names = {field.name for field in fields(cls)}
        if tensors.keys() != names:
            raise FacesiftError(f"svm_rbf: its file differs from what is right in {sorted(tensors.keys() ^ names)}")
        return cls(**tensors)


def standardised(
    flat: NDArray[np.generic], mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Subtract each value's mean (f,) and divide by its deviation (f,): rows (n, f) -> float32 (n, f)."""
    rows = flat.astype(np.float32)
    rows -= mean
    rows /= scale
    return rows


def _one_against_rest(pairs: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """Count each class's won pairs, and break ties by its summed decision values squeezed into (-1/3, 1/3).

    Maps (n, pairs) to (n, classes) as scikit-learn does with `decision_function_shape="ovr"`.
    """
    won, margin = np.zeros((2, len(pairs), classes))
    for values, (first, second) in zip(pairs.T, combinations(range(classes), 2), strict=True):
        won[:, first] += values >= 0
        won[:, second] += values < 0
        margin[:, first] += values
        margin[:, second] -= values
    return won + margin / (3 * (np.abs(margin) + 1))


def check_memory(images: int, image_size: int, arguments: dict[str, Any]) -> None:
    """Check that the training images fit in memory, before they are read.

    Args:
        images: number of training images.
        image_size: their side in pixels.
        arguments: of the recipe's architecture; `max_values` replaces the limit `MAX_VALUES`.

    Raises:
        FacesiftError: when there are more pixel values than the limit.
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
    """Fit a machine with an RBF kernel on standardised pixels.

    Args:
        pixels: (n, S, S, 3) in 0..255.
        labels: class numbers (n,) in 0..classes-1.
        classes: number of classes.
        arguments: `ARGUMENTS` of scikit-learn's SVC, and `max_values`. `gamma` is `auto` unless given:
            1 / values of an image.
        seed: seed of scikit-learn.

    Returns:
        The fitted machine.

    Raises:
        FacesiftError: for too many images (`check_memory`), an unknown argument, or a class without an image.
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
    sign = -1 if classes == 2 else 1  # with two classes scikit-learn reverses libsvm's sign
    return SupportVectors(
        scaler.mean_, scaler.scale_, rows[machine.support_], machine.n_support_.astype(np.int64),
        sign * machine.dual_coef_, sign * machine.intercept_, np.array([gamma]),
    )  # fmt: skip


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
    """Turn `auto` and `scale` into numbers as scikit-learn does; it checks all other values itself."""
    if value == "auto":
        return 1.0 / rows.shape[1]
    return 1.0 / (rows.shape[1] * rows.var(dtype=np.float64)) if value == "scale" else value
