"""How the members' scores become decisions: stacking, vote, calibration, costs, operating points, the export."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from facesift.config.damage import Corruption
from facesift.config.members import Optimizer
from facesift.config.sampling import Resample
from facesift.config.section import Count, Fraction, Inside, Name, NotNegative, Positive, Ratio, Section, Seed


class Stack(Section):
    """How the stacked ensemble is fitted."""

    fit_on: Literal["val", "train_plan"] = Field(
        description="val: the members' outputs on validation images; train_plan: as published, on re-sampled training "
        "images"
    )
    sources: Literal["as_they_come", "balanced", "own"] = Field(
        description="as_they_come: all images weigh alike; balanced: reals of the fakes' own sources weigh as much as "
        "all other reals; own: images of other sources are left out"
    )
    seed: Seed = Field(description="of the folds, and of train_plan's fit")
    folds: Annotated[int, Field(ge=2)] = Field(description="validation figures are out-of-fold over so many folds")
    fewer_folds: bool = Field(
        description="true: where a class has fewer groups of near-duplicates among the validation images than `folds`, "
        "as many folds as it has groups, at least 2; false: that is an error"
    )
    c: Positive = Field(description="inverse strength of the L2 penalty")
    fake_to_real: Ratio | None = Field(
        description="total weight of the positive class to the rest in the fit; null: as they come"
    )
    class_weights: list[Positive] | None = Field(description="one weight for each class; null: 1 each")
    resample: Resample = Field(description="train_plan only: as a member's `resample`")
    optimizer: Optimizer = Field(description="train_plan only: as a member's `optimizer`")
    epochs: Count = Field(description="train_plan only: passes over the plan")
    batch_size: Count = Field(description="train_plan only: images in a step")

    @model_validator(mode="after")
    def _weighs_validation(self) -> Stack:
        if self.optimizer.name == "lbfgs":
            raise ValueError("`optimizer.name: lbfgs` is for heads; train_plan learns by sgd, adam or adamw")
        if self.fit_on == "train_plan" and self.sources != "as_they_come":
            raise ValueError(
                f"`sources: {self.sources}` goes with `fit_on: val`; with train_plan the plan (`resample`) decides "
                "what weighs, and it keeps no sources: use `sources: as_they_come`"
            )
        return self


class Vote(Section):
    """The rule that data/decisions.parquet follows."""

    rule: Literal["any_fake", "majority", "soft", "unanimous"] = Field(
        description="how the members and the stacker decide together"
    )
    stability: Literal["ignore", "review"] = Field(
        description="review: an image that is decided otherwise after mild damage goes to a person; ignore: it is "
        "decided as it is. Operating points are not checked"
    )
    must_hold: Literal["all", "positive", "others"] = Field(
        description="which decisions `stability: review` checks: all; positive: those of the class looked for; others: "
        "those of all other classes"
    )
    mild_damage: Annotated[dict[Name, Corruption], Field(min_length=1)] = Field(
        description="damages by name for `stability: review`, done to the square that the members see, one at a time"
    )


class Calibration(Section):
    """How the stacked ensemble's score becomes a probability."""

    method: Literal["temperature", "platt"] = Field(
        description="temperature: one factor; platt: a bias too, which undoes the prior of `stack.fake_to_real`"
    )
    bins: Annotated[int, Field(ge=2, le=1000)] = Field(
        description="equal-mass bins of the reliability curve and of the calibration error (ECE)"
    )


class Cost(Section):
    """What wrong decisions and reviews cost, in any one unit."""

    miss: Positive = Field(description="a fake decided real")
    review: NotNegative = Field(description="an image that a person looks at")
    false_alarm: NotNegative = Field(description="a real image decided fake")


class Guarantee(Section):
    """The risk guarantee on new images, which holds with probability 1 - `delta` over validation sets like this one."""

    miss: Inside = Field(description="at most this share of the fakes is decided real")
    review: Inside | None = Field(description="at most this share of all images is reviewed; null: no guarantee of it")
    delta: Inside = Field(
        description="probability that the guarantee fails; 0.1 needs 22 validation fakes at least (23 with review), "
        "0.01 needs 44"
    )


class OfferUpTo(Section):
    """What an operating point may do on validation at most; one that does more is listed with the reason."""

    review: Ratio = Field(description="share of the images sent to a person, at `prevalence`; 1: any share")
    false_alarms: Ratio = Field(description="share of the real images decided fake; 1: any share")


class Operating(Section):
    """Thresholds on the calibrated probability, fitted on validation: real below, fake above, review between."""

    sources: Literal["all", "own"] = Field(
        description="own: calibration and thresholds are fitted on the fakes' own sources alone"
    )
    max_review: Fraction = Field(description="the point max_review sends at most this share of images to a person")
    target_recall: Ratio = Field(description="the point target_recall catches at least this share of the fakes")
    offer_up_to: OfferUpTo = Field(description="limits beyond which a point is not offered")
    guarantee: Guarantee = Field(description="with probability 1 - delta, on new images")


class Export(Section):
    """The bundle models/committee/ that `facesift screen` loads."""

    parity_images: Count = Field(description="test images on which the exported graphs are compared with torch")
    tolerance: Positive = Field(
        description="largest difference in logits and calibrated log-odds; beyond it nothing is exported"
    )
    stopping_risk: Inside = Field(
        description="of the images that all members together stop or refer, `screen --stop-early` may pass this share"
    )
    stopping_promise: Literal["mean", "high_probability"] = Field(
        description="mean: `stopping_risk` is the mean over validation sets, with this one the share may be larger; "
        "0.05 needs 19 such validation images, 0.01 needs 99; high_probability: with probability "
        "`stopping_confidence` the share with this validation set keeps to it"
    )
    stopping_confidence: Inside = Field(
        description="high_probability only: 0.9 with risk 0.05 needs 45 such validation images, with 0.01 it needs 230"
    )
