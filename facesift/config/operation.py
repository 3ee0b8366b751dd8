"""How scores become decisions: the parameters of calibration, costs, operating points and the promise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from facesift.config.section import Fraction, Inside, NotNegative, Positive, Ratio, Section


class Calibration(Section):
    """How the stacked ensemble's score becomes a probability, and the equal-mass bins that measure it."""

    method: Literal["temperature", "platt"]
    bins: Annotated[int, Field(ge=2, le=1000)]


class Cost(Section):
    """What a missed fake, a reviewed image and a real image called fake cost, in any one unit.

    `prevalence` is the share of fakes that costs and review budget are reckoned at; None: as in validation.
    """

    miss: Positive
    review: NotNegative
    false_alarm: NotNegative
    prevalence: Inside | None


class Guarantee(Section):
    """With probability 1 - `delta`: misses at most `miss` of the fakes, and reviews at most `review` of the images."""

    miss: Inside
    review: Inside | None
    delta: Inside


class Operating(Section):
    """The operating points: a review budget, a share of fakes to catch, and a promise.

    `sources`: fitted on validation images of all sources, or of the positives' own ones alone.
    """

    sources: Literal["all", "own"]
    max_review: Fraction
    target_recall: Ratio
    guarantee: Guarantee
