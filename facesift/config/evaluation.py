"""Parameters of the evaluation: damaged images, other data sets, pictures and the report."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from facesift.config.damage import Corruption
from facesift.config.data import RawName, Source
from facesift.config.section import Count, Name, Section, Seed

IDENTITY = "identity"  # the images as they are: always tried, so never a name in the parameters


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


class LeaveOut(Section):
    """Which kinds of fakes are left out, one after the other."""

    inline: ClassVar[bool] = True
    by: Literal["difficulty", "part", "source"] = Field(
        description="difficulty, part: how hard a fake of RFF is to see, and the parts that were replaced, as its file "
        "name says; source: the data set it comes from"
    )
    folds: Annotated[int, Field(ge=3, le=50)] = Field(description="number of folds, as in `cross_fit`")


class Evaluation(Section):
    """Figures beside those of the test images."""

    cross_fit: dict[Name, Annotated[int, Field(ge=3, le=50)]] = Field(
        description="by any name the number of folds in which heads, stack and thresholds are fitted anew, so that "
        "every image of the study is judged by a committee that never saw it; for committees of heads; {}: none"
    )
    leave_out: dict[Name, LeaveOut] = Field(
        description="by any name how fakes are divided into kinds; heads, stack and thresholds are fitted anew without "
        "each kind, and judge it; for committees of heads; {}: none"
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
