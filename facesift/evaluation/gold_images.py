"""Gold images: their labels are known, so each reviewer's answers on them measure the reviewer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from facesift.core.classes import Classes
from facesift.core.formatting import counted
from facesift.core.intervals import clopper_pearson
from facesift.datasets.review_files import UNSURE


def known_labels(decisions: pl.DataFrame, manifest: pl.DataFrame) -> pl.DataFrame:
    """Find the images that can serve as gold images: held out from training, with a label that nobody changed.

    Args:
        decisions: image_id, split (val or test), group (of near-duplicates).
        manifest: image_id, label, original_label (null where the files say nothing).

    Returns:
        image_id, group and `truth`, the label, sorted by image_id.
    """
    held = decisions.filter(pl.col("split").is_in(["val", "test"])).select("image_id", "group")
    unchanged = manifest.filter(pl.col("label") == pl.col("original_label"))
    return held.join(unchanged.select("image_id", truth="label"), on="image_id", how="inner").sort("image_id")


@dataclass(frozen=True)
class GoldAnswers:
    """A reviewer's answers on gold images, whose label is known.

    Attributes:
        fakes: Answered images of the positive class.
        found: Those of them answered as the positive class; `unsure` finds nothing.
        reals: Answered images of other classes.
        false_alarms: Those of them answered as the positive class.
        unsure: Answers `unsure`, on all of them.
    """

    fakes: int
    found: int
    reals: int
    false_alarms: int
    unsure: int

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]], positive: str) -> GoldAnswers:
        """Count pairs of answer and true label.

        >>> GoldAnswers.of([("fake", "fake"), ("unsure", "fake"), ("real", "real")], "fake")
        GoldAnswers(fakes=2, found=1, reals=1, false_alarms=0, unsure=1)
        """
        given = list(pairs)
        on_fakes = [answer for answer, truth in given if truth == positive]
        on_reals = [answer for answer, truth in given if truth != positive]
        unsure = sum(answer == UNSURE for answer, _ in given)
        return cls(len(on_fakes), on_fakes.count(positive), len(on_reals), on_reals.count(positive), unsure)

    def report(self) -> dict[str, Any]:
        """Return the counts, `recall` and `false_alarm_rate` with their 95 % Clopper-Pearson intervals."""
        return asdict(self) | {
            "recall": self.found / self.fakes if self.fakes else None,
            "recall_interval": clopper_pearson(self.found, self.fakes),
            "false_alarm_rate": self.false_alarms / self.reals if self.reals else None,
            "false_alarm_interval": clopper_pearson(self.false_alarms, self.reals),
        }

    def sentence(self, positive: str) -> str:
        """Tell the figures to the reviewer."""
        found = _of_images(self.found, self.fakes, positive)
        alarms = _of_images(self.false_alarms, self.reals, "other")
        return f"Images with a known label: you found {found}, and called {alarms} {positive}."


def _of_images(count: int, images: int, kind: str) -> str:
    interval = clopper_pearson(count, images)
    if interval is None:
        return f"0 of 0 {kind} images"
    low, high = (round(100 * end) for end in interval)
    of = counted(images, f"{kind} image")
    return f"{count:,} of {of} ({round(100 * count / images)} %, 95 % interval {low} to {high} %)"


def measure_gold(answers: pl.DataFrame, known: pl.DataFrame, classes: Classes) -> dict[str, Any]:
    """Measure each reviewer on gold images.

    Near-duplicates are answered alike, and the intervals are of independent images. So one image of a group counts for
    a reviewer: the one answered first. One queue shows one image of a group anyway, several queues may show more.

    Args:
        answers: reviewer, image_id, answer, at; on gold images only.
        known: the images whose label is known, see `known_labels`.
        classes: names of the classes, and which one is positive.

    Returns:
        `reviewers`: by name the figures of `GoldAnswers.report`; `unknown`: answers that no figure has, because the
        label does not count as known any more, for example of an image that is now in training.
    """
    told = answers.join(known, on="image_id", how="inner", maintain_order="left")
    once = told.sort("at", "image_id").unique(["reviewer", "group"], keep="first", maintain_order=True)
    names = sorted(once["reviewer"].unique())
    pairs = {name: once.filter(reviewer=name).select("answer", "truth").rows() for name in names}
    return {
        "reviewers": {name: GoldAnswers.of(each, classes.positive).report() for name, each in pairs.items()},
        "unknown": answers.height - told.height,
    }
