"""All parameters of a study, and reading them from params.yaml.

Loading fails on the first look, naming the key, the value and what is allowed: an unknown key, a wrong type or a value
out of range never reaches a stage.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from facesift.config.backbones import Backbone
from facesift.config.committee import Calibration, Cost, Export, Operating, Stack, Vote
from facesift.config.data import Data, Ingest, Portraits, Shard, Source, Split
from facesift.config.evaluation import CrossTest, Evaluation, Pictures, Report, Robustness
from facesift.config.machines import Parallel, Trainer
from facesift.config.members import Head, Member
from facesift.config.quality import Quality
from facesift.config.review import Review
from facesift.config.sampling import Resample
from facesift.config.section import NAME, Name, Number, Section, Seed
from facesift.config.structure import fields_at, keys_of, near
from facesift.config.yaml_file import read_yaml
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError

RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)


class Params(Section):
    """All parameters of a study."""

    study: Name = Field(description="name of the study, as in conf/study/")
    seed: Seed = Field(description="of the split, and of what no other seed is for")
    prevalence: Annotated[Number, Field(ge=1e-5, lt=1)] | None = Field(
        description="share of fakes that probabilities, costs and review budget hold for, such as 0.001; null: as in "
        "validation"
    )
    projections: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)] = Field(
        description="figures are projected to one fake in so many images; 212: the share in the published RFF + "
        "CelebA (960 fakes, 203,680 reals)"
    )
    classes: Annotated[list[Name], Field(min_length=2)] = Field(description="names of the classes")
    positive: Name = Field(description="the class that is looked for: recall and precision are its")
    drawn: dict[Name, Portraits] = Field(
        description="data sets of drawn portraits by name, made in data/raw/<name>/; {}: none"
    )
    data: Data = Field(description="which images make the study")
    ingest: Ingest = Field(description="when a file is bad, and how many bad ones are too many")
    quality: Quality = Field(description="what makes a photo a bad one, and what happens to it")
    split: Split = Field(description="how images are divided into train, validation and test")
    shard: Shard = Field(description="how images are stored for training")
    backbones: dict[Name, Backbone] = Field(
        description="frozen networks by name whose features heads learn from; {}: none"
    )
    members: Annotated[dict[Name, Member], Field(min_length=1)] = Field(
        description="base classifiers by name (letters, digits and _: DVC splits names at dots); changing one retrains "
        "that one; copy a block to add one"
    )
    trainer: Trainer = Field(description="what the training runs on")
    stack: Stack = Field(description="the stacked ensemble over the members")
    vote: Vote = Field(description="the decision rule")
    calibration: Calibration = Field(description="how the stacked ensemble's score becomes a probability")
    cost: Cost = Field(description="what wrong decisions and reviews cost, in any one unit")
    operating: Operating = Field(
        description="thresholds on the calibrated probability: real below, fake above, review between"
    )
    export: Export = Field(description="the bundle models/committee/ that `facesift screen` loads")
    review: Review = Field(description="how people review images on the page of `facesift review`")
    evaluation: Evaluation = Field(description="figures over all images of the study, by cross-fitting")
    robustness: Robustness = Field(description="the test images once more, damaged")
    cross_test: dict[Name, CrossTest] = Field(
        description="other data sets by name that the trained committee is tried on; {}: none"
    )
    pictures: Pictures = Field(description="pictures to look at, in data/pictures/")
    report: Report = Field(description="the page report/index.html")
    parallel: Parallel = Field(description="where the data stages run")

    @model_validator(mode="after")
    def _consistent(self) -> Params:
        if len(set(self.classes)) < len(self.classes) or "review" in self.classes:
            raise ValueError(f"`classes` is {self.classes}: each name once, and none may be `review`")
        if self.positive not in self.classes:
            raise ValueError(f"`positive` is {self.positive!r}, which is not one of `classes` ({self.classes})")
        if "stacker" in self.members:
            raise ValueError("`members.stacker`: this name is the stacked ensemble's; choose another")
        if not self.voting:
            raise ValueError("`members`: none of them votes (`votes: false` is for baselines)")
        if unknown := sorted(set(self.split.limit) - set(self.classes)):
            raise ValueError(f"`split.limit.{unknown[0]}`: {unknown[0]} is not one of `classes` ({self.classes})")
        self._prevalence_fits()
        self._inputs_fit()
        self._heads_fit()
        for key, resample in self._resamples():
            self._resample_fits(key, resample)
        self._weights_fit()
        self._sources_fit()
        self._names_differ()
        return self

    def _sources(self) -> list[tuple[str, Source]]:
        """List the sources of the study and of the other data sets, with their keys."""
        return [(f"data.sources.{name}", source) for name, source in self.data.sources.items()] + [
            (f"cross_test.{test}.sources.{name}", source)
            for test, other in self.cross_test.items()
            for name, source in other.sources.items()
        ]

    @property
    def voting(self) -> list[str]:
        """Names of the members that vote: all but the baselines."""
        return [name for name, member in self.members.items() if member.votes]

    @property
    def class_names(self) -> Classes:
        """The classes in the order of their numbers, with the positive one."""
        return Classes(tuple(self.classes), self.positive)

    def _names_differ(self) -> None:
        """Refuse names that are one file on Windows or macOS, or none on Windows."""
        for key in ("members", "backbones", "drawn", "cross_test"):
            seen: dict[str, str] = {}
            for name in getattr(self, key):
                if name.casefold() in seen:
                    other = seen[name.casefold()]
                    raise ValueError(
                        f"`{key}`: {other} and {name} differ in case alone, and are one file on some systems"
                    )
                if RESERVED.fullmatch(name):
                    raise ValueError(f"`{key}.{name}`: no file can have this name on Windows; choose another")
                seen[name.casefold()] = name

    def _sources_fit(self) -> None:
        for key, source in self._sources():
            if unknown := sorted(set(source.aliases) - set(self.classes)):
                raise ValueError(f"`{key}.aliases.{unknown[0]}`: {unknown[0]} is not one of `classes` ({self.classes})")
        for name, source in self.data.sources.items():
            if source.layout == "rff" and self.classes != ["real", "fake"]:
                raise ValueError(f"`data.sources.{name}`: layout rff is of the classes [real, fake], in this order")
            if source.label is not None and source.label not in self.classes:
                raise ValueError(f"`data.sources.{name}.label` is {source.label!r}, not one of {self.classes}")

    def _prevalence_fits(self) -> None:
        if self.prevalence is not None and self.calibration.method != "platt":
            raise ValueError("`prevalence` needs `calibration.method: platt`: a temperature knows no share of fakes")

    def _inputs_fit(self) -> None:
        for name, member in self.members.items():
            if member.backbone is None or not isinstance(member.architecture, Head):
                continue
            if member.backbone not in self.backbones:
                known = near(member.backbone, self.backbones)
                raise ValueError(f"`members.{name}.input`: {member.backbone} is not one of `backbones`{known}")
            backbone = self.backbones[member.backbone]
            for key in ("views", "pool"):
                if more := [one for one in getattr(member.architecture, key) if one not in getattr(backbone, key)]:
                    raise ValueError(
                        f"`members.{name}.architecture.{key}`: backbone {member.backbone} has no {more[0]}"
                    )
        for name, backbone in self.backbones.items():
            if backbone.finds and not self.data.crop.finds:
                raise ValueError(f"`backbones.{name}.views` need faces: set data.crop.method to face")

    def _heads_fit(self) -> None:
        heads = [name for name in self.voting if self.members[name].backbone is not None]
        if self.stack.fit_on == "train_plan" and heads:
            raise ValueError(f"`stack.fit_on: train_plan` is for networks, but {heads[0]} is a head: set it to val")
        networks = [name for name in self.voting if name not in heads]
        for key in (key for key in ("cross_fit", "leave_out") if getattr(self.evaluation, key)):
            if len(self.classes) > 2:
                raise ValueError(f"`evaluation.{key}` is for two classes, not for {len(self.classes)}: set it to {{}}")
            if networks:
                raise ValueError(f"`evaluation.{key}` is for heads, but {networks[0]} is a network: set it to {{}}")

    def _weights_fit(self) -> None:
        losses = {f"members.{name}.loss": member.loss for name, member in self.members.items()}
        for key, part in {**losses, "stack": self.stack}.items():
            weights = getattr(part, "class_weights", None)
            if weights is not None and len(weights) != len(self.classes):
                raise ValueError(f"`{key}.class_weights`: {len(weights)} weights for {len(self.classes)} classes")

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
    path = keys_of(Params, problem["loc"])
    key = ".".join(part for part in path if part != "[key]")
    if problem["type"] == "extra_forbidden":
        return f"{key}: unknown key{near(path[-1], fields_at(Params, problem['loc'][:-1]))}"
    if problem["type"] == "missing":
        return f"{key}: missing"
    message = problem["msg"].removeprefix("Value error, ")
    if problem.get("ctx", {}).get("pattern") == NAME:  # DVC says of a name with a dot that its parameters are missing
        message = "a name has letters, digits and underscores, and begins with a letter; DVC would split it at a dot"
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
    return parse_params(read_yaml(path), str(path))
