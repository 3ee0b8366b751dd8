"""The verdict on drift: stable, watch, recalibrate or too few images, what moved, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from facesift.core.formatting import between, counted, percent
from facesift.core.intervals import clopper_pearson

STABLE, WATCH, RECALIBRATE, TOO_FEW = "stable", "watch", "recalibrate", "too few images to say"
# Convention of scorecard monitoring (Siddiqi 2006, Credit Risk Scorecards): from here on a shift is small, is large.
PSI = {WATCH: 0.1, RECALIBRATE: 0.25}
# Our own, of odds: where a decision is rare, the queue of people is then certainly a quarter longer or shorter, or
# certainly twice as long or half. Odds and not shares: 61 % in place of 87 % is only 1.4 times less, yet it is much.
FACTOR = {WATCH: 1.25, RECALIBRATE: 2.0}
UNSCORABLE = 0.01  # share of images without a score, as ingest.max_bad_fraction by default

SCORES = ("probability",)  # columns that the committee gives; the others describe its images
Share = tuple[int, int]  # images so decided, and all
ReferenceShare = tuple[int, int, float]  # the same, and the design effect of their groups of near-duplicates
ADVICE = {
    "probability": "let people decide a few hundred images of the stream (`facesift review --all`), put them and the "
    "answers into a study and run `dvc repro`: it calibrates and chooses thresholds anew",
    "decisions": "more or fewer images go to people than was measured: look at the queue first, it tells a wave of "
    "fakes from scores that mean something else",
    "images": "find out what changed before the committee: camera, app, crop, compression or size of the images",
    "unscorable": "see the column `reason` of the images without a decision",
    "few": "screen more images: about a hundred show a large shift, about a thousand a small one, if there are as many "
    "test images",
}


def column_state(name: str, figures: Mapping[str, Any]) -> str:
    """Judge a column: its index must be beyond chance, and beyond the convention's limit by more than chance adds.

    Other images alone (size, light, sharpness) are worth watching, whatever their index: the committee may bear them.
    """
    if figures["psi"] <= figures["limit"]:
        return STABLE
    state = _grade(figures["psi"] - figures["expected"], PSI)
    return WATCH if state == RECALIBRATE and name not in SCORES else state


def decision_state(stream: Share, references: Sequence[ReferenceShare]) -> dict[str, Any]:
    """Compare the share of a decision with that of the reference without fakes and of the one with all of them.

    `expected` is from the least to the most of the references' exact intervals. `factor`: the odds of the decision are
    at least so many times above or below that, 1 when the intervals touch.

    >>> decision_state((61, 100), [(180, 200, 1.0)])["state"], decision_state((90, 100), [(180, 200, 1.0)])["state"]
    ('recalibrate', 'stable')
    """
    count, images = stream
    low, high = clopper_pearson(count, images) or (0.0, 1.0)
    ends = [clopper_pearson(decided, of, design_effect=effect) or (0.0, 1.0) for decided, of, effect in references]
    least, most = min(end[0] for end in ends), max(end[1] for end in ends)
    factor = max(_odds(low) / _odds(most), _odds(least) / _odds(high), 1.0)
    return {
        "images": count,
        "share": count / images,
        "interval": (low, high),
        "expected": (least, most),
        "factor": factor,
        "direction": "up" if low > most else "down" if high < least else None,
        "state": _grade(factor, FACTOR),
    }


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else math.inf


def unscorable_state(count: int, images: int) -> dict[str, Any]:
    """Judge the share of images without a score: worth watching when it is certainly above `UNSCORABLE`."""
    interval = clopper_pearson(count, images)
    above = interval is not None and interval[0] > UNSCORABLE
    return {
        "images": count,
        "share": count / images,
        "interval": interval,
        "limit": UNSCORABLE,
        "state": WATCH if above else STABLE,
    }


def _grade(value: float, limits: Mapping[str, float]) -> str:
    return RECALIBRATE if value >= limits[RECALIBRATE] else WATCH if value >= limits[WATCH] else STABLE


def verdict(found: Mapping[str, Any]) -> dict[str, Any]:
    """Put the states together: state, what moved, a sentence, and what to do.

    Where nothing moved, but chance alone would hide a large shift, the state is `TOO_FEW` and not `STABLE`.
    """
    moved = {name: each for name, each in found["columns"].items() if each["state"] != STABLE}
    decisions = {name: each for name, each in found["decisions"].items() if each["state"] != STABLE}
    strange = found["unscorable"]["state"] != STABLE
    states = [each["state"] for each in (*moved.values(), *decisions.values(), found["unscorable"])]
    state = max(states, key=(STABLE, WATCH, RECALIBRATE).index)
    if few := state == STABLE and any(_hides_much(each) for each in found["columns"].values()):
        state = TOO_FEW
    kinds = {
        "probability": any(name in SCORES for name in moved),
        "decisions": bool(decisions),
        "images": any(name not in SCORES for name in moved),
        "unscorable": strange,
        "few": few,
    }
    return {
        "state": state,
        "moved": [*moved, *(f"decision {name}" for name in decisions), *(["unscorable"] if strange else [])],
        "sentence": f"{state}: {_sentence(found, moved, decisions)}",
        "advice": [ADVICE[kind] for kind, there in kinds.items() if there],
    }


def _hides_much(figures: Mapping[str, Any]) -> bool:
    """Whether a column's index could be large without being beyond chance."""
    return bool(figures["limit"] - figures["expected"] > PSI[RECALIBRATE])


def _sentence(found: Mapping[str, Any], moved: Mapping[str, Any], decisions: Mapping[str, Any]) -> str:
    said = [
        f"{name} {_went(each['direction'])} (PSI {each['psi']:.2f}, chance {each['expected']:.2f})"
        for name, each in moved.items()
    ]
    said += [
        f"decision {name} is {percent(each['share'], 2)} of the images, expected {between(each['expected'], 2)} %"
        for name, each in decisions.items()
    ]
    if found["unscorable"]["state"] != STABLE:
        said.append(f"{percent(found['unscorable']['share'], 2)} of the images have no score")
    if said:
        return "; ".join(said)
    least = max((each["limit"] for each in found["columns"].values()), default=0.0)
    images = counted(found["scored"], "image")
    if least > PSI[WATCH]:
        return f"nothing moved beyond chance in {images}; a PSI up to {least:.2f} would not have shown"
    return f"nothing moved in {images}"


def _went(direction: str | None) -> str:
    return f"went {direction}" if direction else "changed its shape"
