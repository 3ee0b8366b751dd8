"""Every knob of a study, with its type and range. `params.yaml` says what each one means.

Loading fails on the first look, naming the key, the value and what is allowed: an unknown key, a wrong type or a value
out of range never reaches a stage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from facesift.config.data import CrossTest, Data, Ingest, Portraits, Shard, Split
from facesift.config.export import Export
from facesift.config.machines import Parallel, Trainer
from facesift.config.members import Member, Optimizer, Resample
from facesift.config.operation import Calibration, Cost, Operating
from facesift.config.robustness import Robustness
from facesift.config.section import Count, Name, Positive, Ratio, Section, Seed
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError


class Stack(Section):
    """How the stacked ensemble is fitted.

    `sources`: images of all sources weigh alike (`as_they_come`); images of other classes than the positive one weigh
    as much in the positives' own sources as in all others (`balanced`); images of other sources are left out (`own`).
    """

    fit_on: Literal["val", "train_plan"]
    sources: Literal["as_they_come", "balanced", "own"]
    seed: Seed
    folds: Annotated[int, Field(ge=2)]
    c: Positive
    fake_to_real: Ratio | None
    class_weights: list[Positive] | None = None
    resample: Resample
    optimizer: Optimizer
    epochs: Count
    batch_size: Count

    @model_validator(mode="after")
    def _weighs_validation(self) -> Stack:
        if self.fit_on == "train_plan" and self.sources != "as_they_come":
            raise ValueError(
                f"`sources: {self.sources}` goes with `fit_on: val`; with train_plan the plan (`resample`) decides "
                "what weighs, and it keeps no sources: use `sources: as_they_come`"
            )
        return self


class Vote(Section):
    """The rule that `data/decisions.parquet` follows."""

    rule: Literal["any_fake", "majority", "soft", "unanimous"]


class Report(Section):
    """The page: at most so many `examples` of each outcome."""

    examples: Annotated[int, Field(ge=0, le=100)]


class Pictures(Section):
    """The pictures to look at: `points` test images a t-SNE, `samples` images of each class in a grid."""

    points: Annotated[int, Field(ge=10, le=10_000)]
    samples: Annotated[int, Field(ge=1, le=12)]
    seed: Seed


class Params(Section):
    """All parameters of a study."""

    study: Name
    seed: Seed
    parallel: Parallel
    classes: Annotated[list[Name], Field(min_length=2)]
    positive: Name
    drawn: dict[Name, Portraits]
    data: Data
    ingest: Ingest
    split: Split
    shard: Shard
    members: Annotated[dict[Name, Member], Field(min_length=1)]
    trainer: Trainer
    stack: Stack
    vote: Vote
    robustness: Robustness
    calibration: Calibration
    cost: Cost
    operating: Operating
    export: Export
    prevalence: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)]
    pictures: Pictures
    report: Report
    cross_test: dict[Name, CrossTest] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Params:
        if len(set(self.classes)) < len(self.classes) or "review" in self.classes:
            raise ValueError(f"`classes` is {self.classes}: each name once, and none may be `review`")
        if self.positive not in self.classes:
            raise ValueError(f"`positive` is {self.positive!r}, which is not one of `classes` ({self.classes})")
        if "stacker" in self.members:
            raise ValueError("`members.stacker`: this name is the stacked ensemble's; choose another")
        if not self.voting:
            raise ValueError("`members`: none of them votes (`votes: false` is for yardsticks)")
        for key, resample in self._resamples():
            self._resample_fits(key, resample)
        for name, source in self.data.sources.items():
            if source.layout == "rff" and self.classes != ["real", "fake"]:
                raise ValueError(f"`data.sources.{name}`: layout rff is of the classes [real, fake], in this order")
            if source.label is not None and source.label not in self.classes:
                raise ValueError(f"`data.sources.{name}.label` is {source.label!r}, not one of {self.classes}")
        return self

    @property
    def voting(self) -> list[str]:
        """Names of the members that vote: all but the yardsticks."""
        return [name for name, member in self.members.items() if member.votes]

    @property
    def class_names(self) -> Classes:
        """The classes in the order of their numbers, with the positive one."""
        return Classes(tuple(self.classes), self.positive)

    def _resample_fits(self, key: str, resample: Resample) -> None:
        if len(self.classes) > 2 and resample.scope != "none":
            raise ValueError(f"`{key}`: SMOTE and undersampling ratios are for two classes; use `scope: none`")
        if resample.forge and self.positive != self.classes[1]:
            raise ValueError(f"`{key}.forge` makes images of the second class, but `positive` is {self.positive!r}")

    def _resamples(self) -> list[tuple[str, Resample]]:
        members = [(f"members.{name}.resample", member.resample) for name, member in self.members.items()]
        return members if self.stack.fit_on == "val" else [*members, ("stack.resample", self.stack.resample)]


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
