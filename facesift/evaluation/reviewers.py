"""Whether people agree: with the committee, with the files' labels, with each other; and how long they take."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import polars as pl

from facesift.core.intervals import clopper_pearson
from facesift.datasets.review_files import UNSURE


def measure_agreement(judged: pl.DataFrame, classes: tuple[str, ...]) -> dict[str, Any]:
    """Compare people's unanimous answers with what the committee decided and with what the files say.

    `judged`: decision, truth (null where the files say nothing), answer (null where people decided nothing). For each
    decision and each label: the answers, how many are the same, and their share with its exact interval; on images
    sent to `review` the committee said nothing to agree with, so that the share is None.
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
    return {"images": len(answers), "answers": counts} | _agreement(counts.get(value), len(answers))


def _agreement(same: int | None, images: int) -> dict[str, Any]:
    known = same is not None and images > 0
    return {
        "same": same,
        "share": same / images if same is not None and known else None,
        "interval": clopper_pearson(same, images) if same is not None and known else None,
    }


def measure_pairs(answers: pl.DataFrame) -> list[dict[str, Any]]:
    """Compare each pair of reviewers on the images that both decided; `unsure` decides nothing.

    `kappa` is Cohen's (1960): agreement beyond what their shares of answers give by chance, 1 for always; None without
    a common image, and where both gave one and the same answer throughout.
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
    } | _agreement(same, both.height)


def _kappa(first: pl.Series, second: pl.Series) -> float | None:
    from sklearn.metrics import cohen_kappa_score  # noqa: PLC0415

    if len({*first, *second}) < 2:
        return None
    return float(cohen_kappa_score(first.to_list(), second.to_list()))


def measure_time(answers: pl.DataFrame) -> dict[str, Any]:
    """Seconds an image of all reviewers and of each: the median (a break at lunch moves the mean), and total hours."""
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
