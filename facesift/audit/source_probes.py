"""Probes of the source: what knowing an image's data set alone achieves, and how well its look tells the data set.

Where fakes and reals come from different data sets, telling data sets apart looks like finding fakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from facesift.audit.image_statistics import STATISTICS
from facesift.audit.probes import SCORES, classifier, draw
from facesift.core.classes import FAKE, REAL
from facesift.core.counts import Confusion
from facesift.evaluation.curves import areas

ROWS = 20_000  # training images of all sources together


@dataclass(frozen=True)
class SourceBaseline:
    """Result of the detector that knows nothing but the source.

    An image's score is the share of positives among the training images of its source.

    Attributes:
        shares: share of positives by source, in [0, 1].
        overall: share of positives of all training images, the score of a source that training lacks.
        auc: area under the ROC curve, in [0, 1]; None when the test images are of one class.
        ap: average precision, in [0, 1]; None when the test images are of one class.
        called: counts when every image is called fake whose source has positives.
        scores: columns image_id and score; one row for each test image.
    """

    shares: Mapping[str, float]
    overall: float
    auc: float | None
    ap: float | None
    called: Confusion
    scores: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SCORES))

    def report(self) -> dict[str, Any]:
        """Figures for a metrics file; the scores stay out."""
        return self.called.report() | {"auc": self.auc, "ap": self.ap, "shares": dict(self.shares)}


def source_baseline(train: pl.DataFrame, test: pl.DataFrame, positive: str) -> SourceBaseline:
    """Measure a detector that knows only where an image comes from.

    Args:
        train: image_id, source and label of the training images.
        test: the same columns of the test images, and `group` where it is known.
        positive: name of the class looked for.

    Returns:
        The result on the test images.

    >>> labels = ["fake", "real", "real", "real"]
    >>> rows = pl.DataFrame({"image_id": list("abcd"), "source": list("xxyy"), "label": labels})
    >>> known = source_baseline(rows, rows, "fake")
    >>> round(known.auc, 3), known.called.recall, known.called.precision
    (0.833, 1.0, 0.5)
    """
    is_fake = pl.col("label") == positive
    shares = dict(train.group_by("source").agg(is_fake.mean()).sort("source").rows())
    overall = float(train.select(is_fake.mean()).item())
    test = test.sort("image_id")
    scores = test.select("image_id", score=pl.col("source").replace_strict(shares, default=overall).cast(pl.Float64))
    judged = test.select(is_fake.cast(pl.Int64)).to_series().to_numpy()
    with_fakes = [source for source, share in shares.items() if share]
    calls = np.where(test["source"].is_in(with_fakes).to_numpy(), FAKE, REAL)
    called = Confusion.of(judged, calls, test["group"].to_numpy() if "group" in test.columns else None)
    figures = areas(judged, scores["score"].to_numpy())
    return SourceBaseline(shares, overall, figures.auc, figures.ap, called, scores)


@dataclass(frozen=True)
class SourceProbe:
    """How well the source is predicted from `image_statistics`.

    Attributes:
        sources: the sources that training and test share.
        balanced_accuracy: mean of the sources' recalls, in [0, 1]; None with fewer than two sources.
        auc: mean AUC of one source against the rest (chance: 0.5); None with fewer than two sources.
        chance: balanced accuracy of guessing.
        reason: why the figures are unknown.
    """

    sources: tuple[str, ...]
    balanced_accuracy: float | None = None
    auc: float | None = None
    chance: float | None = None
    reason: str | None = None

    def report(self) -> dict[str, Any]:
        """Figures for a metrics file."""
        return {
            "sources": list(self.sources), "balanced_accuracy": self.balanced_accuracy,
            "auc": self.auc, "chance": self.chance, "reason": self.reason,
        }  # fmt: skip


def source_probe(train: pl.DataFrame, test: pl.DataFrame, seed: int) -> SourceProbe:
    """Predict the source of test images by a logistic regression on their statistics.

    Args:
        train: image_id, source and the columns `STATISTICS` of the training images; of each source at most an equal
            share of `ROWS` images is used.
        test: the same columns of the test images; those of sources that training lacks are left out.
        seed: of the draw of training images.

    Returns:
        The result on the test images.
    """
    sources = tuple(sorted(set(train["source"]) & set(test["source"])))
    if len(sources) < 2:
        return SourceProbe(sources, reason="all images are of one source: there is nothing to tell apart")
    shared = pl.col("source").is_in(sources)
    drawn = draw(train.filter(shared), "source", ROWS // len(sources), seed)
    judged = test.filter(shared)
    columns = list(STATISTICS)
    model = classifier(columns).fit(drawn.select(columns), drawn["source"].to_numpy())
    chances = model.predict_proba(judged.select(columns))
    truth = judged["source"].to_numpy()
    hits = model.classes_[chances.argmax(axis=1)] == truth
    aucs = [areas((truth == source).astype(np.int64), chances[:, n]).auc for n, source in enumerate(sources)]
    return SourceProbe(
        sources,
        balanced_accuracy=float(np.mean([hits[truth == source].mean() for source in sources])),
        auc=float(np.mean([auc for auc in aucs if auc is not None])),
        chance=1 / len(sources),
    )
