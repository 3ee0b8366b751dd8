"""Which images make a study, and how they are read, divided and stored: the data's part of the parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from facesift.config.section import Count, Fraction, Name, Number, Ratio, Section, Seed

RawName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]


class Portraits(Section):
    """The embedded data set: how many images of how many pixels a side."""

    real: Count
    fake: Count
    size: Annotated[int, Field(ge=48, le=1024)]
    seed: Seed


class Source(Section):
    """How to recognise the files of one data set below `data/raw/<raw>/`."""

    layout: Literal["rff", "one_class", "class_folders", "csv", "reviewed"]
    within: str = "*"
    folder: str | None = None
    label: Name | None = None
    csv: str | None = None

    @model_validator(mode="after")
    def _layout_has_its_keys(self) -> Source:
        given = {key for key in ("folder", "label", "csv") if getattr(self, key) is not None}
        needed = {"one_class": {"folder", "label"}, "csv": {"folder", "csv"}, "reviewed": {"folder"}}.get(
            self.layout, set()
        )
        if given != needed:
            wanted = f"needs {' and '.join(sorted(needed))}" if needed else "needs no folder, label or csv"
            raise ValueError(f"`layout: {self.layout}` {wanted}; given: {', '.join(sorted(given)) or 'none'}")
        return self


class Centre(Section):
    """A square: its middle in shares of the image's width and height, its side in shares of the shorter of them."""

    x: Fraction
    y: Fraction
    side: Ratio


class Crop(Section):
    """Which part of an image the members see: the whole, the square `centre`, or a square around the face found in it.

    `margin` is added on each side, in sides of the face's box. `unfound`: an image without a face that the detector is
    at least `min_score` sure of is cut at the `centre`, has that and goes to a person (`review`), or is left out.
    """

    method: Literal["none", "centre", "face"]
    margin: Annotated[Number, Field(ge=0, le=2)]
    centre: Centre
    unfound: Literal["centre", "review", "quarantine"]
    min_score: Ratio

    @property
    def finds(self) -> bool:
        """Whether faces are looked for."""
        return self.method == "face"

    @property
    def refers(self) -> bool:
        """Whether a person decides images without a face."""
        return self.finds and self.unfound == "review"


WHOLE = Crop(method="none", margin=0, centre=Centre(x=0.5, y=0.5, side=1), unfound="centre", min_score=1)


class Data(Section):
    """Which raw files make the study, and which part of them in which size is in the shards.

    `resize`: how an image becomes square that is not cut (`crop.method: none`), squished or its middle.
    """

    raw: RawName
    sources: Annotated[dict[Name, Source], Field(min_length=1)]
    image_size: Annotated[int, Field(ge=8, le=1024)]
    resize: Literal["squish", "crop"] = "squish"
    crop: Crop


class CrossTest(Section):
    """Another data set, below `data/raw/<raw>/`, that the trained committee is tried on."""

    raw: RawName
    sources: Annotated[dict[Name, Source], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_labelled(self) -> CrossTest:
        if any(source.layout == "reviewed" for source in self.sources.values()):
            raise ValueError("`layout: reviewed` is for `data.sources`: answers are read when the study is ingested")
        return self


class Ingest(Section):
    """When a file is bad, and how many bad ones are too many."""

    max_bad_fraction: Fraction
    max_pixels: Count
    max_bytes: Count


class Fractions(Section):
    """Shares of the three splits."""

    train: Ratio
    val: Ratio
    test: Ratio

    @model_validator(mode="after")
    def _sum_to_one(self) -> Fractions:
        if abs(self.train + self.val + self.test - 1) > 1e-9:
            raise ValueError(f"train + val + test is {self.train + self.val + self.test:g}, not 1")
        return self


class Split(Section):
    """How images are dealt to train, validation and test; `limit`: of a class, use so many images at the most."""

    fractions: Fractions
    near_duplicate_bits: Annotated[int, Field(ge=0, le=64)]  # of 256
    predefined: bool
    limit: dict[Name, Count] = Field(default_factory=dict)


class Shard(Section):
    """Most images in one HDF5 shard."""

    images: Annotated[int, Field(ge=2)]
