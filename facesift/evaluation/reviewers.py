"""Agreement of reviewers with the committee, with the files' labels and with each other, and their time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import polars as pl

from facesift.core.intervals import Interval, clopper_pearson
from facesift.datasets.review_files import UNSURE


def measure_agreement(judged: pl.DataFrame, classes: tuple[str, ...]) -> dict[str, Any]:
    """Compare people's unanimous answers with what the committee decided and with what the files say.

    Args:
        judged: decision, truth (null where the files say nothing), answer (null where people decided nothing).
        classes: names of the classes.

    Returns:
        `committee` by decision and `files` by label: the answers, how many are the same, and their share with its exact
        interval. On images sent to `review` the committee decided nothing, so the share is None.
    """
    answered = judged.drop_nulls("answer")
    return {
        "committee": _compare(answered, "decision", [*classes, "review"], classes),
        "files": _compare(answered, "truth", list(classes), classes),
    }


def _compare(answered: pl.DataFrame, column: str, values: list[str], classes: tuple[str, ...]) -> dict[str, Any]:
    rows = {value: answered.filter(pl.col(column) == value)["answer"] for value in values}
    return {value: _shares(answers, value, classes) for value, answers in rows.items()}


def _shares(answers: pl.Series, value: str, classes: tuple[str, ...]) -> dict[str, Any]:
    counts = {name: int((answers == name).sum()) for name in classes}
    return {"images": len(answers), "answers": counts} | asdict(Agreement.of(counts.get(value), len(answers)))


@dataclass(frozen=True)
class Agreement:
    """How often two say the same of the same images.

    Attributes:
        same: images on which they agree; None where one of them says nothing.
        share: their share of the images, in [0, 1]; None without images.
        interval: 95 % Clopper-Pearson interval of the share; images are counted, not groups of near-duplicates.
    """

    same: int | None
    share: float | None = None
    interval: Interval | None = None

    @classmethod
    def of(cls, same: int | None, images: int) -> Agreement:
        """Compute share and interval of `same` among `images` images."""
        if same is None or not images:
            return cls(same)
        return cls(same, same / images, clopper_pearson(same, images))


def measure_pairs(answers: pl.DataFrame) -> list[dict[str, Any]]:
    """Compare each pair of reviewers on the images that both decided; `unsure` decides nothing.

    Args:
        answers: reviewer, image_id, answer.

    Returns:
        For each pair `reviewers`, `images`, `disagreements`, the fields of `Agreement`, and `kappa`: Cohen's (1960)
        agreement beyond chance, 1 for complete agreement; None without a common image, and where both gave one and the
        same answer throughout.
    """
    decided = answers.filter(pl.col("answer") != UNSURE)
    names = sorted(decided["reviewer"].unique())
    return [_measure_pair(decided, *pair) for pair in combinations(names, 2)]


def _measure_pair(decided: pl.DataFrame, first: str, second: str) -> dict[str, Any]:
    both = decided.filter(reviewer=first).join(decided.filter(reviewer=second), on="image_id", suffix="_second")
    same = both.filter(pl.col("answer") == pl.col("answer_second")).height
    return {
        "reviewers": [first, second],
        "images": both.height,
        "disagreements": both.height - same,
        "kappa": _kappa(both["answer"], both["answer_second"]),
    } | asdict(Agreement.of(same, both.height))


def _kappa(first: pl.Series, second: pl.Series) -> float | None:
    from sklearn.metrics import cohen_kappa_score  # noqa: PLC0415

    if len({*first, *second}) < 2:
        return None
    return float(cohen_kappa_score(first.to_list(), second.to_list()))


def measure_time(answers: pl.DataFrame) -> dict[str, Any]:
    """Measure the time that reviewers take.

    Args:
        answers: reviewer, answer, seconds.

    Returns:
        `answers`, `unsure`, `median_seconds` for an image (a lunch break moves the mean) and total `hours`, of all
        reviewers together and of each in `reviewers`.
    """
    names = sorted(answers["reviewer"].unique())
    return _seconds(answers) | {"reviewers": {name: _seconds(answers.filter(reviewer=name)) for name in names}}


def _seconds(answers: pl.DataFrame) -> dict[str, Any]:
    unsure = answers.filter(pl.col("answer") == UNSURE).height
    hours = float(answers["seconds"].sum()) / 3600 if answers.height else None
    return {
        "answers": answers.height,
        "unsure": unsure,
        "median_seconds": answers["seconds"].median(),
        "hours": hours,
    }
