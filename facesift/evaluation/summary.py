"""The few test figures that a study is compared by, and the table of the members' training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

DIGITS = 4
Figures = Mapping[str, Any]


def summarise(rule: str, test: Mapping[str, Figures], *, guaranteed: bool) -> dict[str, float | int | str | None]:
    """Pick the figures that fit on one line of `dvc exp show`, rounded to four digits.

    Args:
        rule: The study's decision rule.
        test: Figures of the test split by the names of their files in `metrics/`: `vote` of each rule, `voters` of each
            member and of the stacker, `within` of both inside each source that holds fakes and reals, and `standard`,
            the standard figures.
        guaranteed: Whether a risk guarantee is made.

    Returns:
        The rule's `recall`, `precision`, `f1`, `review` (share of the images sent to a person), `caught` (share of the
        fakes decided fake or sent to a person) and number of `fakes`; the stacker's `auc`, `ap`, `eer` and
        `tpr_1pct`, its recall at 1 % false positives; `own_auc`, `own_caught` and `own_review`, the same within
        the fakes' own sources (see `_own`); `guarantee`, made or none. Shares are in [0, 1]; None where there is
        nothing to divide by, or where there are too few images.
    """
    chosen, stacker = test["vote"][rule], test["voters"]["stacker"]
    found = {name: chosen[name] for name in ("recall", "precision", "f1")} | _screened([chosen])
    rates = test["standard"]["voters"]["stacker"]
    found |= {"fakes": _fakes(chosen), "auc": stacker["auc"], "ap": stacker["ap"], "eer": rates["eer"]["value"]}
    found |= {"tpr_1pct": rates["tpr_at_fpr_0.01"]["value"]} | _own(rule, test["within"])
    shares = {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in found.items()}
    return shares | {"guarantee": "made" if guaranteed else "none"}


def _own(rule: str, within: Figures) -> dict[str, float | None]:
    """Figures within the fakes' own sources, where recognising the source is no help.

    Counts of several such sources are added up; the AUC is the mean over them, weighted by their fakes.
    """
    rules = [source["rules"][rule] for source in within.values()]
    areas = [source["voters"]["stacker"]["auc"] for source in within.values()]
    auc = float(np.average(areas, weights=[_fakes(each) for each in rules])) if rules else None
    screened = _screened(rules)
    return {"own_auc": auc, "own_caught": screened["caught"], "own_review": screened["review"]}


def _screened(counts: Sequence[Figures]) -> dict[str, float | None]:
    """Share of the images sent to a person, and share of the fakes caught, of all these counts together."""
    fakes = sum(_fakes(each) for each in counts)
    images = fakes + sum(each["reals"] + each.get("review_real", 0) for each in counts)
    reviewed = sum(each.get("reviewed", 0) for each in counts)
    caught = sum(each["tp"] + each.get("review_fake", 0) for each in counts)
    return {"review": reviewed / images if images else None, "caught": caught / fakes if fakes else None}


def _fakes(counts: Figures) -> int:
    """All fakes, decided or sent to a person: a rule's `fakes` are the decided ones."""
    return int(counts["fakes"] + counts.get("review_fake", 0))


def curves_table(epochs: Mapping[str, Sequence[Mapping[str, float]]]) -> pl.DataFrame:
    """Put the figures of every epoch of every member into one table.

    Args:
        epochs: For each member a mapping from figure to value for each epoch, such as `val_loss`.

    Returns:
        Columns member, epoch (from 1) and one for each figure in the order of their names; null where a member has
        none.
    """
    rows = [
        {"member": member, "epoch": number} | dict(figures)
        for member, each in epochs.items()
        for number, figures in enumerate(each, start=1)
    ]
    names = sorted({name for row in rows for name in row} - {"member", "epoch"})
    schema = {"member": pl.String, "epoch": pl.Int64} | dict.fromkeys(names, pl.Float64)
    return pl.DataFrame(rows, schema=schema)
