"""The trained committee on another data set: how much of what it knows is about the one it was trained on."""

from __future__ import annotations

import polars as pl

from facesift.committee.stacking import Stacker, add_stacker
from facesift.core.classes import Classes
from facesift.core.scores import STACKER, label_logits, score_table
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.networks.parallel_scoring import SPLIT, Panel
from facesift.shards.reading import ShardFolder


def truth_of(shards: ShardFolder, groups: pl.DataFrame) -> pl.DataFrame:
    """Columns image_id, split, source, label, group of all images in the shards.

    `groups` holds image_id and group (of near-duplicates) of these images, maybe among others; and `referred`, if a
    person decides some of them anyway.
    """
    tables = [
        pl.DataFrame(
            {
                "image_id": shards.image_ids(shard),
                "split": SPLIT,
                "source": shards.sources(shard),
                "label": [shards.classes[number] for number in shards.labels(shard)],
            }
        )
        for shard in range(len(shards.sizes))
    ]
    known = groups.select("image_id", "group", *({"referred"} & set(groups.columns)))
    return pl.concat(tables).join(known, on="image_id", maintain_order="left")


def vote_elsewhere(panel: Panel, truth: pl.DataFrame, stacker: Stacker) -> LabelledPredictions:
    """Score every image with every member and the stacker over them, and return the ballot; `truth`: see `truth_of`."""
    (scores,) = panel.score_shards()
    return stacked_ballot(truth, scores, stacker, panel.classes)


def stacked_ballot(
    truth: pl.DataFrame, scores: dict[str, pl.DataFrame], stacker: Stacker, classes: Classes
) -> LabelledPredictions:
    """Let the stacker score what the members scored, and return the ballot of them all; `truth` as of `truth_of`."""
    said = label_logits(truth, scores, classes)
    stacked = add_stacker(said.logits, stacker)[STACKER]
    voters = scores | {STACKER: score_table(said.images["image_id"].to_list(), SPLIT, stacked, classes.names)}
    return LabelledPredictions.of(label_logits(truth, voters, classes))
