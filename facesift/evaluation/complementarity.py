"""Whether the members complement each other: who errs together with whom, and what each adds to the vote.

All votes are read as the positive class against the rest, as recall and precision are.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesift.core.formatting import counted, percent
from facesift.core.intervals import clopper_pearson, design_effect_of
from facesift.core.scores import STACKER
from facesift.evaluation.decision_report import LabelledPredictions

AGREED = 0.98  # members that vote alike on so large a share of the images ...
SHARED = 0.8  # ... and share so large a part of their errors add little to each other; whole intervals must say so
ADDED = ("recall", "precision", "review_rate", "caught")

Flags = NDArray[np.bool_]  # (images,) or (images, voters)


def members_of(predictions: LabelledPredictions) -> list[str]:
    """Names of the voters that are members: all but the stacker."""
    return [voter for voter in predictions.voters if voter != STACKER]


def report_complementarity(predictions: LabelledPredictions) -> dict[str, Any]:
    """Report everything of this module.

    Args:
        predictions: predictions of all voters, with labels.

    Returns:
        `{pairs, leave_one_out, agreement}`; see `report_pairs`, `leave_one_out` and `report_agreement`.
    """
    return {
        "pairs": report_pairs(predictions),
        "leave_one_out": leave_one_out(predictions),
        "agreement": report_agreement(predictions),
    }


def report_pairs(predictions: LabelledPredictions) -> list[dict[str, Any]]:
    """Report for each pair of voters (the stacker too) how alike their votes are and how often they err together.

    Args:
        predictions: predictions of all voters, with labels.

    Returns:
        For each pair `voters`; `disagreement`, the share of images with different votes; `kappa`, Cohen's of the votes
        (Cohen 1960); and `joint_errors` among `fakes` and among `reals`.
    """
    called, fakes = _called(predictions), predictions.positives == 1
    wrong = called != fakes[:, None]
    return [
        {
            "voters": [predictions.voters[first], predictions.voters[second]],
            "disagreement": float((called[:, first] != called[:, second]).mean()),
            "kappa": _kappa(called[:, first], called[:, second]),
            "fakes": joint_errors(wrong[fakes, first], wrong[fakes, second]),
            "reals": joint_errors(wrong[~fakes, first], wrong[~fakes, second]),
        }
        for first, second in combinations(range(len(predictions.voters)), 2)
    ]


def joint_errors(first: Flags, second: Flags) -> dict[str, Any]:
    """Count the errors of two voters on the same images (n,), and what independent errors would come to.

    Args:
        first: where the first voter errs, (n,).
        second: where the second voter errs, (n,).

    Returns:
        `images`, `first`, `second` and `both`: numbers of images and errors. `expected_both`: errors of the first times
        errors of the second over n; None without images. `yules_q`: -1 when they never err together or never are both
        right, 0 for independent errors, 1 when one errs only where the other does (Kuncheva and Whitaker 2003); None
        where it is undefined, for example when one never errs.

    >>> joint_errors(np.array([True, True, False, False]), np.array([True, False, True, False]))["expected_both"]
    1.0
    """
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    alike, apart = both * neither, only_first * only_second
    return {
        "images": len(first),
        "first": both + only_first,
        "second": both + only_second,
        "both": both,
        "expected_both": (both + only_first) * (both + only_second) / len(first) if len(first) else None,
        "yules_q": (alike - apart) / (alike + apart) if alike + apart else None,
    }


def leave_one_out(predictions: LabelledPredictions) -> dict[str, Any]:
    """Report the figures of every rule without each member in turn, and what the member adds.

    The stacker keeps its vote, though it was fitted on the outputs of all members: part of what a left-out member knows
    stays in the vote through it, so `adds` is not what training the committee without the member would cost.

    Args:
        predictions: predictions of all voters, with labels.

    Returns:
        `{member: {rule: {"without": report, "adds": {figure: difference}}}}`, the difference being all voters minus
        without the member; None where either figure is unknown or the rule has none. A higher review rate is a cost.
        Empty for a committee of one voter.
    """
    if len(predictions.voters) < 2:
        return {}
    full = predictions.report_rules()
    report = {}
    for member in members_of(predictions):
        without = predictions.without(member).report_rules()
        report[member] = {
            rule: {"without": without[rule], "adds": _differences(full[rule], without[rule])} for rule in full
        }
    return report


def report_agreement(predictions: LabelledPredictions) -> dict[str, Any]:
    """Report whether the members (without the stacker) are redundant.

    Agreement alone shows nothing: where fakes are rare, members that find different fakes agree on nearly all images.

    Args:
        predictions: predictions of all voters, with labels.

    Returns:
        `members`: their number. `agree`: share of images on which all vote alike; None without images. `missed` and
        `alarmed`: fakes and reals on which at least one (`by_any`) or every member (`by_all`) errs. `redundant`: True
        when they agree on at least `AGREED` of all images and at least `SHARED` of the errors of any are errors of all,
        among fakes and among reals, each by the low end of its interval; None with fewer than two members or without
        images. `sentence`: the same in words.
    """
    columns = [predictions.voters.index(member) for member in members_of(predictions)]
    called, fakes = _called(predictions)[:, columns], predictions.positives == 1
    wrong = called != fakes[:, None]
    missed, alarmed = _shared(wrong[fakes]), _shared(wrong[~fakes])
    report: dict[str, Any] = {"members": len(columns), "missed": missed, "alarmed": alarmed}
    if len(columns) < 2 or not len(called):
        return report | {"agree": None, "redundant": None, "sentence": "There are no two members to compare."}
    alike = (called == called[:, :1]).all(axis=1)
    agree, groups = float(alike.mean()), predictions.groups
    redundant = _at_least(alike, groups, AGREED) and all(
        _at_least(wrong[part].all(axis=1), groups[part], SHARED)
        for part in (fakes & wrong.any(axis=1), ~fakes & wrong.any(axis=1))
    )
    sentence = _sentence(agree, missed, redundant=redundant)
    return report | {"agree": agree, "redundant": redundant, "sentence": sentence}


def _sentence(agree: float, missed: dict[str, int], *, redundant: bool) -> str:
    if not redundant:
        return (
            f"The members agree on {percent(agree)} of images; "
            f"of {counted(missed['by_any'], 'fake')} that at least one misses, {missed['by_all']} are missed by all."
        )
    same = "err on the same fakes" if missed["by_any"] else "miss no fake"
    return f"The members agree on {percent(agree)} of images and {same}: the committee adds little to its best member."


def _at_least(flags: Flags, groups: NDArray[Any], share: float) -> bool:
    """Whether the whole interval of the share of flags (n,) is at or above `share`; without images nothing is below."""
    interval = clopper_pearson(int(flags.sum()), len(flags), design_effect=design_effect_of(groups))
    return interval is None or interval[0] >= share


def _called(predictions: LabelledPredictions) -> Flags:
    return predictions.votes == predictions.classes.number


def _shared(wrong: Flags) -> dict[str, int]:
    return {"by_any": int(wrong.any(axis=1).sum()), "by_all": int(wrong.all(axis=1).sum()) if wrong.shape[1] else 0}


def _kappa(first: Flags, second: Flags) -> float | None:
    """Cohen's kappa; None when both voters say the same of all images: agreement by chance is then complete."""
    from sklearn.metrics import cohen_kappa_score  # noqa: PLC0415  a second to import

    if len(np.unique(np.concatenate([first, second]))) < 2:
        return None
    return float(cohen_kappa_score(first, second))


def _differences(full: dict[str, Any], without: dict[str, Any]) -> dict[str, float | None]:
    return {
        figure: None if full.get(figure) is None or without.get(figure) is None else full[figure] - without[figure]
        for figure in ADDED
    }
