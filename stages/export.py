"""Write the committee's bundle, which screens images without the pipeline: `python -m stages.export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facesift.bundle.card_content import Sources
from facesift.bundle.decision_rule import stopping_record
from facesift.bundle.drift_reference import describe_test_images, make_reference
from facesift.bundle.exporting import fill_bundle
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_parquet, whole_folder
from facesift.core.scores import read_held_out
from facesift.shards.reading import ShardFolder

DATA, BUNDLE = Path("data"), Path("models/committee")
MANIFEST = DATA / "manifest.parquet"


def sources_of(params: Params) -> Sources:
    """Say where the pipeline keeps what a bundle is made of."""
    return Sources(
        models=Path("models"),
        scores=DATA / "scores",
        metrics=Path("metrics"),
        figures=DATA / "figures",
        shards=DATA / "shards",
        split=DATA / "split.parquet",
        features=DATA / "features",
        raw=DATA / "raw" / params.data.raw,
        manifest=MANIFEST,
        graphs=Path(".work/graphs"),
    )


def main(params: Params) -> None:
    """Read weights, scores, calibration, figures, test shards and features; write `models/committee`, or nothing."""
    stored = read_held_out(DATA, params.voting, params.class_names, stacker=False)
    reference = _reference(params)
    with whole_folder(BUNDLE) as folder:
        card = fill_bundle(folder, params, sources_of(params), stored, reference)
    print(f"{BUNDLE}: {', '.join(params.voting)} and the stacker over them, decided by {card.rule};", end=" ")
    print(
        "graph and torch differ by {log_odds:.1e} in log-odds at most, over {images} test images".format(**card.parity)
    )
    print(stopping_record(card) or f"{card.rule}: no stopping rule, too few images were flagged or there is one member")
    if card.backbones:
        print("backbones give {embedded} images other features by at most {features:.1e} of them".format(**card.parity))


def _reference(params: Params) -> dict[str, Any]:
    table = describe_test_images(
        ShardFolder(DATA / "shards/test"),
        read_parquet(MANIFEST, ["image_id", "width", "height", "bytes"]),
        read_parquet(DATA / "split.parquet", ["image_id", "group"]),
        read_parquet(DATA / "decisions.parquet"),
        read_parquet(DATA / "calibrated.parquet"),
    )
    return make_reference(table, params.positive)


if __name__ == "__main__":
    run(main)
