"""The parts of the bundle's card: members, backbones, images, calibration, points, stopping and files."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from facesift.config.backbones import ONNX, Backbone, Copies, Pool, View
from facesift.config.damage import Corruption
from facesift.config.data import Crop, ImageFormat
from facesift.config.quality import Quality
from facesift.config.section import Count, Name
from facesift.images.crops import InputSquare
from facesift.shards.index import FeatureBlock

NO_COPIES = Copies(count=0, flip=0.0, scale=None, jpeg=None, blur=None, noise=None)  # they are for training

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# A number as text: JSON files have six digits here, and the features of int8 networks change with the seventh.
Exact = Annotated[float, Field(strict=False), PlainSerializer(repr, return_type=str)]
FileName = Annotated[
    str, Field(pattern=r"^(members/|backbones/)?[A-Za-z][A-Za-z0-9_]*(\.[a-z]+)+$")
]  # never outside the bundle


class Part(BaseModel):
    """A part of the card: unknown keys and silent conversions are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MemberCard(Part):
    """A voting member: its weights file, and what they were trained for.

    Attributes:
        backbone: name of the backbone whose features it sees; null: it sees pixels.
    """

    name: Name
    backbone: Name | None
    architecture: dict[str, Any]
    batch_size: Count
    preprocessing: dict[str, Any]
    file: FileName
    sha256: Digest


class BackboneCard(Part):
    """A frozen network whose features heads see: an ONNX file, and what it is shown of an image.

    Attributes:
        name: of the network in the study's parameters, such as `timm:NAME`.
        views: see `config.backbones.Backbone`; so are `centre`, `pool`, `mean` and `std`.
        side: of its input in pixels.
        blocks: what the features of an image consist of, in their order.
        file: the ONNX file.
        sha256: its hash.
    """

    name: str
    views: Annotated[list[View], Field(min_length=1)]
    centre: Exact
    pool: Annotated[list[Pool], Field(min_length=1)]
    mean: list[Exact]
    std: list[Exact]
    side: Count
    blocks: Annotated[list[FeatureBlock], Field(min_length=1)]
    file: FileName
    sha256: Digest

    @property
    def width(self) -> int:
        """Numbers of an image's features."""
        return sum(block.width for block in self.blocks)

    @property
    def spec(self) -> Backbone:
        """The parameters of the backbone as it is in the bundle."""
        return Backbone(
            name=f"{ONNX}{self.file}", pretrained=False, checkpoint=None, package=None, views=self.views,
            centre=self.centre, pool=self.pool, mean=self.mean, std=self.std, copies=NO_COPIES,
        )  # fmt: skip


class ImageCard(Part):
    """How an image file becomes the square that the members see, and which files are refused."""

    image_size: Count
    resize: Literal["squish", "crop"]
    crop: Crop
    max_pixels: Count
    max_bytes: Count
    quality: Quality | None = None  # older bundles do not judge photos
    formats: list[ImageFormat] = Field(list(get_args(ImageFormat)), min_length=1)  # older bundles have none

    @property
    def view(self) -> InputSquare:
        """Which part of an image the members see."""
        return InputSquare(self.image_size, self.resize, self.crop)


class CalibrationCard(Part):
    """What turns the stacker's margin into calibrated log-odds.

    Attributes:
        prevalence: share of the positive class at which the calibrated probability holds; None where no share is known,
            as after a temperature.
    """

    method: str
    temperature: Annotated[float, Field(gt=0)]
    bias: float
    prevalence: Annotated[float, Field(gt=0, lt=1)] | None


class PointCard(Part):
    """An operating point in calibrated log-odds: below `lo` not the positive class, from `hi` on it, between review."""

    lo: float
    hi: float


class StoppingWay(Part):
    """The stopping rule for one way to decide.

    Attributes:
        flagged: validation images that the whole committee stops or refers; groups of near-duplicates count once.
        threshold: null where too few images were flagged to fit one.
        test_asked: how often members are asked about the test images with the rule.
        test_of: how often without it.
        test_flagged: test images that the whole committee stops or refers.
        test_passed: those of them that the rule passes early.
        test_fakes: fakes among those that the whole committee stops or refers; null: in older bundles, not counted.
        test_fakes_passed: fakes among those that the rule passes early.
    """

    flagged: int
    threshold: float | None
    test_asked: int
    test_of: int
    test_flagged: int
    test_passed: int
    test_fakes: int | None = None
    test_fakes_passed: int | None = None


class StoppingCard(Part):
    """When to pass an image before all members have spoken (`stopping`), by voting rule and by operating point.

    Attributes:
        risk: see `committee.stopping.StoppingPromise`; so is `confidence`.
    """

    risk: Annotated[float, Field(gt=0, lt=1)]
    confidence: Annotated[float, Field(gt=0, lt=1)] | None = None
    centre: dict[Name, float]
    spread: dict[Name, Annotated[float, Field(gt=0)]]
    rules: dict[str, StoppingWay]
    points: dict[str, StoppingWay]


class StabilityCard(Part):
    """The damages that a voting rule's decisions must survive, and which decisions (`stability`)."""

    must_hold: Literal["all", "positive", "others"]
    mild_damage: Annotated[dict[Name, Corruption], Field(min_length=1)]


class FileCard(Part):
    """Size and hash of one file."""

    bytes: Count
    sha256: Digest
