"""Cross-fitting: every image is judged by a committee that never saw it, so that figures rest on all images of a study.

Heads on features learn in seconds, so the whole committee is fitted anew in each of k folds: the heads on the images of
k - 2 folds, the stacker, the calibrator and all thresholds on one, and what comes of it is reported on the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.calibration import margins_of
from facesift.committee.decision import DecisionCodes, DecisionRule, Predictions, decide
from facesift.committee.folds import assign_groups, groups_of_classes, lacking_class
from facesift.committee.out_of_fold import out_of_fold
from facesift.committee.rules import RULES
from facesift.committee.sources import own_images
from facesift.committee.stacking import add_stacker, fit_stacker, stack_features
from facesift.committee.threshold_selection import ValidationScores, select_thresholds
from facesift.config.params import Params
from facesift.core.classes import SPLITS
from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted
from facesift.core.scores import STACKER, LabelledLogits, labels_from
from facesift.networks.feature_head import FeatureHead, head_scorer
from facesift.sampling.feature_resampling import resample_features
from facesift.sampling.plans import resample_key, scope_seed
from facesift.shards.index import FeatureCard
from facesift.shards.reading import ShardFolder
from facesift.training.heads import copies_of, fit_head, rows_of

Mask = NDArray[np.bool_]
Decided = dict[str, DecisionCodes]  # by voting rule and operating point


@dataclass(frozen=True)
class FeatureTable:
    """The features of all images of a study by one backbone.

    Attributes:
        image_ids: in rising order (n,).
        values: of each image and its damaged copies, (n, 1 + copies, width) float16.
        card: what the features are.
    """

    image_ids: list[str]
    values: NDArray[np.float16]
    card: FeatureCard

    @classmethod
    def read(cls, folder: Path) -> FeatureTable:
        """Read the features of all splits below `folder`, such as `data/features/clip_b16`."""
        shards = [ShardFolder(folder / split) for split in SPLITS]
        card = shards[0].index.features
        if card is None:
            raise FacesiftError(f"{folder}: holds no features; cross-fitting is for heads")
        parts = [(each, number) for each in shards for number in range(len(each.sizes))]
        ids = [image_id for each, number in parts for image_id in each.image_ids(number)]
        values = np.concatenate([each.copies(number) for each, number in parts])
        order = np.argsort(ids)
        return cls([ids[row] for row in order], values[order], card)


@dataclass(frozen=True)
class CrossFitted:
    """What came of k committees, each on the images that it never saw.

    Attributes:
        held: labels and scores of all n images; the stacker's logits are calibrated, so that k stackers compare.
        decisions: class numbers or `REVIEW` (n,), of every voting rule and operating point by its name; not of points
            that a fold does not offer.
        folds: the fold of each image (n,).
    """

    held: LabelledLogits
    decisions: Decided
    folds: NDArray[np.int64]


def assign_folds(
    labels: NDArray[np.int64], groups: NDArray[Any], folds: int, seed: int, key: str = "evaluation.cross_fit"
) -> NDArray[np.int64]:
    """Assign images to folds, stratified by class; groups of near-duplicates stay together.

    Raises:
        FacesiftError: when a class has fewer groups than there are folds, or a fold came out without a class.
    """
    classes = int(labels.max()) + 1
    counts = groups_of_classes(labels, groups, classes)
    if counts.min() < folds:
        label = int(counts.argmin())
        raise FacesiftError(f"{key}: {folds} folds, but class {label} has {counted(counts[label], 'group')} of images")
    numbers = assign_groups(labels, groups, folds, seed)
    for fold in range(folds):
        if (missing := lacking_class(labels[numbers == fold], classes)) is not None:
            raise FacesiftError(f"{key}: {folds} folds, but fold {fold} came out without class {missing}; use fewer")
    return numbers


def cross_fit(
    tables: Mapping[str, FeatureTable], truth: pl.DataFrame, params: Params, folds: int, left_out: Mask | None = None
) -> CrossFitted:
    """Fit the committee k times, and let each judge the fold that it never saw.

    Args:
        tables: the features by the `input` of the members.
        truth: image_id, split, source, label, group, and `referred` where a person decides some images anyway; of all
            images, sorted by image_id.
        params: the study's parameters: members, stack, calibration, operating points.
        folds: k, at least 3.
        left_out: images (n,) that no committee learns from or chooses thresholds on, but that are judged; None: none.

    Returns:
        Scores and decisions of all images.

    Raises:
        FacesiftError: when features are of other images, a class has too few groups of images, or a fold cannot be
            re-sampled as asked.
    """
    for place, table in tables.items():
        if table.image_ids != truth["image_id"].to_list():
            raise FacesiftError(f"data/{place}: holds other images than data/split.parquet; `dvc repro embed`")
    labels, groups = labels_from(truth, params.class_names), truth["group"].to_numpy()
    numbers = assign_folds(labels, groups, folds, params.seed)
    kept = np.ones(len(labels), np.bool_) if left_out is None else ~left_out
    parts = []
    for fold in range(folds):
        judged, val = numbers == fold, numbers == (fold + 1) % folds
        train, val = kept & ~judged & ~val, kept & val
        heads = _fit_members(tables, labels, train, val, params)
        seen, unseen = (_score(heads, tables, truth, rows, params) for rows in (val, judged))
        parts.append(_judge(seen, unseen, params))
    order = np.argsort(np.concatenate([np.flatnonzero(numbers == fold) for fold in range(folds)]))
    return CrossFitted(
        _joined([held for held, _ in parts], order),
        {name: np.concatenate([decided[name] for _, decided in parts])[order] for name in _common(parts)},
        numbers,
    )


def _common(parts: list[tuple[LabelledLogits, Decided]]) -> list[str]:
    """Name the voting rules, and the operating points that every fold offers."""
    return [name for name in parts[0][1] if all(name in decided for _, decided in parts)]


def _fit_members(
    tables: Mapping[str, FeatureTable], labels: NDArray[np.int64], train: Mask, val: Mask, params: Params
) -> dict[str, FeatureHead]:
    heads = {}
    for name in params.voting:
        recipe = params.members[name]
        table, rows = tables[recipe.input], np.flatnonzero(train)
        own = table.values[rows, 0].astype(np.float32)
        made = resample_features(own, labels[rows], recipe.resample, scope_seed(recipe.seed, 0), resample_key(name))
        kept = rows[made.rows[made.rows >= 0]]
        learned = rows_of(made.features, made.labels), copies_of(table.values[kept], labels[kept])
        held = rows_of(table.values[val, 0], labels[val])
        heads[name] = fit_head(name, recipe, table.card, len(params.classes), learned, held).head
    return heads


def _score(
    heads: Mapping[str, FeatureHead],
    tables: Mapping[str, FeatureTable],
    truth: pl.DataFrame,
    rows: Mask,
    params: Params,
) -> LabelledLogits:
    """Let the heads score some images."""
    images = truth.filter(pl.Series(rows))
    logits = {
        name: head_scorer(head)(tables[params.members[name].input].values[rows, 0]) for name, head in heads.items()
    }
    classes = params.class_names
    referred = images["referred"].to_numpy() if "referred" in images.columns else np.zeros(images.height, np.bool_)
    facts = images.select("image_id", "split", "source", "label", "group")
    return LabelledLogits(classes, facts, labels_from(images, classes), logits, referred)


def _judge(val: LabelledLogits, test: LabelledLogits, params: Params) -> tuple[LabelledLogits, Decided]:
    """Fit stacker, calibrator and thresholds on `val`, and judge `test` by them."""
    classes, own = params.class_names, own_images(val.images["source"], val.positives)
    features = stack_features(list(val.logits.values()))
    stacker = fit_stacker(features, val.labels, params.stack, classes, own)
    scores = out_of_fold(features, val.labels, val.groups, params.stack, classes, own)
    seen = ValidationScores(margins_of(scores, classes), val.positives, val.groups, val.images["source"])
    selected = select_thresholds(seen.of_images(~val.referred), params)
    voters = add_stacker(test.logits, stacker)
    predicted = Predictions.of(voters, classes, selected.calibrator)
    rules: dict[str, DecisionRule] = {**RULES, **selected.points}
    decided = {name: decide(predicted, rule, test.referred).decisions for name, rule in rules.items()}
    odds = selected.fits[params.calibration.method].log_odds(predicted.margins) / 2  # votes ask for 1/2 at their share
    calibrated = np.stack([-odds, odds], axis=1) if classes.number == 1 else np.stack([odds, -odds], axis=1)
    return replace(test, logits=test.logits | {STACKER: calibrated.astype(np.float32)}), decided


def _joined(parts: list[LabelledLogits], order: NDArray[np.int64]) -> LabelledLogits:
    first = parts[0]
    return LabelledLogits(
        first.classes,
        pl.concat([each.images for each in parts])[order],
        np.concatenate([each.labels for each in parts])[order],
        {voter: np.concatenate([each.logits[voter] for each in parts])[order] for voter in first.logits},
        np.concatenate([each.referred for each in parts])[order],
    )
