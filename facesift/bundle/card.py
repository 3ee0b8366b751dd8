"""The bundle's card, `bundle.json`: its members, how it decides, and the size and hash of every file in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

from facesift.committee.rules import RULES
from facesift.config.backbones import ONNX, Backbone, Copies, Pool, View
from facesift.config.damage import Corruption
from facesift.config.data import Crop, ImageFormat
from facesift.config.section import Count, Name
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.files import read_json
from facesift.core.fingerprint import sha256
from facesift.images.crops import InputSquare
from facesift.shards.index import FeatureBlock

CARD, GRAPH, STACKER_FILE, REFERENCE = "bundle.json", "committee.onnx", "stacker.safetensors", "reference.json"
FACES = "faces.onnx"  # the face detector, in the bundles of committees that see faces
GRAPH_DATA = f"{GRAPH}.data"  # the weights of a graph that is too large for one file
SCHEMA: Final = 4
NO_COPIES = Copies(count=0, flip=0.0, scale=None, jpeg=None, blur=None, noise=None)  # they are for training
MEND = "`dvc pull models/committee` fetches it, `dvc repro export` writes it"

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
    formats: list[ImageFormat] = Field(list(get_args(ImageFormat)), min_length=1)  # older bundles have none

    @property
    def view(self) -> InputSquare:
        """Which part of an image the members see."""
        return InputSquare(self.image_size, self.resize, self.crop)


class CalibrationCard(Part):
    """What turns the stacker's margin into calibrated log-odds."""

    method: str
    temperature: Annotated[float, Field(gt=0)]
    bias: float


class PointCard(Part):
    """An operating point in calibrated log-odds: below `lo` not the positive class, from `hi` on it, between review."""

    lo: float
    hi: float


class StoppingWay(Part):
    """The stopping rule for one way to decide.

    Attributes:
        flagged: validation images that the whole committee stops or refers.
        threshold: null where too few images were flagged to fit one.
        test_asked: how often members are asked about the test images with the rule.
        test_of: how often without it.
        test_flagged: test images that the whole committee stops or refers.
        test_passed: those of them that the rule passes early.
    """

    flagged: int
    threshold: float | None
    test_asked: int
    test_of: int
    test_flagged: int
    test_passed: int


class StoppingCard(Part):
    """When to pass an image before all members have spoken (`stopping`), by voting rule and by operating point."""

    risk: Annotated[float, Field(gt=0, lt=1)]
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


class Card(Part):
    """The content of `bundle.json`; members stand in voting order."""

    version: Literal[4] = Field(alias="schema")
    study: Name
    classes: Annotated[list[Name], Field(min_length=2)]
    positive: Name
    members: Annotated[list[MemberCard], Field(min_length=1)]
    backbones: dict[Name, BackboneCard]
    image: ImageCard
    rule: str
    stability: StabilityCard | None
    points: dict[str, PointCard]
    calibration: CalibrationCard
    stopping: StoppingCard | None
    metrics: dict[str, Any]
    inputs: dict[str, Any]
    versions: dict[str, str]
    parity: dict[str, float | int]
    files: dict[FileName, FileCard]

    @model_validator(mode="after")
    def _consistent(self) -> Card:
        if self.positive not in self.classes:
            raise ValueError(f"positive is {self.positive!r}, which is not one of the classes {self.classes}")
        if self.rule not in RULES:
            raise ValueError(f"rule is {self.rule!r}; there are {', '.join(RULES)}")
        names = {member.name for member in self.members}
        if self.stopping is not None and not set(self.stopping.centre) == set(self.stopping.spread) == names:
            raise ValueError("stopping: centre and spread are not of the members")
        for member in self.members:
            if member.backbone is not None and member.backbone not in self.backbones:
                raise ValueError(f"backbones: {member.backbone} of member {member.name} is not there")
        return self

    @model_validator(mode="after")
    def _files_listed(self) -> Card:
        for name in (GRAPH, STACKER_FILE, REFERENCE, *([FACES] if self.image.crop.finds else [])):
            if name not in self.files:
                raise ValueError(f"files: {name} is not listed")
        files = {f"member {member.name}": (member.file, member.sha256) for member in self.members}
        files |= {f"backbone {name}": (each.file, each.sha256) for name, each in self.backbones.items()}
        for name, (file, digest) in files.items():
            listed = self.files.get(file)
            if listed is None or listed.sha256 != digest:
                raise ValueError(f"files: {file} of {name} is not listed with its hash")
        return self

    @property
    def class_names(self) -> Classes:
        """The classes in the order of their numbers, with the positive one."""
        return Classes(tuple(self.classes), self.positive)

    @property
    def member_names(self) -> list[str]:
        """Names of the members in voting order."""
        return [member.name for member in self.members]


def read_card(folder: Path) -> Card:
    """Read and check `folder/bundle.json`; `FacesiftError` names what is missing or wrong and what mends it."""
    path = folder / CARD
    if not path.is_file():
        raise FacesiftError(f"{path}: not found, so {folder} is no committee's bundle; {MEND}")
    tree = read_json(path)
    version = tree.get("schema") if isinstance(tree, dict) else None
    if version != SCHEMA:
        raise FacesiftError(f"{path}: schema is {version!r}, this program reads {SCHEMA}; {MEND}")
    try:
        return Card.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "top level"
        raise FacesiftError(
            f"{path}: damaged at {key} ({first['msg'].removeprefix('Value error, ')}); {MEND}"
        ) from None


def verify_files(folder: Path, card: Card) -> None:
    """Raise `FacesiftError` naming the first file of the bundle that is missing or not the one that was exported."""
    for name, listed in card.files.items():
        path = folder / name
        if not path.is_file():
            raise FacesiftError(f"{path}: listed in {CARD}, but not there; {MEND}")
        size = path.stat().st_size
        if size != listed.bytes:
            raise FacesiftError(f"{path}: {size} bytes instead of {listed.bytes}, so incomplete or foreign; {MEND}")
        if (digest := sha256(path)) != listed.sha256:
            raise FacesiftError(f"{path}: damaged or foreign, SHA-256 {digest} instead of {listed.sha256}; {MEND}")
