"""Calibration, operating points and promise: all that is chosen on validation between the stacker and a decision."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.calibration import Calibration, Fakes, Scores, fit_all
from facesift.committee.operating_points import Tally, fit_points
from facesift.committee.risk_guarantee import Promise, independent, promise, tally_independent
from facesift.committee.sources import mixed_sources, own_images
from facesift.committee.thresholds import Policy
from facesift.config.params import Params
from facesift.core.errors import FacesiftError

GUARANTEE = "guarantee"  # the point of the promise


@dataclass(frozen=True)
class Validation:
    """What is chosen from: margins (n,) of the stacker, fakes (n,), near-duplicate groups (n,) and sources (n,)."""

    margins: Scores
    fakes: Fakes
    groups: NDArray[np.integer]
    sources: pl.Series

    def of(self, rows: NDArray[np.bool_]) -> Validation:
        """Only these rows."""
        return Validation(self.margins[rows], self.fakes[rows], self.groups[rows], self.sources.filter(pl.Series(rows)))


@dataclass(frozen=True)
class Choice:
    """Every calibration method as fitted, the one in use, the operating points by name, and the promise.

    `sources` are those of the images that all was fitted on.
    """

    fits: dict[str, Calibration]
    calibration: Calibration
    policies: dict[str, Policy]
    promised: Promise
    sources: list[str]


def choose(seen: Validation, params: Params) -> Choice:
    """Choose by `calibration`, `cost` and `operating`.

    With `operating.sources: own` all is fitted on the fakes' own sources. How much a score speaks for fake is then
    learned where recognising the source does not help: real images of other sources, which score low just for that,
    make a high score look more certain, and a threshold cheaper, than they are for a real image like those beside the
    fakes. How rare fakes are is not learned there, as such a source is collected for its fakes: the calibration
    (`platt`; a temperature knows no prior), costs and review budget keep the share of fakes that all of validation
    has, or `cost.prevalence`. So they are about applicants whose real images look like those beside the fakes, with
    fakes as rare as before. The promise alone is about images of these sources, mixed as they are. With a single
    source it is all the same.

    Raises `FacesiftError` when there are no such sources, or a class is missing.
    """
    if params.operating.sources == "all":
        return _choose(seen, params, None, None, sorted(seen.sources.unique()))
    own = own_images(seen.sources, seen.fakes)
    if not own.any():
        raise FacesiftError(
            f"operating.sources: own needs a source that holds {params.positive} and others among the validation "
            f"images; there are {', '.join(sorted(seen.sources.unique()))}. Use all"
        )
    share, once = float(seen.fakes.mean()), float(seen.fakes[independent(seen.groups, seen.fakes)].mean())
    return _choose(seen.of(own), params, share, once, mixed_sources(seen.sources, seen.fakes))


def _choose(seen: Validation, params: Params, share: float | None, once: float | None, sources: list[str]) -> Choice:
    """Choose from all of `seen`, at these shares of fakes among images and among groups; None: as they are there."""
    cost, operating = params.cost, params.operating
    fits = fit_all(seen.margins, seen.fakes, share)
    calibration = fits[params.calibration.method]
    log_odds = calibration.log_odds(seen.margins)
    policies = fit_points(Tally.of(log_odds, seen.fakes, cost.prevalence or share), operating, cost)
    tally = tally_independent(log_odds, seen.fakes, seen.groups, cost.prevalence or once)
    promised = promise(tally, operating.guarantee, cost)
    if operating.sources == "own":
        promised = replace(promised, sources=tuple(sources))
    if promised.policy is not None:
        policies[GUARANTEE] = promised.policy
    return Choice(fits, calibration, policies, promised, sources)
