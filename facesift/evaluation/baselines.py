"""Baselines of the committee: constant and random answers that look at no image, and the best member alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from facesift.core.counts import Confusion
from facesift.evaluation.complementarity import members_of
from facesift.evaluation.decision_report import LabelledPredictions

NO_INTERVALS = {"auc_interval": None, "ap_interval": None}  # nothing is estimated from the images


def report_baselines(val: LabelledPredictions, test: LabelledPredictions) -> dict[str, dict[str, Any]]:
    """Report the baselines on the test split.

    Args:
        val: predictions of the voters on validation, by which the best member is chosen.
        test: predictions of the same voters on the test split.

    Returns:
        Figures as of `LabelledPredictions.report_voters`, by name: `always_real`, `always_fake`, `random` and
        `best_member` (which also has `member` and `val_ap`). `fake` is the positive class, `real` all others.
    """
    truth, groups = test.positives, test.groups
    fakes = int(truth.sum())
    reals = len(truth) - fakes
    return {
        "always_real": Confusion.of(truth, np.zeros_like(truth), groups).report() | _constant(fakes, reals),
        "always_fake": Confusion.of(truth, np.ones_like(truth), groups).report() | _constant(fakes, reals),
        "random": report_random(fakes, reals),
        "best_member": best_member(val, test),
    }


def report_random(fakes: int, reals: int) -> dict[str, Any]:
    """Expected figures of drawing a score for each image at random and calling fake with the probability of a fake.

    Nothing is drawn; all values are exact, and the counts are no whole numbers:

    - each image is called fake with probability p = fakes / images, so tp = p fakes, fp = p reals, recall = p;
    - of any images called fake, a share of p is fake on average: precision = p (where anything is called fake);
    - given m calls, tp is hypergeometric with mean m p, so F1 is 2 m p / (m + fakes), and m is binomial;
    - AUC is 1/2; AP of a random order is that of `random_ap`, above p where fakes are few.

    Args:
        fakes: number of images of the positive class.
        reals: number of other images.

    Returns:
        Figures as of `LabelledPredictions.report_voters`.

    >>> row = report_random(2, 6)
    >>> row["tp"], row["fp"], row["recall"], row["precision"], row["auc"]
    (0.5, 1.5, 0.25, 0.25, 0.5)
    """
    images = fakes + reals
    row: dict[str, Any] = dict.fromkeys(Confusion(0, 0, 0, 0).report()) | {"fakes": fakes, "reals": reals}
    if not images:
        return row | NO_INTERVALS | {"auc": None, "ap": None}
    p = fakes / images
    row |= {"tp": p * fakes, "fp": p * reals, "fn": (1 - p) * fakes, "tn": (1 - p) * reals}
    known = {"recall": p, "precision": p, "f1": _random_f1(fakes, images)} if fakes else {}
    return row | NO_INTERVALS | known | {"auc": 0.5 if fakes and reals else None, "ap": random_ap(fakes, reals)}


def random_ap(fakes: int, reals: int) -> float | None:
    """Expected average precision of a random order without ties; None when all images are alike.

    The image at rank k is fake with probability fakes / images; given that, of the k - 1 before it a share of
    (fakes - 1) / (images - 1) is fake on average (Bestgen 2015, Exact Expected Average Precision of the Random Baseline
    for System Evaluation).

    Args:
        fakes: number of images of the positive class.
        reals: number of other images.

    Returns:
        The average precision, in (0, 1].

    >>> random_ap(1, 1)
    0.75
    """
    if not fakes or not reals:
        return None
    images = fakes + reals
    ranks = np.arange(1, images + 1)
    return float(np.mean((1 + (ranks - 1) * (fakes - 1) / (images - 1)) / ranks))


def best_member(val: LabelledPredictions, test: LabelledPredictions) -> dict[str, Any]:
    """Report the test figures of the member with the highest AP on validation; the first of equals.

    Args:
        val: predictions of the voters on validation.
        test: predictions of the same voters on the test split.

    Returns:
        Figures as of `LabelledPredictions.report_voters`, and `member` and `val_ap`.

    Raises:
        ValueError: the two have different voters, or the validation images are all of one class.
    """
    if val.voters != test.voters:
        raise ValueError(f"voters of validation {val.voters} are not those of test {test.voters}")
    voters = val.report_voters()
    scores = {member: voters[member]["ap"] for member in members_of(val)}
    if None in scores.values():
        raise ValueError("validation images are all of one class: no member is best")
    chosen = max(scores, key=scores.__getitem__)
    return test.report_voters()[chosen] | {"member": chosen, "val_ap": scores[chosen]}


def _constant(fakes: int, reals: int) -> dict[str, float | None]:
    """Ranking quality of one score for all images: all are tied, so AUC is 1/2 and AP the share of fakes."""
    mixed = bool(fakes and reals)
    return NO_INTERVALS | {"auc": 0.5 if mixed else None, "ap": fakes / (fakes + reals) if mixed else None}


def _random_f1(fakes: int, images: int) -> float:
    from scipy.stats import binom  # noqa: PLC0415  a second to import

    calls = np.arange(images + 1)
    chances = binom.pmf(calls, images, fakes / images)
    return float((chances * 2 * calls * (fakes / images) / (calls + fakes)).sum())
