"""The committee on damaged test images: change of recall, precision and ranking, and decisions that flip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.audit.cross_data_set import predict_with_stacker
from facesift.committee.decision import REVIEW
from facesift.committee.head_scoring import ScoreHeads
from facesift.committee.rules import RULES
from facesift.committee.stacking import Stacker
from facesift.config.damage import Corruption
from facesift.config.evaluation import IDENTITY, Robustness
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.parallel import ONE_PROCESS, Workers
from facesift.core.scores import Scorer
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.images.damage import corrupt
from facesift.networks.scoring import ShardScorer
from facesift.shards.reading import ShardFolder

WHOLE = "the whole test split"
DRAWN = (
    "all images of the positive class, but only some of the others: recall, caught and AUC estimate those of the whole "
    "test split; precision, F1, AP and review rate are of the drawn images alone"
)
FIGURES = ("recall", "precision", "f1", "auc", "ap", "review_rate", "caught")


@dataclass(frozen=True)
class RobustnessTest:
    """A committee and the test images it is measured on.

    Each member scores in batches of its own training stage's size. If all images are chosen, undamaged ones get exactly
    the scores of that stage.

    Attributes:
        scorers: scoring function of each member.
        batch_sizes: images in a batch, by member.
        stacker: the stacker over the members.
        shards: shards of the test split.
        truth: ground truth of the chosen images, of `truth_of`.
        classes: names of the classes, and which one is positive.
        parallel: workers that score.
        heads: adds the scores of the committee's heads for the chosen images; None: there are none.
    """

    scorers: Mapping[str, Scorer]
    batch_sizes: Mapping[str, int]
    stacker: Stacker
    shards: ShardFolder
    truth: pl.DataFrame
    classes: Classes
    parallel: Workers = ONE_PROCESS
    heads: ScoreHeads | None = None

    def predict(self, corruption: Corruption | None) -> LabelledPredictions:
        """Damage and score the chosen images, one batch in memory at a time; None: the images as they are."""
        return next(self.predict_each([corruption]))

    def predict_each(self, corruptions: Sequence[Corruption | None]) -> Iterator[LabelledPredictions]:
        """Yield the predictions of `predict` for each of the corruptions, in their order."""
        panel = ShardScorer(self.scorers, self.batch_sizes, self.shards, self.classes, self.parallel)
        changes = [None if one is None else partial(corrupt, corruption=one) for one in corruptions]
        for corruption, found in zip(corruptions, panel.score_shards(changes, self._chosen()), strict=True):
            scores = found if self.heads is None else self.heads(found, corruption)
            yield predict_with_stacker(self.truth, scores, self.stacker, self.classes)

    def _chosen(self) -> list[frozenset[str] | None]:
        """Of each shard the chosen images; None where they are all."""
        chosen, shards = frozenset(self.truth["image_id"]), self.shards
        parts = (chosen.intersection(shards.image_ids(shard)) for shard in range(len(shards.sizes)))
        return [None if len(part) == size else part for part, size in zip(parts, shards.sizes, strict=True)]


def choose_images(truth: pl.DataFrame, positive: str, most: int | None, seed: int) -> pl.DataFrame:
    """Choose the images to measure: all of the positive class, and some of the others.

    Which others are drawn depends on the seed and the set of images, not on their order.

    Args:
        truth: ground truth of the test images.
        positive: name of the class of which all images are kept.
        most: images of all classes at most; None keeps all.
        seed: of the draw.

    Returns:
        Rows of `truth`.

    Raises:
        FacesiftError: `most` leaves no room for other images, so that nothing could be a false alarm.
    """
    if most is None or most >= truth.height:
        return truth
    positives, others = (truth.filter(rows) for rows in (pl.col("label") == positive, pl.col("label") != positive))
    if most <= positives.height:
        raise FacesiftError(
            f"robustness.images: {most}, but all {positives.height} test images of the class {positive} are kept, "
            f"and others are needed beside them: at least {positives.height + 1}, or null for all"
        )
    drawn = np.random.default_rng(seed).choice(others.height, most - positives.height, replace=False)
    return pl.concat([positives, others.sort("image_id")[np.sort(drawn)]])


def measure_corruptions(test: RobustnessTest, spec: Robustness) -> Iterator[tuple[str, dict[str, Any]]]:
    """Measure the committee on each kind of damage, with two sets of predictions in memory at a time.

    Args:
        test: the committee and the images.
        spec: the corruptions.

    Yields:
        Name and report (see `compare`) of each corruption, undamaged images (`identity`) first.
    """
    predictions = (Decided.of(each) for each in test.predict_each([None, *spec.corruptions.values()]))
    identity = next(predictions)
    yield IDENTITY, {"kind": IDENTITY, "strength": None} | compare(identity, identity)
    for (name, corruption), damaged in zip(spec.corruptions.items(), predictions, strict=True):
        yield name, corruption.model_dump() | compare(damaged, identity)


@dataclass(frozen=True)
class Decided:
    """What a committee makes of some images, computed once however often it is compared.

    Attributes:
        predictions: of the images.
        reports: `{rules, voters}`, the report of every rule and voter.
        decisions: class numbers, or `REVIEW`, by voter and rule, each (n,).
    """

    predictions: LabelledPredictions
    reports: dict[str, dict[str, Any]]
    decisions: dict[str, NDArray[np.int64]]

    @classmethod
    def of(cls, predictions: LabelledPredictions) -> Decided:
        """Report and decide the images of `predictions`."""
        reports = {"rules": predictions.report_rules(), "voters": predictions.report_voters()}
        return cls(predictions, reports, _decisions(predictions))


def compare(damaged: Decided, identity: Decided) -> dict[str, Any]:
    """Compare predictions on damaged images with those on the same images as they are.

    Args:
        damaged: what the committee makes of the damaged images.
        identity: what it makes of the undamaged images.

    Returns:
        `{rules, voters}`: the report of every rule and voter on damaged images, with `change` (each figure minus that
        on undamaged images; None where either is unknown) and `flips` (how many images are decided differently, and
        for the images of each class from what to what).
    """
    before, old, new = identity.reports, identity.decisions, damaged.decisions
    return {
        kind: {
            name: report
            | {
                "change": _change(report, before[kind][name]),
                "flips": _flips(damaged.predictions, old[name], new[name]),
            }
            for name, report in reports.items()
        }
        for kind, reports in damaged.reports.items()
    }


def describe_images(test: RobustnessTest) -> dict[str, Any]:
    """Count the images measured and those of the whole test split, and say what a drawn part means.

    Drawn images are not weighted back to the split: counts stay counts, and intervals on them stay valid.

    Args:
        test: the committee and the images.

    Returns:
        `tried` and `test`, each with `positive` and `images`, and `note`.
    """
    labels = np.concatenate([test.shards.labels(shard) for shard in range(len(test.shards.sizes))])
    whole = pl.DataFrame({"label": np.array(test.shards.classes)[labels]})
    counts = {
        key: {"positive": int((table["label"] == test.classes.positive).sum()), "images": table.height}
        for key, table in (("tried", test.truth), ("test", whole))
    }
    return counts | {"note": DRAWN if test.truth.height < whole.height else WHOLE}


def figures_table(reports: Mapping[str, dict[str, Any]]) -> pl.DataFrame:
    """List the known figures for a plot.

    Args:
        reports: report of each corruption (see `compare`).

    Returns:
        Columns corruption, kind, strength, voter (or rule), figure, value.
    """
    rows = [
        (name, report["kind"], report["strength"], voter, figure, found[figure])
        for name, report in reports.items()
        for voter, found in (report["voters"] | report["rules"]).items()
        for figure in FIGURES
        if found.get(figure) is not None
    ]
    columns = {"corruption": pl.String, "kind": pl.String, "strength": pl.Float64, "voter": pl.String}
    return pl.DataFrame(rows, schema=columns | {"figure": pl.String, "value": pl.Float64}, orient="row")


def _decisions(predictions: LabelledPredictions) -> dict[str, NDArray[np.int64]]:
    voters = {voter: predictions.votes[:, column] for column, voter in enumerate(predictions.voters)}
    return voters | {name: predictions.decide(rule) for name, rule in RULES.items()}


def _change(after: dict[str, Any], before: dict[str, Any]) -> dict[str, float | None]:
    known = [figure for figure in FIGURES if figure in after]
    return {
        figure: None if after[figure] is None or before[figure] is None else after[figure] - before[figure]
        for figure in known
    }


def _flips(predictions: LabelledPredictions, before: NDArray[np.int64], after: NDArray[np.int64]) -> dict[str, Any]:
    """Count flips, in all and by the true class: `{"images": 2, "of": {"fake": {"fake_to_real": 2}, "real": {}}}`."""
    names = dict(enumerate(predictions.classes.names)) | {REVIEW: "review"}
    flips = {}
    for label, actual in enumerate(predictions.classes.names):
        here = (predictions.labels == label) & (before != after)
        kinds, counts = np.unique(np.stack([before[here], after[here]]), axis=1, return_counts=True)
        flips[actual] = {
            f"{names[old]}_to_{names[new]}": int(count)
            for (old, new), count in zip(kinds.T.tolist(), counts, strict=True)
        }
    return {"images": int((before != after).sum()), "of": flips}
