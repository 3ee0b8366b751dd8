"""Fit the stacked ensemble over the members' scores: `python -m stages.stack`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from facesift.committee.out_of_fold import fit_folds
from facesift.committee.sources import own_images
from facesift.committee.stacking import Stacker, fit_stacker, save_stacker, stack_features
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.counts import Confusion
from facesift.core.files import write_json, write_parquet
from facesift.core.scores import read_held_out, score_table, votes_of
from facesift.evaluation.results_table import share
from facesift.shards.reading import ShardFolder

MODELS, SCORES = Path("models"), Path("data/scores")


def main(params: Params) -> None:
    """Read `data/split.parquet` and `data/scores`; write the stacker, its scores and its validation figures."""
    members, classes = params.voting, params.class_names
    held = read_held_out(Path("data"), members, classes, stacker=False)
    features = {split: stack_features(list(each.logits.values())) for split, each in held.items()}
    val = held["val"]
    if params.stack.fit_on == "val":
        own = own_images(val.images["source"], val.positives)
        stacker = fit_stacker(features["val"], val.labels, params.stack, classes, own)
        fitted = fit_folds(features["val"], val.labels, val.groups, params.stack, classes, own)
        val_logits, folds = fitted.logits(features["val"]), len(fitted.stackers)
    else:
        folds, stacker = None, _fit_on_train_plan(params, members)
        val_logits = stacker.logits(features["val"])
    logits = {"val": val_logits, "test": stacker.logits(features["test"])}
    save_stacker(MODELS / "stacker.safetensors", stacker, members, classes.names)
    tables = [
        score_table(held[split].images["image_id"].to_list(), split, logits[split], classes.names) for split in held
    ]
    write_parquet(Path("data/stack.parquet"), pl.concat(tables).sort("image_id"))
    votes = classes.is_positive(votes_of(val_logits, classes))
    figures = Confusion.of(val.positives, votes, val.groups).report()
    report = {"val": figures, "fit_on": params.stack.fit_on, "sources": params.stack.sources, "folds": folds}
    write_json(Path("data/figures/stack.json"), report)
    recall, precision = share(figures["recall"]), share(figures["precision"])
    print(f"stacker over {', '.join(members)}: validation recall {recall}, precision {precision}")
    if folds is not None and folds < params.stack.folds:
        print(f"out of {folds} folds instead of {params.stack.folds}: a class has so few groups of images")


def _fit_on_train_plan(params: Params, members: list[str]) -> Stacker:
    # torch is needed for this variant alone
    from facesift.committee.plan_stacking import plan_features, train_stacker  # noqa: PLC0415
    from facesift.networks.weights import load_members  # noqa: PLC0415
    from facesift.sampling.plans import make_plan  # noqa: PLC0415

    scorers = load_members(MODELS, SCORES, members)
    shards = ShardFolder(Path("data/shards/train"))
    plan = make_plan(shards, params.stack.resample, params.stack.seed, member="stacker")
    features, labels = plan_features(scorers, shards, plan, params.stack, params.trainer.window_shards)
    return train_stacker(features, labels, params.stack, params.class_names)


if __name__ == "__main__":
    run(main)
