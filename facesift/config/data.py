"""Which images make a study, and how they are read, divided and stored."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from facesift.config.section import Count, Fraction, Name, Number, Ratio, Section, Seed

ImageFormat = Literal["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "TIFF", "PPM", "JPEG2000"]
RawName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]


class Portraits(Section):
    """A data set of drawn portraits."""

    inline: ClassVar[bool] = True
    real: Count = Field(description="real images")
    fake: Count = Field(description="fake images")
    size: Annotated[int, Field(ge=48, le=1024)] = Field(description="pixels a side")
    seed: Seed = Field(description="of the drawing")


class ByFolder(Section):
    """Images in one folder belong together."""

    inline: ClassVar[bool] = True
    by: Literal["folder"] = Field(description="the images that lie directly in one folder belong together")


class ByPath(Section):
    """Images whose paths have the same text at a place belong together."""

    inline: ClassVar[bool] = True
    by: Literal["path"] = Field(description="the images for which `pattern` finds the same text belong together")
    pattern: str = Field(
        description="regular expression, searched in the path below the zip or data/raw/<raw>/; what its first (...) "
        "finds, or all of it, is the group"
    )

    @field_validator("pattern")
    @classmethod
    def _is_an_expression(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return pattern


class ByColumn(Section):
    """Images with the same value in the label table belong together."""

    inline: ClassVar[bool] = True
    by: Literal["column"] = Field(description="layout csv: the images with the same value in `column` belong together")
    column: str = Field(description="column of the label table; an image with nothing in it is alone")


Grouping = Annotated[ByFolder | ByPath | ByColumn, Field(discriminator="by")]


class Columns(Section):
    """Which columns of a label table are read."""

    inline: ClassVar[bool] = True
    id: str = Field(description="column of the images' names or paths; parquet: the column of the images themselves")
    label: str = Field(description="column of the labels")


class Source(Section):
    """How to recognise the files of one data set below `data/raw/<raw>/`."""

    inline: ClassVar[bool] = True
    layout: Literal["rff", "one_class", "class_folders", "csv", "webdataset", "parquet", "reviewed"] = Field(
        description="rff: folders training_real and training_fake; one_class: all images below `folder` are `label`; "
        "class_folders: a folder for each class, also below train, test or val; csv: images in `folder`, labels in "
        "the file `csv`; webdataset: beside each image, in a tar or folder, a file of the same name with its label "
        "(.cls, .json); parquet: images and labels in Parquet files; reviewed: images in `folder`, labels are the "
        "answers in data/reviews, undecided images are left out"
    )
    within: str = Field(description='only zips or folders of data/raw/<raw>/ with such a name; "*": any')
    exclude: list[str] = Field(
        description="files that are no data of this source: globs of their paths, such as **/masks/**"
    )
    folder: str | None = Field(
        description="one_class and reviewed: folder that holds the images; csv: the same, null: any; else null"
    )
    label: Name | None = Field(description="one_class: the class of all its images; else null")
    csv: str | None = Field(
        description="csv: file of the labels, such as train.csv, metadata.jsonl, FF-DF.json or labels*.parquet; else "
        "null"
    )
    columns: Columns | None = Field(
        description="csv and parquet: the columns that are read; null: `file_name`, `path` or `id` (parquet: the first "
        "with images), and `label`"
    )
    aliases: dict[Name, list[str]] = Field(
        description="for a class, what the source calls it: names of folders or labels, in any case, maybe with *, "
        "such as {fake: [1_fake, manipulated*]}"
    )
    group: Grouping | None = Field(
        description="which of its images belong together, such as those of one person or clip, and stay in one split; "
        "null: near-duplicates alone"
    )

    @model_validator(mode="after")
    def _layout_has_its_keys(self) -> Source:
        given = {key for key in ("folder", "label", "csv") if getattr(self, key) is not None}
        needed = {"one_class": {"folder", "label"}, "csv": {"csv"}, "reviewed": {"folder"}}.get(self.layout, set())
        allowed = needed | ({"folder"} if self.layout == "csv" else set())
        if not needed <= given <= allowed:
            wanted = f"needs {' and '.join(sorted(needed))}" if needed else "needs no folder, label or csv"
            raise ValueError(f"`layout: {self.layout}` {wanted}; given: {', '.join(sorted(given)) or 'none'}")
        if self.columns is not None and self.layout not in ("csv", "parquet"):
            raise ValueError(f"`columns` needs `layout: csv` or `parquet`, which have a table; given: {self.layout}")
        if self.aliases and self.layout in ("rff", "one_class", "reviewed"):
            raise ValueError(f"`aliases` is for layouts with names of classes, not for `layout: {self.layout}`")
        paths = [name for names in self.aliases.values() for name in names if "/" in name or "\\" in name]
        if paths and self.layout == "class_folders":
            raise ValueError(f"`aliases` are names of single folders, not paths; given: {', '.join(paths)}")
        if isinstance(self.group, ByColumn) and self.layout != "csv":
            raise ValueError(f"`group: {{by: column}}` needs `layout: csv`, which has a table; given: {self.layout}")
        return self

    @field_validator("aliases", mode="before")
    @classmethod
    def _numbers_are_names(cls, aliases: Any) -> Any:
        """Take 0 and 1, which YAML reads as numbers, for the labels `0` and `1`."""
        if not isinstance(aliases, dict):
            return aliases
        return {
            label: [str(name) if type(name) is int else name for name in names] if isinstance(names, list) else names
            for label, names in aliases.items()
        }


class Centre(Section):
    """The square that `method: centre` cuts out of every image."""

    inline: ClassVar[bool] = True
    x: Fraction = Field(description="middle of the square, as a share of the image's width")
    y: Fraction = Field(description="middle of the square, as a share of the image's height")
    side: Ratio = Field(description="side of the square, as a share of the image's shorter side")


class Crop(Section):
    """Which part of an image the members see."""

    method: Literal["none", "centre", "face"] = Field(
        description="none: the whole image; centre: the same square of every image; face: a square around the face "
        "that is found"
    )
    margin: Annotated[Number, Field(ge=0, le=2)] = Field(
        description="face: added on each side, in sides of the face's box, as far as the image goes"
    )
    centre: Centre = Field(description="the square of method centre, and of images without a face")
    unfound: Literal["centre", "review", "quarantine"] = Field(
        description="face: an image without one is cut at the centre, cut there and sent to a person, or left out"
    )
    min_score: Ratio = Field(description="face: how sure the detector has to be")

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
    """Which raw files make the study, and which part of them in which size is in the shards."""

    raw: RawName = Field(description="folder below data/raw/ that holds the downloads, zipped or unpacked")
    sources: Annotated[dict[Name, Source], Field(min_length=1)] = Field(description="data sets by name")
    image_size: Annotated[int, Field(ge=8, le=1024)] = Field(description="pixels a side in the shards")
    resize: Literal["squish", "crop"] = Field(
        description="how an uncut image becomes square; squish: all of it; crop: its middle square"
    )
    crop: Crop = Field(description="which part of an image the members see")


class Ingest(Section):
    """When a file is bad, and how many bad ones are too many."""

    formats: Annotated[list[ImageFormat], Field(min_length=1)] = Field(
        description="image formats that are read (JPEG: MPO, too); a file of another one is refused"
    )
    max_bad_fraction: Fraction = Field(
        description="stop when more than this share of the files of a class cannot be used"
    )
    max_unmatched: Annotated[int, Field(ge=0)] = Field(description="stop when more rows of a label table have no image")
    max_pixels: Count = Field(description="an image with more pixels is refused before it is decoded")
    max_bytes: Count = Field(description="a larger file is refused")


class Fractions(Section):
    """Shares of the three splits."""

    inline: ClassVar[bool] = True
    train: Ratio = Field(description="share of the images to train with")
    val: Ratio = Field(description="share to validate with: thresholds and the stacker are fitted on it")
    test: Ratio = Field(description="share to test with; the three sum to 1")

    @model_validator(mode="after")
    def _sum_to_one(self) -> Fractions:
        if abs(self.train + self.val + self.test - 1) > 1e-9:
            raise ValueError(f"train + val + test is {self.train + self.val + self.test:g}, not 1")
        return self


class Split(Section):
    """How images are divided into train, validation and test."""

    fractions: Fractions = Field(description="shares of the three splits")
    near_duplicate_bits: Annotated[int, Field(ge=0, le=64)] = Field(
        description="images whose perceptual hashes differ in at most so many of 256 bits stay in one split, if their "
        "thumbnails agree too"
    )
    near_duplicate_agreement: Fraction = Field(
        description="how far the thumbnails of such images have to agree, part by part; 1: fully; 0: the hashes decide"
    )
    predefined: bool = Field(description="true: keep the train, test and val folders of the download")
    limit: dict[Name, Count] = Field(
        description="most images of a class to use, drawn by the seed, such as {fake: 90}; {}: all"
    )


class Shard(Section):
    """How images are stored for training."""

    images: Annotated[int, Field(ge=2)] = Field(
        description="most images in one HDF5 shard; SMOTE by shard needs more fakes in each than `neighbours`"
    )
