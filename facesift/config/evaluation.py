"""Parameters of the evaluation: damaged images, other data sets, pictures and the report."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from facesift.config.data import RawName, Source
from facesift.config.section import Count, Name, Positive, Section, Seed

IDENTITY = "identity"  # the images as they are: always tried, so never a name in the parameters
STRONGEST = {"jpeg": 100.0, "blur": 0.5, "scale": 1.0, "noise": 255.0, "shift": 0.5}


class Corruption(Section):
    """One kind of damage at one strength; shares of the side mean the same at 64 and at 512 pixels."""

    inline: ClassVar[bool] = True
    kind: Literal["jpeg", "blur", "scale", "noise", "shift"] = Field(
        description="jpeg: compressed; blur: Gaussian blur; scale: scaled down and up again; noise: Gaussian noise; "
        "shift: the crop is off to a corner"
    )
    strength: Positive = Field(
        description="jpeg: quality, 1 to 100; blur: standard deviation as a share of the side, to 0.5; scale: share "
        "of the side that is left, below 1; noise: standard deviation in grey levels, to 255; shift: share of the "
        "side, to 0.5"
    )

    @model_validator(mode="after")
    def _in_range(self) -> Corruption:
        most = STRONGEST[self.kind]
        if self.strength > most or (self.kind == "scale" and self.strength == most):
            raise ValueError(f"strength of {self.kind} is {self.strength:g}, at most {most:g} makes sense")
        if self.kind == "jpeg" and self.strength != int(self.strength):
            raise ValueError(f"strength of jpeg is a quality, a whole number from 1 to 100, not {self.strength:g}")
        return self


class Robustness(Section):
    """Which corruptions the test images are tried with, at the resolution of the shards."""

    images: Count | None = Field(
        description="test images to try at most: all positive ones, others drawn by the seed; null: all"
    )
    corruptions: Annotated[dict[Name, Corruption], Field(min_length=1)] = Field(description="corruptions by name")

    @model_validator(mode="after")
    def _identity_is_ours(self) -> Robustness:
        if IDENTITY in self.corruptions:
            raise ValueError(f"`corruptions.{IDENTITY}`: the images as they are are always tried; choose another name")
        return self


class CrossTest(Section):
    """Another data set that the trained committee is tried on."""

    inline: ClassVar[bool] = True
    raw: RawName = Field(description="folder below data/raw/ that holds the data set")
    sources: Annotated[dict[Name, Source], Field(min_length=1)] = Field(description="as in `data.sources`")

    @model_validator(mode="after")
    def _is_labelled(self) -> CrossTest:
        if any(source.layout == "reviewed" for source in self.sources.values()):
            raise ValueError("`layout: reviewed` is for `data.sources`: answers are read when the study is ingested")
        return self


class Evaluation(Section):
    """Figures beside those of the test images."""

    cross_fit: dict[Name, Annotated[int, Field(ge=3, le=50)]] = Field(
        description="by any name the number of folds in which heads, stack and thresholds are fitted anew, so that "
        "every image of the study is judged by a committee that never saw it; for committees of heads; {}: none"
    )


class Pictures(Section):
    """The pictures to look at, in data/pictures/; they show faces of the study and are not in git."""

    points: Annotated[int, Field(ge=10, le=10_000)] = Field(
        description="test images in each t-SNE, the positive ones first"
    )
    samples: Annotated[int, Field(ge=1, le=12)] = Field(description="images of each class in a grid")
    seed: Seed = Field(description="of the images that are drawn, their augmentation and t-SNE")


class Report(Section):
    """The page report/index.html; it shows test images of the study and is not in git."""

    examples: Annotated[int, Field(ge=0, le=100)] = Field(description="images of each outcome at most")
