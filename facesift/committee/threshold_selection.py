"""Threshold selection: calibrator, operating points and risk guarantee, all fitted on validation scores."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.calibration import Calibrator, Fakes, Scores, fit_all
from facesift.committee.offered_points import NotOffered, withhold
from facesift.committee.operating_points import ThresholdCounts, fit_points
from facesift.committee.risk_guarantee import RiskGuarantee, count_independent, find_guarantee, independent
from facesift.committee.rules import Thresholds
from facesift.committee.sources import mixed_sources, own_images
from facesift.config.params import Params
from facesift.core.errors import FacesiftError

GUARANTEE = "guarantee"  # the operating point that keeps the risk guarantee


@dataclass(frozen=True)
class ValidationScores:
    """The n validation images that thresholds are selected on.

    Attributes:
        margins: the stacker's log-odds of the positive class, not calibrated (n,).
        fakes: 1 for the positive class, 0 for the rest (n,).
        groups: near-duplicate groups (n,).
        sources: the data set that each image came from (n,).
    """

    margins: Scores
    fakes: Fakes
    groups: NDArray[np.integer]
    sources: pl.Series

    def of_images(self, rows: NDArray[np.bool_]) -> ValidationScores:
        """Keep the images where `rows` (n,) is true."""
        return ValidationScores(
            self.margins[rows], self.fakes[rows], self.groups[rows], self.sources.filter(pl.Series(rows))
        )


@dataclass(frozen=True)
class Selection:
    """What was selected on validation.

    Attributes:
        fits: every calibration method as fitted, by name; right at the share `validation`.
        calibrator: the one in use, moved to the share `prevalence`.
        validation: share of fakes that the calibration was fitted for, in (0, 1).
        prevalence: share of fakes that probabilities, costs and review budget hold for; the parameter, or `validation`.
            None with a temperature alone: probabilities hold at no known share, costs and budget at `validation`.
        points: the operating points that are offered by name, with that of the risk guarantee where it could be given.
        not_offered: the others, and why.
        guarantee: the risk guarantee, or what stood in its way.
        sources: the sources of the images that all was fitted on.
    """

    fits: dict[str, Calibrator]
    calibrator: Calibrator
    validation: float
    prevalence: float | None
    points: dict[str, Thresholds]
    not_offered: dict[str, NotOffered]
    guarantee: RiskGuarantee
    sources: list[str]


def select_thresholds(seen: ValidationScores, params: Params) -> Selection:
    """Fit the calibrator and select all thresholds, by `prevalence`, `calibration`, `cost` and `operating`.

    With `prevalence` all log-odds and thresholds move by the same amount (`calibration.prior_shift`): nothing that
    rests on ranks changes, such as the misses that the guarantee allows. Costs and review budget weigh the validation
    images of both classes by the same share, once.

    With `operating.sources: own` all is fitted on the fakes' own sources, where recognising the source does not help.
    Real images of other sources score low for their source alone. They would make a high score look more certain, and
    a threshold cheaper, than they are for a real image like those beside the fakes. But the share of fakes is not
    learned there, as such a source is collected for its fakes: the calibrator (`platt`; a temperature knows no prior),
    costs and review budget keep the share of fakes that all of validation has, or `prevalence`. So they are about
    applicants whose real images look like those beside the fakes, with fakes as rare as before. The risk guarantee
    alone is about images of these sources, mixed as they are. With a single source both ways are the same.

    Args:
        seen: the validation images; none that is referred to a person anyway.
        params: the study's parameters.

    Returns:
        The calibrator, the operating points and the risk guarantee.

    Raises:
        FacesiftError: when a class is missing, or no source holds fakes and others with `operating.sources: own`.
    """
    if params.operating.sources == "all":
        return _select(seen, params, None, None, sorted(seen.sources.unique()))
    own = own_images(seen.sources, seen.fakes)
    if not own.any():
        raise FacesiftError(
            f"operating.sources: own needs a source that holds {params.positive} and others among the validation "
            f"images; there are {', '.join(sorted(seen.sources.unique()))}. Use all"
        )
    share, once = float(seen.fakes.mean()), float(seen.fakes[independent(seen.groups, seen.fakes)].mean())
    return _select(seen.of_images(own), params, share, once, mixed_sources(seen.sources, seen.fakes))


def _select(
    seen: ValidationScores, params: Params, share: float | None, once: float | None, sources: list[str]
) -> Selection:
    """Select from all of `seen`, at these shares of fakes among images and among groups; None: as they are there."""
    cost, operating = params.cost, params.operating
    fits = fit_all(seen.margins, seen.fakes, share)
    fitted = share or float(seen.fakes.mean())
    prevalence = None if params.calibration.method == "temperature" else params.prevalence or fitted
    calibrator = fits[params.calibration.method]
    if params.prevalence is not None:
        calibrator = calibrator.at_share(fitted, params.prevalence)
    log_odds = calibrator.log_odds(seen.margins)
    every = ThresholdCounts.of(log_odds, seen.fakes, params.prevalence or share)
    points = fit_points(every, operating, cost)
    counts = count_independent(log_odds, seen.fakes, seen.groups, params.prevalence or once)
    guarantee = find_guarantee(counts, operating.guarantee, cost)
    if operating.sources == "own":
        guarantee = replace(guarantee, sources=tuple(sources))
    if guarantee.thresholds is not None:
        points[GUARANTEE] = guarantee.thresholds
    withheld = withhold(points, every, operating, cost)
    if GUARANTEE in withheld:
        guarantee = guarantee.withheld(withheld[GUARANTEE].why)
    offered = {name: point for name, point in points.items() if name not in withheld}
    return Selection(fits, calibrator, fitted, prevalence, offered, withheld, guarantee, sources)
