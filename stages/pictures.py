"""Draw what the classes look like, and what each member was trained on and sees: `python -m stages.pictures`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from facesift.config.members import NO_AUGMENTATION
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_parquet, whole_folder
from facesift.networks.features import load_features
from facesift.networks.support_vectors import SVM
from facesift.networks.weights import load_scorer
from facesift.networks.weights_header import check_weights
from facesift.report.class_means import class_statistics, draw_class_means
from facesift.report.embedding import choose_points, draw_points, embed, features_of
from facesift.report.figures import write_png
from facesift.report.training_samples import draw_forged, draw_smote, draw_training
from facesift.shards.reading import ShardFolder

PICTURES = Path("data/pictures")
MODELS, PLANS, SCORES, SHARDS = Path("models"), Path("data/plans"), Path("data/scores"), Path("data/shards")


def main(params: Params) -> None:
    """Read the training and test shards, and each member's plan and weights; write PNG files to `data/pictures`."""
    train, test, classes = ShardFolder(SHARDS / "train"), ShardFolder(SHARDS / "test"), params.class_names
    points = choose_points(test, classes, params.pictures.points, params.pictures.seed)
    with whole_folder(PICTURES, private=True) as folder:
        write_png(folder / "classes.png", draw_class_means(class_statistics(train), classes))
        for name, member in params.members.items():
            if member.backbone is not None:
                print(f"{name}: a head learns from features, so it has no pictures")
                continue
            _draw_plan(folder, params, name, train)
            _draw_features(folder, params, name, test, points)
        written = sorted(path.name for path in folder.iterdir())
    print(f"{PICTURES}: {', '.join(written)}; `dvc plots show` shows them")


def _draw_plan(folder: Path, params: Params, name: str, train: ShardFolder) -> None:
    member, plan = params.members[name], read_parquet(PLANS / f"{name}.parquet")
    # support vectors see images as they are
    augment = NO_AUGMENTATION if member.architecture.name == SVM else member.augment
    write_png(folder / f"training_{name}.png", draw_training(name, train, plan, augment, params.pictures))
    made = {"smote": draw_smote, "forged": draw_forged}
    for kind, draw in made.items():
        figure = draw(name, train, plan, params.pictures)
        if figure is not None:
            write_png(folder / f"{kind}_{name}.png", figure)


def _draw_features(folder: Path, params: Params, name: str, test: ShardFolder, points: pl.DataFrame) -> None:
    weights = MODELS / f"{name}.safetensors"
    check_weights(weights, SCORES / f"{name}.parquet")
    network = params.members[name].architecture.name != SVM
    if not network:
        print(f"{name}: support vectors have no features, its logits are shown")
    features = features_of(test, points, load_features(weights) if network else load_scorer(weights))
    what = f"its {features.shape[1]} features before the logits" if network else "its logits"
    title = f"{name}: t-SNE of {what}, {points.height:,} of {test.images:,} test images"
    plane = embed(features, params.pictures.seed, name)
    labels, sources = points["label"].to_numpy(), points["source"].to_list()
    write_png(folder / f"features_{name}.png", draw_points(title, plane, labels, sources, params.class_names))


if __name__ == "__main__":
    run(main)
