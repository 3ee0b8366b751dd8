"""Which images make a study, and how they are read, divided and stored: the data's part of the parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from facesift.sections import Count, Fraction, Name, Ratio, Section, Seed

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


class Data(Section):
    """Which raw files make the study, and the square images in the shards: squished, or cropped to the middle."""

    raw: RawName
    sources: Annotated[dict[Name, Source], Field(min_length=1)]
    image_size: Annotated[int, Field(ge=8, le=1024)]
    resize: Literal["squish", "crop"] = "squish"


class Elsewhere(Section):
    """Another data set, below `data/raw/<raw>/`, that the trained committee is tried on."""

    raw: RawName
    sources: Annotated[dict[Name, Source], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_labelled(self) -> Elsewhere:
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
