"""What may happen to a photo on its way, as parameters: kinds of corruption and the range of each one's strength.

| kind | strength | range |
|---|---|---|
| jpeg | quality of the JPEG compression, a whole number | 1 to 100 |
| blur | standard deviation of the Gaussian, as a share of the image's side | above 0, to 0.5 |
| scale | share of the side that is left between scaling down and up again | above 0, below 1 |
| noise | standard deviation of Gaussian noise in grey levels of 0 to 255 | above 0, to 255 |
| shift | how far the crop is off to a corner, as a share of the side | above 0, to 0.5 |

Shares of the side mean the same at 64 and at 512 pixels.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from facesift.config.section import Count, Name, Positive, Section

IDENTITY = "identity"  # the images as they are: always tried, so never a name in the parameters
STRONGEST = {"jpeg": 100.0, "blur": 0.5, "scale": 1.0, "noise": 255.0, "shift": 0.5}


class Corruption(Section):
    """One kind of damage at one strength; the table above has units and ranges."""

    kind: Literal["jpeg", "blur", "scale", "noise", "shift"]
    strength: Positive

    @model_validator(mode="after")
    def _in_range(self) -> Corruption:
        most = STRONGEST[self.kind]
        if self.strength > most or (self.kind == "scale" and self.strength == most):
            raise ValueError(f"strength of {self.kind} is {self.strength:g}, at most {most:g} makes sense")
        if self.kind == "jpeg" and self.strength != int(self.strength):
            raise ValueError(f"strength of jpeg is a quality, a whole number from 1 to 100, not {self.strength:g}")
        return self


class Robustness(Section):
    """Which corruptions the test images are tried with, and on how many of them at most (null: all)."""

    images: Count | None
    corruptions: Annotated[dict[Name, Corruption], Field(min_length=1)]

    @model_validator(mode="after")
    def _identity_is_ours(self) -> Robustness:
        if IDENTITY in self.corruptions:
            raise ValueError(f"`corruptions.{IDENTITY}`: the images as they are are always tried; choose another name")
        return self
