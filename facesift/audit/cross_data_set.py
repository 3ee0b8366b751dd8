"""Scores and decisions of the trained committee for other shards: another data set, or damaged images."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import polars as pl

from facesift.committee.head_scoring import ScoreHeads
from facesift.committee.stability import DamagedCopies, StabilityRule
from facesift.committee.stacking import Stacker, add_stacker
from facesift.core.classes import Classes
from facesift.core.scores import STACKER, label_logits, score_table
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.images.damage import corrupt
from facesift.networks.scoring import TEST_SPLIT, ShardScorer
from facesift.shards.reading import ShardFolder


def truth_of(shards: ShardFolder, groups: pl.DataFrame) -> pl.DataFrame:
    """Read the ground truth of all images in the shards.

    Args:
        shards: shards of the images.
        groups: image_id and (near-duplicate) group of these images and maybe others; and `referred`, where a person
            decides some of them whatever the scores.

    Returns:
        Columns image_id, split, source, label, group, and `referred` where `groups` has it.
    """
    tables = [
        pl.DataFrame(
            {
                "image_id": shards.image_ids(shard),
                "split": TEST_SPLIT,
                "source": shards.sources(shard),
                "label": [shards.classes[number] for number in shards.labels(shard)],
            }
        )
        for shard in range(len(shards.sizes))
    ]
    known = groups.select("image_id", "group", *({"referred"} & set(groups.columns)))
    return pl.concat(tables).join(known, on="image_id", maintain_order="left")


def predict_shards(
    shard_scorer: ShardScorer,
    truth: pl.DataFrame,
    stacker: Stacker,
    stability: StabilityRule | None = None,
    heads: ScoreHeads | None = None,
) -> LabelledPredictions:
    """Score every image of the scorer's shards with every member and with the stacker.

    Args:
        shard_scorer: the members and the shards.
        truth: ground truth of the images, of `truth_of`.
        stacker: the stacker over the members.
        stability: damaged copies are scored too where decisions must survive damage.
        heads: adds the scores of the committee's heads; None: there are none.

    Returns:
        Predictions of the members and the stacker, with labels.
    """
    damages = {} if stability is None else stability.damages
    kinds = [None, *damages.values()]
    changes = [None if kind is None else partial(corrupt, corruption=kind) for kind in kinds]
    found = [
        predict_with_stacker(truth, scores if heads is None else heads(scores, kind), stacker, shard_scorer.classes)
        for kind, scores in zip(kinds, shard_scorer.score_shards(changes), strict=True)
    ]
    if stability is None:
        return found[0]
    copies = {name: each.predictions for name, each in zip(damages, found[1:], strict=True)}
    return replace(found[0], copies=DamagedCopies(stability, copies))


def predict_with_stacker(
    truth: pl.DataFrame, scores: dict[str, pl.DataFrame], stacker: Stacker, classes: Classes
) -> LabelledPredictions:
    """Add the stacker's scores to those of the members.

    Args:
        truth: ground truth of the images, of `truth_of`.
        scores: score table of each member.
        stacker: the stacker over the members.
        classes: names of the classes, and which one is positive.

    Returns:
        Predictions of the members and the stacker, with labels.
    """
    labelled = label_logits(truth, scores, classes)
    stacked = add_stacker(labelled.logits, stacker)[STACKER]
    voters = scores | {STACKER: score_table(labelled.images["image_id"].to_list(), TEST_SPLIT, stacked, classes.names)}
    return LabelledPredictions.of(label_logits(truth, voters, classes))
