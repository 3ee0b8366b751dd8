"""Score mildly damaged copies of the validation and test images, for `vote.stability: review`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from facesift.committee.out_of_fold import FoldStackers, fit_folds
from facesift.committee.sources import own_images
from facesift.committee.stability import StabilityRule, copies_table, no_copies
from facesift.committee.stacking import Stacker, load_stacker, stack_features
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import write_parquet
from facesift.core.formatting import counted
from facesift.core.scores import STACKER, LabelledLogits, label_logits, read_held_out
from facesift.images.damage import corrupt
from facesift.shards.building import read_places
from facesift.shards.reading import ShardFolder

MODELS, DATA = Path("models"), Path("data")


def main(params: Params) -> None:
    """Read shards of val and test, the members and the stacker; write `data/stability.parquet`, empty for `ignore`."""
    rule, table = StabilityRule.of(params.vote), no_copies(params.class_names)
    if rule is not None:
        held = read_held_out(DATA, params.voting, params.class_names, stacker=False)
        stacker = load_stacker(MODELS / "stacker.safetensors", params.voting, params.class_names.names)
        by_split = {"val": _stacker_of_validation(params, held["val"], stacker), "test": stacker}
        table = pl.concat(_score(params, rule, held[split], by_split[split]) for split in held)
        print(f"{', '.join(rule.damages)}: {counted(table['image_id'].n_unique(), 'image')} scored after each")
    write_parquet(DATA / "stability.parquet", table)


def _stacker_of_validation(params: Params, val: LabelledLogits, stacker: Stacker) -> Stacker | FoldStackers:
    """Return what scored the validation images in the stage stack, so that copies are compared with like scores."""
    if params.stack.fit_on != "val":
        return stacker
    features = stack_features(list(val.logits.values()))
    own = own_images(val.images["source"], val.positives)
    return fit_folds(features, val.labels, val.groups, params.stack, params.class_names, own)


def _score(params: Params, rule: StabilityRule, held: LabelledLogits, stacker: Stacker | FoldStackers) -> pl.DataFrame:
    """Score the copies of the images of one split with all voters, each member in the batches of its own training."""
    # torch is needed for `review` alone
    from facesift.committee.head_scoring import open_heads  # noqa: PLC0415
    from facesift.networks.scoring import ShardScorer  # noqa: PLC0415
    from facesift.networks.weights import load_members  # noqa: PLC0415

    split, heads = held.images["split"][0], open_heads(params, MODELS, DATA / "scores", DATA / "raw" / params.data.raw)
    members = [name for name in params.voting if name not in heads.scorers]
    scorer = ShardScorer(
        scorers=dict(zip(members, load_members(MODELS, DATA / "scores", members), strict=True)),
        batch_sizes={name: params.members[name].batch_size for name in members},
        shards=ShardFolder(DATA / "shards" / split),
        classes=params.class_names,
        parallel=params.parallel.workers,
    )
    changes = [partial(corrupt, corruption=each) for each in rule.damages.values()]
    copies = {}
    images = read_places(DATA / "manifest.parquet", held.images["image_id"], faces=params.data.crop.finds)
    beside = heads.beside(images, params.voting, split)
    for damage, scores in zip(rule.damages, scorer.score_shards(changes), strict=True):
        found = beside(scores, rule.damages[damage])
        tables = {member: each.with_columns(split=pl.lit(split)) for member, each in found.items()}
        scored = label_logits(held.images, tables, params.class_names)
        stacked = stacker.logits(stack_features(list(scored.logits.values()))).astype(np.float32)
        copies[damage] = replace(scored, logits={**scored.logits, STACKER: stacked})
    return copies_table(copies)


if __name__ == "__main__":
    run(main)
