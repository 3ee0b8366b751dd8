"""Every knob of a study, with its type and range. `params.yaml` says what each one means.

Loading fails on the first look, naming the key, the value and what is allowed: an unknown key, a wrong type or a value
out of range never reaches a stage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from facesift.errors import FacesiftError

# YAML 1.1 reads 1e-3 as text and DVC writes floats that way, so numbers alone may be given as text.
Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Ratio = Annotated[Number, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Section(BaseModel):
    """A part of the parameters: unknown keys and silent conversions are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Portraits(Section):
    """The embedded data set: how many images of how many pixels a side."""

    real: Count
    fake: Count
    size: Annotated[int, Field(ge=48, le=1024)]
    seed: Seed


class Source(Section):
    """How to recognise the files of one data set below `data/raw/<raw>/`."""

    layout: Literal["rff", "one_class", "class_folders"]
    within: str = "*"
    folder: str | None = None
    label: Literal["real", "fake"] | None = None

    @model_validator(mode="after")
    def _one_class_needs_folder_and_label(self) -> Source:
        given = [value is not None for value in (self.folder, self.label)]
        if given != [self.layout == "one_class"] * 2:
            raise ValueError("`folder` and `label` go with `layout: one_class`, and with it alone")
        return self


class Data(Section):
    """Which raw files make the study, and the side of the square images in the shards."""

    raw: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
    sources: Annotated[dict[Name, Source], Field(min_length=1)]
    image_size: Annotated[int, Field(ge=8, le=1024)]


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
    """How images are dealt to train, validation and test."""

    fractions: Fractions
    near_duplicate_bits: Annotated[int, Field(ge=0, le=64)]  # of 256
    predefined: bool


class Shard(Section):
    """Most images in one HDF5 shard."""

    images: Annotated[int, Field(ge=2)]


class Resample(Section):
    """SMOTE, then random undersampling; ratios are fakes per real, as imbalanced-learn takes them."""

    scope: Literal["none", "shard", "split"]
    smote: Ratio | None = None
    undersample: Ratio | None = None
    neighbours: Count = 5

    @model_validator(mode="after")
    def _consistent(self) -> Resample:
        given = self.smote is not None or self.undersample is not None
        if given == (self.scope == "none"):
            raise ValueError("`scope: none` goes without `smote` and `undersample`, every other scope needs one")
        if self.smote and self.undersample and self.undersample < self.smote:
            raise ValueError(f"`undersample` ({self.undersample:g}) may not be below `smote` ({self.smote:g})")
        return self


class CrossEntropy(Section):
    """Cross entropy."""

    name: Literal["cross_entropy"]


class Focal(Section):
    """Focal loss: `gamma` turns to hard images, `alpha` weighs the right class's output."""

    name: Literal["focal"]
    gamma: Annotated[Number, Field(ge=0)]
    alpha: Fraction


class Architecture(Section):
    """A network by name, and the arguments it is built with."""

    name: Annotated[str, Field(pattern=r"^(timm:.+|convnext_thesis)$")]
    arguments: dict[str, Any] = {}


class Optimizer(Section):
    """How weights move; `momentum` is for SGD."""

    name: Literal["sgd", "adam", "adamw"]
    lr: Positive
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    momentum: Annotated[Number, Field(ge=0, lt=1)] = 0.9


class Schedule(Section):
    """How the learning rate changes over the epochs."""

    name: Literal["constant", "cosine"]
    warmup_epochs: Annotated[int, Field(ge=0)] = 0


class Augment(Section):
    """What is drawn anew for every training image in every epoch."""

    flip: Fraction = 0.0
    rotate: Annotated[Number, Field(ge=0, le=180)] = 0.0
    shift: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    jitter: Annotated[Number, Field(ge=0, lt=1)] = 0.0


class Member(Section):
    """One base classifier of the committee."""

    seed: Seed
    architecture: Architecture
    resample: Resample
    loss: Annotated[CrossEntropy | Focal, Field(discriminator="name")]
    optimizer: Optimizer
    schedule: Schedule
    epochs: Count
    batch_size: Count
    augment: Augment


class Trainer(Section):
    """What the training runs on."""

    accelerator: Literal["auto", "cpu", "gpu", "mps"]
    devices: Count
    precision: Literal["32-true", "16-mixed", "bf16-mixed"]
    window_shards: Count


class Stack(Section):
    """How the stacked ensemble is fitted."""

    fit_on: Literal["val", "train_plan"]
    seed: Seed
    folds: Annotated[int, Field(ge=2)]
    c: Positive
    fake_to_real: Ratio | None
    resample: Resample
    optimizer: Optimizer
    epochs: Count
    batch_size: Count


class Vote(Section):
    """The rule that `data/decisions.parquet` follows."""

    rule: Literal["any_fake", "majority", "soft", "unanimous"]


class Params(Section):
    """All parameters of a study."""

    study: Name
    seed: Seed
    jobs: Literal[-1] | Count
    classes: list[Literal["real", "fake"]]
    portraits: Portraits
    data: Data
    ingest: Ingest
    split: Split
    shard: Shard
    members: Annotated[dict[Name, Member], Field(min_length=1)]
    trainer: Trainer
    stack: Stack
    vote: Vote

    @model_validator(mode="after")
    def _consistent(self) -> Params:
        if self.classes != ["real", "fake"]:
            raise ValueError(f"`classes` is {self.classes}; this pipeline decides between [real, fake], in this order")
        if "stacker" in self.members:
            raise ValueError("`members.stacker`: this name is the stacked ensemble's; choose another")
        return self


def _explain(problem: Any) -> str:
    """Turn one pydantic error into `key: what is wrong (got value)`."""
    key = ".".join(str(part) for part in problem["loc"] if part not in ("cross_entropy", "focal"))
    if problem["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    if problem["type"] == "missing":
        return f"{key}: missing"
    message = problem["msg"].removeprefix("Value error, ")
    got = "" if isinstance(problem["input"], dict) else f" (got {problem['input']!r})"
    return f"{key or 'top level'}: {message}{got}"


def parse_params(tree: Any, origin: str = "params.yaml") -> Params:
    """Validate a parameter tree; `FacesiftError` lists every key that is wrong, its value and what is allowed."""
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        lines = [f"  {_explain(problem)}" for problem in error.errors()]
        raise FacesiftError("\n".join([f"{origin}: {len(lines)} wrong:", *lines])) from None


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate a parameter file; see `parse_params`."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FacesiftError(f"{path}: cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise FacesiftError(f"{path}: not valid YAML: {error}") from error
    return parse_params(tree, str(path))
