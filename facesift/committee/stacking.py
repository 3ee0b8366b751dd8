"""The stacked ensemble: a linear layer over the ReLU of the members' outputs (Wolpert 1992, Stacked Generalization)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from facesift.committee.folds import lacking_class
from facesift.committee.sources import Own
from facesift.config.committee import Stack
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.files import whole_file
from facesift.core.scores import STACKER

Logits = NDArray[np.floating]
Features = NDArray[np.float64]  # (images, classes x members)


@dataclass(frozen=True)
class Stacker:
    """A linear layer: logits = features @ weight.T + bias.

    Attributes:
        weight: (classes, classes x members).
        bias: (classes,).
    """

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


def add_stacker(members: Mapping[str, Logits], stacker: Stacker) -> dict[str, Logits]:
    """Let the stacker score what the members scored, and add it as the last voter.

    Args:
        members: logits (n, classes) by member, in the order that the stacker was fitted on.
        stacker: the stacked ensemble over them.

    Returns:
        The members' logits as given and the stacker's, rounded to float32 as in a score table: so its votes are the
        same whether its scores come from a table or from memory.
    """
    return {**members, STACKER: stacker.logits(stack_features(list(members.values()))).astype(np.float32)}


def image_weights(labels: NDArray[np.int64], own: Own, spec: Stack, classes: Classes) -> NDArray[np.float64]:
    """Weight of each image (n,): the class weights if given, then positives as `fake_to_real` times all others.

    Between the two, with `sources: balanced`, the others of the positives' own sources come to weigh as much as those
    of all other sources.
    """
    weights = np.ones(len(labels)) if spec.class_weights is None else np.array(spec.class_weights)[labels]
    fakes = classes.is_positive(labels) == 1
    if spec.sources == "balanced":
        weights = evened(weights, own & ~fakes, ~own & ~fakes)
    return balanced(weights, fakes, spec.fake_to_real)


def evened(weights: NDArray[np.float64], first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Scale the weights of two sets of images so that each has half of what both had; as they are if one is empty.

    >>> evened(np.ones(4), np.array([True, False, False, False]), np.array([False, True, True, True])).round(2).tolist()
    [2.0, 0.67, 0.67, 0.67]
    """
    sums = [weights[rows].sum() for rows in (first, second)]
    if not all(sums):
        return weights
    shares = np.select([first, second], [sum(sums) / (2 * each) for each in sums], 1.0)
    return np.asarray(weights * shares)


def balanced(weights: NDArray[np.float64], fakes: NDArray[np.bool_], fake_to_real: float | None) -> NDArray[np.float64]:
    """Scale the fakes' weights so that they sum to `fake_to_real` times the others' sum; None: as they are.

    >>> balanced(np.ones(5), np.array([False, False, False, False, True]), 0.5).tolist()
    [1.0, 1.0, 1.0, 1.0, 2.0]
    """
    if fake_to_real is None or not fakes.any():
        return weights
    return np.where(fakes, weights * fake_to_real * weights[~fakes].sum() / weights[fakes].sum(), weights)


def fit_stacker(
    features: Features, labels: NDArray[np.int64], spec: Stack, classes: Classes, own: Own | None = None
) -> Stacker:
    """Fit the linear layer by L2-regularised (multinomial) logistic regression on weighted images.

    Args:
        features: of the images (n, classes x members), see `stack_features`.
        labels: class numbers (n,).
        spec: the section `stack` of the parameters.
        classes: of the labels.
        own: whether an image is of the positives' own sources (n,), see `sources.own_images`; None: all are. With
            `spec.sources` `own` the others are left out, with `balanced` they weigh less (`image_weights`).

    Returns:
        The fitted stacker.

    Raises:
        FacesiftError: when a class has no image, or none in the positives' own sources where those matter.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  a second to import

    own = np.full(len(labels), fill_value=True) if own is None else own
    _check_classes(labels, own, spec, classes)
    if spec.sources == "own":
        features, labels, own = features[own], labels[own], own[own]
    scale = np.maximum(features.std(axis=0), 1e-6)  # members differ in scale: one strength must suit them all
    regression = LogisticRegression(C=spec.c, max_iter=1000)
    regression.fit(features / scale, labels, sample_weight=image_weights(labels, own, spec, classes))
    weight, bias = regression.coef_ / scale, regression.intercept_
    if len(classes.names) == 2:  # one output, whose sign decides: make it two symmetric ones
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return Stacker(weight, bias)


def _check_classes(labels: NDArray[np.int64], own: Own, spec: Stack, classes: Classes) -> None:
    """Raise `FacesiftError` for a class without an image: the fit would have one output less than there are classes."""
    counted = labels if spec.sources == "as_they_come" else labels[own]
    missing = lacking_class(counted, len(classes.names))
    if missing is None:
        return
    name = classes.names[missing]
    if (labels == missing).any():
        raise FacesiftError(
            f"stack.sources: {spec.sources} needs validation images of each class in the sources that hold "
            f"{classes.positive} and others; {name} has none there. Use as_they_come"
        )
    raise FacesiftError(f"the stacker is fitted on images of each class; there is none of {name}")


def save_stacker(path: Path, stacker: Stacker, members: list[str], classes: tuple[str, ...]) -> None:
    """Write weight and bias (see `Stacker`); the header names members and classes in the order of the features."""
    features = "relu of the logit of each class, member by member"
    header = {"classes": list(classes), "features": features, "members": members}
    text = json.dumps(header | {"sha256": _digest(stacker, header)})
    with whole_file(path) as part:
        # One key: safetensors writes several in an order that changes from call to call.
        part.write_bytes(save({"weight": stacker.weight, "bias": stacker.bias}, metadata={"facesift": text}))


def _digest(stacker: Stacker, header: dict[str, Any]) -> str:
    text = json.dumps(header, sort_keys=True)
    return hashlib.sha256(text.encode() + stacker.weight.tobytes() + stacker.bias.tobytes()).hexdigest()


def load_stacker(path: Path, members: list[str], classes: tuple[str, ...]) -> Stacker:
    """Read what `save_stacker` wrote; `FacesiftError` when it is missing, damaged, or of other members or classes."""
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get("facesift", "{}"))
            stacker = Stacker(file.get_tensor("weight"), file.get_tensor("bias"))
    except (OSError, ValueError, SafetensorError) as error:
        raise FacesiftError(f"{path}: not a readable stacker ({error}); `dvc repro stack`") from error
    if header.pop("sha256", None) != _digest(stacker, header):
        raise FacesiftError(f"{path}: damaged, or of another version; delete it and run `dvc repro stack`")
    found = (header.get("members"), header.get("classes"))
    if found != (members, list(classes)):
        raise FacesiftError(f"{path}: fitted over {found}, asked for {(members, list(classes))}; `dvc repro stack`")
    return stacker
