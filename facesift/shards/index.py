"""The index of a shard folder: `index.json` lists the shards with their sizes, class counts and checksums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from facesift.core.classes import BINARY
from facesift.core.errors import FacesiftError
from facesift.core.files import read_json, write_json

INDEX = "index.json"
VERSION: Final = 1
REPAIR = "`dvc checkout` restores it, `dvc repro shard` rebuilds it"


class ShardEntry(BaseModel):
    """What the index says of one shard.

    Attributes:
        file: name of the file, for example `00000.h5`.
        images: number of images.
        counts: number of images of each class, by class number.
        bytes: size of the file.
        sha256: SHA-256 of the file, 64 hexadecimal digits.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    file: Annotated[str, Field(pattern=r"^\d{5,}\.h5$")]
    images: Annotated[int, Field(ge=1)]
    counts: list[Annotated[int, Field(ge=0)]]
    bytes: Annotated[int, Field(ge=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @model_validator(mode="after")
    def _counts_agree(self) -> ShardEntry:
        if sum(self.counts) != self.images:
            raise ValueError(f"{self.counts} images of each class are not {self.images} images")
        return self


class FeatureBlock(BaseModel):
    """A part of the features of an image.

    Attributes:
        view: the square that the backbone saw, see `images.views.squares_of`.
        pool: which of its outputs, see `config.backbones.Pool`.
        width: how many numbers.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    view: str
    pool: str
    width: Annotated[int, Field(ge=1)]


def block_slices(blocks: Sequence[FeatureBlock]) -> Mapping[tuple[str, str], slice]:
    """Return where the numbers of each square and pool are in the features of an image.

    >>> blocks = [FeatureBlock(view="whole", pool=pool, width=3) for pool in ("class", "mean")]
    >>> block_slices(blocks)["whole", "mean"]
    slice(3, 6, None)
    """
    places, start = {}, 0
    for block in blocks:
        places[block.view, block.pool] = slice(start, start + block.width)
        start += block.width
    return places


class FeatureCard(BaseModel):
    """What the features of a shard folder are.

    Attributes:
        backbone: name and parameters of the backbone that gave them.
        copies: damaged copies whose features follow those of each image.
        blocks: what the features of an image consist of, in their order.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    backbone: dict[str, Any]
    copies: Annotated[int, Field(ge=0)]
    blocks: Annotated[list[FeatureBlock], Field(min_length=1)]

    @property
    def width(self) -> int:
        """Numbers of an image's features."""
        return sum(block.width for block in self.blocks)


class ShardIndex(BaseModel):
    """The content of `index.json`.

    Attributes:
        version: of the format.
        image_size: side of the square images in pixels; of features, side of the backbone's input.
        classes: names of the classes, by number.
        shards: the shards in their order.
        features: what the features are; None: the shards hold images.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    version: Literal[1]
    image_size: Annotated[int, Field(ge=1)]
    classes: Annotated[list[str], Field(min_length=2)]
    shards: Annotated[list[ShardEntry], Field(min_length=1)]
    features: FeatureCard | None = None

    @property
    def value_shape(self) -> tuple[int, ...]:
        """Shape of what a member learns from: (image_size, image_size, 3), or (width,) of features."""
        return (self.image_size, self.image_size, 3) if self.features is None else (self.features.width,)


def read_index(folder: Path) -> ShardIndex:
    """Read and check the index of a shard folder.

    Args:
        folder: for example `data/shards/train`.

    Raises:
        FacesiftError: when the index is missing, damaged or of another version.
    """
    path = folder / INDEX
    if not path.is_file():
        raise FacesiftError(f"{path}: not found, so this is not a finished shard folder; {REPAIR}")
    tree = read_json(path, sealed=True)
    version = tree.get("version") if isinstance(tree, dict) else None
    if version != VERSION:
        raise FacesiftError(
            f"{path}: format version is {version!r}, this program reads {VERSION}; `dvc repro shard` rebuilds it"
        )
    try:
        return ShardIndex.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise FacesiftError(f"{path}: damaged at {key or 'top level'} ({first['msg']}); {REPAIR}") from None


def write_index(
    folder: Path,
    image_size: int,
    entries: list[ShardEntry],
    classes: tuple[str, ...] = BINARY,
    features: FeatureCard | None = None,
) -> ShardIndex:
    """Write the index of a finished shard folder.

    Args:
        folder: the folder with the shards.
        image_size: side of the square images in pixels; of features, side of the backbone's input.
        entries: the shards in their order.
        classes: names of the classes, by number.
        features: what the features are; None: the shards hold images.

    Returns:
        What was written.
    """
    index = ShardIndex(version=VERSION, image_size=image_size, classes=list(classes), shards=entries, features=features)
    write_json(folder / INDEX, index.model_dump(exclude=None if features else {"features"}), exact=True, sealed=True)
    return index
