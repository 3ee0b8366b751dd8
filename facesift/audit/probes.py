"""Probes: simple classifiers that predict the class from the file or from image statistics, not from the face.

Where a probe does as well as the committee, the committee's result may rest on the same shortcut. All probes are fitted
on the training split and measured on the test split, at its natural prevalence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.audit.image_statistics import STATISTICS
from facesift.core.intervals import Interval
from facesift.evaluation.curves import areas, ranking

ROWS = 20_000  # training images of each class at most: more change no figure of so small a model
FEWEST = 5  # images of each class that a split needs for a figure
RARE = 10  # training images below which a value of a category is pooled with the other rare ones
SCORES = pl.Schema({"image_id": pl.String, "score": pl.Float64})

# What is known of a file without decoding it, and how to name it. Of equally good facts the first is named.
CONTAINER = {
    "format": "the file format",
    "quantisation": "the JPEG quantisation tables",
    "mode": "the colour mode",
    "size": "width and height",
    "bytes_per_pixel": "the bytes per pixel",
    "bytes": "the file size",
}
_COLUMNS = {"size": ["dimensions", "width", "height"]}  # where a fact is more than the column of its name
_CATEGORIES = ("format", "mode", "dimensions", "quantisation")

Facts = Mapping[str, list[str]]  # the columns of each fact, by its name


@dataclass(frozen=True)
class ProbeResult:
    """How well a probe separates the classes of some test images.

    Attributes:
        images: number of test images.
        positives: how many of them are of the positive class.
        auc: area under the ROC curve, in [0, 1]; None where it is unknown, for the `reason`.
        ap: average precision, in [0, 1]; None where it is unknown.
        auc_interval: 95 % interval of `auc`, from a bootstrap of groups of near-duplicates; None where it is unknown.
        ap_interval: the same of `ap`.
        facts: AUC of each fact by itself.
        best_fact: the fact that separates the training images best by itself.
        reason: why the figures are unknown.
        scores: columns image_id and score (of the positive class, in [0, 1]); one row for each test image.
    """

    images: int
    positives: int
    auc: float | None = None
    ap: float | None = None
    auc_interval: Interval | None = None
    ap_interval: Interval | None = None
    facts: Mapping[str, float | None] = field(default_factory=dict)
    best_fact: str | None = None
    reason: str | None = None
    scores: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SCORES))

    def report(self) -> dict[str, Any]:
        """Figures for a metrics file; the scores stay out."""
        return {
            "images": self.images, "positives": self.positives, "auc": self.auc, "ap": self.ap,
            "auc_interval": self.auc_interval, "ap_interval": self.ap_interval,
            "facts": dict(self.facts), "telling": self.best_fact, "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True)
class ProbeResults:
    """Results of one probe on all sources together and within sources.

    Attributes:
        pooled: result on all sources together.
        within: result by source, fitted on that source alone; only sources whose training images are of both classes.
    """

    pooled: ProbeResult
    within: Mapping[str, ProbeResult]

    def report(self) -> dict[str, Any]:
        """Figures for a metrics file: `{pooled: {...}, within: {source: {...}}}`."""
        return {
            "pooled": self.pooled.report(),
            "within": {source: probe.report() for source, probe in self.within.items()},
        }


def byte_probe(rows: pl.DataFrame, positive: str, seed: int) -> ProbeResults:
    """Predict the class from the file alone: format, mode, width, height, bytes, bytes per pixel, quantisation.

    Args:
        rows: manifest rows with `label` and `split`, and `group` where it is known; those of other splits than train
            and test are ignored.
        positive: name of the class looked for; all others are the rest.
        seed: of the draw of at most `ROWS` training images of each class.

    Returns:
        The results on the test split.
    """
    pixels = pl.col("width").cast(pl.Float64) * pl.col("height")
    facts = rows.with_columns(
        bytes_per_pixel=pl.col("bytes") / pixels,
        dimensions=pl.format("{}x{}", "width", "height"),
    ).with_columns(pl.col("bytes", "width", "height", "bytes_per_pixel").cast(pl.Float64).log())
    return _pooled_and_within(facts, positive, seed, {fact: _COLUMNS.get(fact, [fact]) for fact in CONTAINER})


def statistics_probe(rows: pl.DataFrame, positive: str, seed: int) -> ProbeResults:
    """Predict the class from `image_statistics` alone.

    Args:
        rows: image_id, source, label, split and the columns `STATISTICS`, and `group` where it is known; splits other
            than train and test are ignored.
        positive: name of the class looked for; all others are the rest.
        seed: of the draw of at most `ROWS` training images of each class.

    Returns:
        The results on the test split.
    """
    return _pooled_and_within(rows, positive, seed, {fact: [fact] for fact in STATISTICS})


def draw(rows: pl.DataFrame, by: str | pl.Expr, most: int, seed: int) -> pl.DataFrame:
    """Draw rows of each value of a column; the draw depends on the image_ids and the seed, not on the order of rows.

    Args:
        rows: table with image_id.
        by: column, or expression, whose values are drawn from separately.
        most: rows of each value at most.
        seed: of the draw.

    Returns:
        The drawn rows, sorted by image_id.
    """
    ordered = rows.sort("image_id")
    drawn = ordered.with_columns(_draw=pl.Series(np.random.default_rng(seed).permutation(ordered.height)))
    return drawn.filter(pl.col("_draw").rank("ordinal").over(by) <= most).drop("_draw")


def classifier(columns: list[str]) -> Any:
    """Build the logistic regression of the probes: categories one-hot with rare ones pooled, numbers and their squares.

    With squares the model can learn that fakes have middle values. Products of all pairs would help on large data sets,
    but with a few dozen fakes they overfit.

    Args:
        columns: names of the columns to learn from.

    Returns:
        An unfitted scikit-learn pipeline that takes polars tables.
    """
    from sklearn.compose import ColumnTransformer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler  # noqa: PLC0415

    categories = [column for column in columns if column in _CATEGORIES]
    numbers = [column for column in columns if column not in _CATEGORIES]
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE, sparse_output=False)
    squared = make_pipeline(StandardScaler(), FunctionTransformer(_with_squares), StandardScaler())
    features = ColumnTransformer([("categories", one_hot, categories), ("numbers", squared, numbers)])
    return make_pipeline(features, LogisticRegression(class_weight="balanced", max_iter=2000))


def _with_squares(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hstack([numbers, numbers**2])


def _pooled_and_within(rows: pl.DataFrame, positive: str, seed: int, facts: Facts) -> ProbeResults:
    train, test = (rows.filter(split=split) for split in ("train", "test"))
    classes = train.group_by("source").agg((pl.col("label") == positive).n_unique().alias("classes"))
    mixed = sorted(classes.filter(pl.col("classes") > 1)["source"])
    pooled = _measure(train, test, positive, seed, facts)
    if len(classes) == 1 and set(test["source"]) <= set(mixed):  # one source: within it is the same again
        return ProbeResults(pooled, dict.fromkeys(mixed, pooled))
    parts = {source: (train.filter(source=source), test.filter(source=source)) for source in mixed}
    return ProbeResults(pooled, {source: _measure(*both, positive, seed, facts) for source, both in parts.items()})


def _measure(
    train: pl.DataFrame, test: pl.DataFrame, positive: str, seed: int, facts: Mapping[str, list[str]]
) -> ProbeResult:
    """Fit on `train`, score `test`, and do the same with each fact by itself."""
    train, test = draw(train, pl.col("label") == positive, ROWS, seed), test.sort("image_id")
    fakes, judged = _labels(train, positive), _labels(test, positive)
    probe = ProbeResult(images=len(judged), positives=int(judged.sum()))
    if _too_few(fakes):
        return replace(probe, reason=f"the training images hold fewer than {FEWEST} of a class")
    if test.is_empty():
        return replace(probe, reason="there are no test images")
    scores = _fit(train, fakes, list(chain(*facts.values())))(test)
    probe = replace(probe, scores=pl.DataFrame({"image_id": test["image_id"], "score": scores}))
    if _too_few(judged):
        return replace(probe, reason=f"the test images hold fewer than {FEWEST} of a class")
    alone = {fact: _fit(train, fakes, columns) for fact, columns in facts.items()}
    known = {fact: areas(fakes, score(train)).auc or 0 for fact, score in alone.items()}
    aucs = {fact: areas(judged, score(test)).auc for fact, score in alone.items()}
    groups = test["group"] if "group" in test.columns else test["image_id"]
    whole = ranking(judged, scores, groups.to_numpy())
    return replace(probe, **whole, facts=aucs, best_fact=max(known, key=lambda fact: known[fact]))


def _labels(rows: pl.DataFrame, positive: str) -> NDArray[np.int64]:
    return (rows["label"] == positive).cast(pl.Int64).to_numpy()


def _too_few(labels: NDArray[np.int64]) -> bool:
    return min(int(labels.sum()), int((1 - labels).sum())) < FEWEST


def _fit(train: pl.DataFrame, fakes: NDArray[np.int64], columns: list[str]) -> Any:
    """Fit a classifier on these columns and return a function from rows to scores (n,) in [0, 1]."""
    model = classifier(columns).fit(train.select(columns), fakes)
    return lambda rows: model.predict_proba(rows.select(columns))[:, 1]
