"""The bundle's card, `bundle.json`: its members, how it decides, and the size and hash of every file in it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from facesift.bundle.card_parts import (
    BackboneCard,
    CalibrationCard,
    FileCard,
    FileName,
    ImageCard,
    MemberCard,
    Part,
    PointCard,
    StabilityCard,
    StoppingCard,
)
from facesift.committee.rules import RULES
from facesift.config.section import Name
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.files import read_json
from facesift.core.fingerprint import sha256

CARD, GRAPH, STACKER_FILE, REFERENCE = "bundle.json", "committee.onnx", "stacker.safetensors", "reference.json"
FACES = "faces.onnx"  # the face detector, in the bundles of committees that see faces
GRAPH_DATA = f"{GRAPH}.data"  # the weights of a graph that is too large for one file
MODEL_CARD, DATA_CARD = "MODEL_CARD.md", "DATA_CARD.md"  # for people
SCHEMA: Final = 6
MEND = "`dvc pull models/committee` fetches it, `dvc repro export` writes it"


class Card(Part):
    """The content of `bundle.json`; members stand in voting order."""

    version: Literal[6] = Field(alias="schema")
    study: Name
    classes: Annotated[list[Name], Field(min_length=2)]
    positive: Name
    members: Annotated[list[MemberCard], Field(min_length=1)]
    backbones: dict[Name, BackboneCard]
    image: ImageCard
    rule: str
    stability: StabilityCard | None
    points: dict[str, PointCard]
    not_offered: dict[str, str] = Field(default_factory=dict)  # other points, and why they are not offered
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
        return Card.model_validate(read_json(path, sealed=True, remedy=MEND))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "top level"
        raise FacesiftError(
            f"{path}: damaged at {key} ({first['msg'].removeprefix('Value error, ')}); {MEND}"
        ) from None


def verify_files(folder: Path, card: Card, names: Iterable[str] | None = None) -> None:
    """Compare files of a bundle with the card.

    Args:
        folder: the bundle.
        card: its card.
        names: of the files; None: all.

    Raises:
        FacesiftError: naming the first file that is missing or not the one that was exported.
    """
    for name in card.files if names is None else names:
        path, listed = folder / name, card.files[name]
        if not path.is_file():
            raise FacesiftError(f"{path}: listed in {CARD}, but not there; {MEND}")
        size = path.stat().st_size
        if size != listed.bytes:
            raise FacesiftError(f"{path}: {size} bytes instead of {listed.bytes}, so incomplete or foreign; {MEND}")
        if (digest := sha256(path)) != listed.sha256:
            raise FacesiftError(f"{path}: damaged or foreign, SHA-256 {digest} instead of {listed.sha256}; {MEND}")


def bundle_hash(folder: Path) -> str:
    """Hash a whole bundle: the SHA-256 of its card.

    The card holds the hash of every other file, and of itself; both are compared when a committee is loaded. So the
    hash changes with any file, and `sha256sum bundle.json` prints it.

    Args:
        folder: the bundle.

    Returns:
        64 hexadecimal digits.
    """
    return sha256(folder / CARD)
