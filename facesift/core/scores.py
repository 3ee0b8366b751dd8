"""Score tables: image_id, split and one logit a class; joined on image_id, never matched by position."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import softmax

from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet

STACKER = "stacker"  # the last voter, over the members
HELD_OUT = ("val", "test")

Scorer = Callable[[NDArray[np.generic]], NDArray[np.float32]]  # (b, S, S, 3) in 0..255 -> logits (b, classes)


def logit_columns(classes: Sequence[str]) -> list[str]:
    """Names of the logits' columns, in the order of the classes.

    >>> logit_columns(["real", "fake"])
    ['logit_real', 'logit_fake']
    """
    return [f"logit_{name}" for name in classes]


def score_table(
    image_ids: Sequence[str] | NDArray[np.str_], split: str, logits: NDArray[np.floating], classes: Sequence[str]
) -> pl.DataFrame:
    """Build a score table of logits (n, classes); `ValueError` names the first image whose logits are not finite."""
    bad = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if bad.size:
        raise ValueError(f"image {image_ids[bad[0]]}: logits {logits[bad[0]].tolist()} are not finite")
    columns = {"image_id": list(image_ids), "split": [split] * len(logits)}
    return pl.DataFrame(columns | dict(zip(logit_columns(classes), logits.astype(np.float32).T, strict=True)))


def class_probabilities(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Softmax of logits (..., classes): probabilities of the same shape. They are not calibrated."""
    return softmax(logits.astype(np.float64), axis=-1)


def votes_of(logits: NDArray[np.floating], classes: Classes) -> NDArray[np.int64]:
    """Votes (...,), class numbers: the largest of the logits (..., classes); a tie goes to the positive class.

    >>> votes_of(np.array([[1.0, 2.0], [2.0, 1.0], [0.5, 0.5]]), Classes(("real", "fake"), "fake")).tolist()
    [1, 0, 1]
    """
    tied = logits[..., classes.number] == logits.max(axis=-1)
    return np.where(tied, classes.number, logits.argmax(axis=-1))


def read_scores(folder: Path, members: Sequence[str], classes: Classes) -> dict[str, pl.DataFrame]:
    """Read the score table of each member from `folder/<member>.parquet`."""
    columns = ["image_id", "split", *logit_columns(classes.names)]
    return {member: read_parquet(folder / f"{member}.parquet", columns) for member in members}


def read_truth(path: Path) -> pl.DataFrame:
    """Read image_id, split, source, label, group of `data/split.parquet`, and `referred` where the split has it."""
    table = read_parquet(path)
    return table.select("image_id", "split", "source", "label", "group", *({"referred"} & set(table.columns)))


def join_scores(truth: pl.DataFrame, scores: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Join every voter's table to `truth` (image_id, split, label, ...) as columns `<voter>_logit_<class>`.

    Sorted by image_id. Raises `FacesiftError` naming a voter and an image when the voter scored other images than
    those of the truth, or scored one twice: a missing score is never filled in.
    """
    joined = truth.sort("image_id")
    for voter, table in scores.items():
        renamed = table.select("image_id", "split", pl.col("^logit_.*$").name.prefix(f"{voter}_"))
        missing = joined.join(renamed, on=["image_id", "split"], how="anti")
        surplus = renamed.join(joined, on=["image_id", "split"], how="anti")
        for frame, what in ((missing, "has no score of"), (surplus, "scored an image that is not in the split:")):
            if len(frame):
                raise FacesiftError(f"{voter} {what} {frame['image_id'][0]} ({len(frame)} such); run `dvc repro`")
        if renamed["image_id"].n_unique() != len(renamed):
            twice = renamed.filter(pl.col("image_id").is_duplicated())["image_id"][0]
            raise FacesiftError(f"{voter} scored {twice} twice; run `dvc repro`")
        joined = joined.join(renamed.drop("split"), on="image_id", how="left", maintain_order="left")
    return joined


def logits_from(joined: pl.DataFrame, voter: str, classes: Classes) -> NDArray[np.float32]:
    """Logits (n, classes) of one voter out of a joined table."""
    return joined.select(f"{voter}_{column}" for column in logit_columns(classes.names)).to_numpy()


def labels_from(joined: pl.DataFrame, classes: Classes) -> NDArray[np.int64]:
    """Labels (n,), class numbers, out of a table with the column label."""
    numbers = {name: number for number, name in enumerate(classes.names)}
    return joined["label"].replace_strict(numbers, return_dtype=pl.Int64).to_numpy()


@dataclass(frozen=True)
class LabelledLogits:
    """What every voter scored on n images whose labels are known, in the order of their ids.

    Attributes:
        classes: the classes that the numbers stand for.
        images: image_id, split, source, label, group (of near-duplicates), a row an image.
        labels: class numbers (n,).
        logits: float32 (n, classes) of each voter, the stacker's last where it is among them.
        referred: whether a person decides the image whatever the scores (n,), because no face was found in it.
    """

    classes: Classes
    images: pl.DataFrame
    labels: NDArray[np.int64]
    logits: dict[str, NDArray[np.float32]]
    referred: NDArray[np.bool_]

    @property
    def positives(self) -> NDArray[np.int64]:
        """1 where the image is of the positive class, 0 elsewhere; (n,)."""
        return self.classes.is_positive(self.labels)

    @property
    def groups(self) -> NDArray[np.integer]:
        """Group of near-duplicates of each image (n,)."""
        return self.images["group"].to_numpy()

    def of_voters(self, voters: Sequence[str]) -> LabelledLogits:
        """Keep the scores of these voters alone, in this order."""
        return replace(self, logits={voter: self.logits[voter] for voter in voters})


def label_logits(truth: pl.DataFrame, scores: Mapping[str, pl.DataFrame], classes: Classes) -> LabelledLogits:
    """Join every voter's score table to `truth` and take out labels and logits.

    Args:
        truth: image_id, split, source, label, group, and `referred` where a person decides some images anyway.
        scores: a score table by voter, see `score_table`.
        classes: the classes of labels and logits.

    Returns:
        Labels and logits of all images in `truth`, sorted by image_id.

    Raises:
        FacesiftError: see `join_scores`.
    """
    return _labelled(join_scores(truth, scores), list(scores), classes)


def _labelled(joined: pl.DataFrame, voters: Sequence[str], classes: Classes) -> LabelledLogits:
    return LabelledLogits(
        classes=classes,
        images=joined.select("image_id", "split", "source", "label", "group"),
        labels=labels_from(joined, classes),
        logits={voter: logits_from(joined, voter, classes) for voter in voters},
        referred=joined["referred"].to_numpy() if "referred" in joined else np.zeros(joined.height, np.bool_),
    )


def read_held_out(
    data: Path, members: Sequence[str], classes: Classes, *, stacker: bool = True
) -> dict[str, LabelledLogits]:
    """Read labels and scores of the held-out images from the pipeline's data folder.

    Args:
        data: the folder with `split.parquet`, `scores/<member>.parquet` and `stack.parquet`.
        members: the members whose scores are read.
        classes: the study's classes.
        stacker: whether to read the stacker's scores too; it is then the last voter.

    Returns:
        Labels and logits of the splits `val` and `test`.

    Raises:
        FacesiftError: naming a table that is missing, and see `join_scores`.
    """
    truth = read_truth(data / "split.parquet")
    scores = read_scores(data / "scores", members, classes)
    if stacker:
        scores[STACKER] = read_parquet(data / "stack.parquet")
    joined = join_scores(truth.filter(pl.col("split") != "train"), scores)
    return {split: _labelled(joined.filter(pl.col("split") == split), list(scores), classes) for split in HELD_OUT}
