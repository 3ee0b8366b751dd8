"""Parameters of damage to images: the kinds of corruption there are, and how strong each may be."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from facesift.config.section import Positive, Section

STRONGEST = {
    "jpeg": 100.0,
    "blur": 0.5,
    "scale": 1.0,
    "noise": 255.0,
    "shift": 0.5,
    "downscale": 10_000.0,
    "rephotograph": 1.0,
    "social_media": 10_000.0,
}
WHOLE_NUMBERS = {
    "jpeg": "a quality, a whole number from 1 to 100",
    "downscale": "a whole number of pixels",
    "social_media": "a whole number of pixels",
}


class Corruption(Section):
    """One kind of damage at one strength; shares of the side mean the same at 64 and at 512 pixels."""

    inline: ClassVar[bool] = True
    kind: Literal["jpeg", "blur", "scale", "noise", "shift", "downscale", "rephotograph", "social_media"] = Field(
        description="jpeg: compressed; blur: Gaussian blur; scale: scaled down and up again; noise: Gaussian noise; "
        "shift: the crop is off to a corner; downscale: scaled down to so many pixels and up again; rephotograph: "
        "a photo of a screen (perspective, moire, gamma); social_media: made smaller, then JPEG of quality 75"
    )
    strength: Positive = Field(
        description="jpeg: quality, 1 to 100; blur: standard deviation as a share of the side, to 0.5; scale: share "
        "of the side that is left, below 1; noise: standard deviation in grey levels, to 255; shift: share of the "
        "side, to 0.5; downscale: pixels of the side, smaller images stay as they are; rephotograph: to 1; "
        "social_media: pixels of the longer side at most. The side is the shorter one"
    )

    @model_validator(mode="after")
    def _in_range(self) -> Corruption:
        most = STRONGEST[self.kind]
        if self.strength > most or (self.kind == "scale" and self.strength == most):
            raise ValueError(f"strength of {self.kind} is {self.strength:g}, at most {most:g} makes sense")
        if self.kind in WHOLE_NUMBERS and self.strength != int(self.strength):
            raise ValueError(f"strength of {self.kind} is {WHOLE_NUMBERS[self.kind]}, not {self.strength:g}")
        return self
