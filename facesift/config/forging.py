"""How forged training fakes are made of real training images: `resample.forge`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from facesift.config.section import Count, Fraction, NotNegative, Number, Ratio, Section


class Regions(Section):
    """How often each part of a face is forged, to one another: weights, not all of them 0."""

    eyes: NotNegative = 1.0
    nose: NotNegative = 1.0
    mouth: NotNegative = 1.0
    face: NotNegative = 1.0

    @model_validator(mode="after")
    def _some(self) -> Regions:
        if not any(self.model_dump().values()):
            raise ValueError("`eyes`, `nose`, `mouth` and `face` are all 0: one of them must be forged")
        return self


class Forge(Section):
    """Forged fakes: `ratio` fakes per real, counted with those there are and those that SMOTE has made before.

    `composite` takes a part of the face from another person, `self_blend` from the image itself, changed (Shiohara &
    Yamasaki, CVPR 2022); they are weights. `candidates`: among so many random reals the donor closest in pose and tone
    is taken. `poisson`: share that is fitted in by Poisson blending, the rest by matching tones. `colour`: how far the
    tones of a composite are matched at the most, and how strongly a self-blend is re-coloured. `warp`: how far the part
    is out of place at the most; 1 is a tenth of the distance of the eyes. `fresh`: drawn anew in every epoch.
    """

    ratio: Ratio
    composite: NotNegative = 0.5
    self_blend: NotNegative = 0.5
    regions: Regions = Regions()
    candidates: Count = 32
    poisson: Fraction = 0.5
    colour: Fraction = 1.0
    warp: Annotated[Number, Field(ge=0, le=3)] = 1.0
    fresh: bool = True

    @model_validator(mode="after")
    def _some(self) -> Forge:
        if not self.composite and not self.self_blend:
            raise ValueError("`composite` and `self_blend` are both 0: one of them must make the fakes")
        return self
