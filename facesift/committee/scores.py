"""The members' score tables side by side: joined on image_id, never matched by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import softmax

from facesift.errors import FacesiftError
from facesift.metrics import Classes
from facesift.storage import read_parquet
from facesift.training.score_table import logit_columns


def class_probabilities(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Softmax of logits (n, classes): probabilities of the same shape. They are not calibrated."""
    return softmax(logits.astype(np.float64), axis=1)


def votes_of(logits: NDArray[np.floating], classes: Classes) -> NDArray[np.int64]:
    """Votes (n,), class numbers: the largest of the logits (n, classes); a tie goes to the positive class.

    >>> votes_of(np.array([[1.0, 2.0], [2.0, 1.0], [0.5, 0.5]]), Classes(("real", "fake"), "fake")).tolist()
    [1, 0, 1]
    """
    tied = logits[:, classes.number] == logits.max(axis=1)
    return np.where(tied, classes.number, logits.argmax(axis=1))


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
