"""Losses: what training minimises, by name."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from facesift.config.section import Fraction, NotNegative, Number, Positive, Section

Smoothing = Annotated[
    Number,
    Field(
        ge=0,
        lt=1,
        description="share of every training label that is spread evenly over all classes; validation is without",
    ),
]
Prior = Annotated[
    list[Positive] | None,
    Field(description="share or number of each class, in the order of `classes`; null: as in the sampling plan"),
]


class CrossEntropy(Section):
    """Cross entropy (label smoothing: Szegedy et al. 2016, https://arxiv.org/abs/1512.00567)."""

    inline: ClassVar[bool] = True
    name: Literal["cross_entropy"] = Field(description="cross entropy of the softmax")
    class_weights: list[Positive] | None = Field(
        description="one weight for each class, in the order of `classes`; null: 1 each"
    )
    label_smoothing: Smoothing


class Focal(Section):
    """Focal loss (Lin et al. 2017, https://arxiv.org/abs/1708.02002)."""

    inline: ClassVar[bool] = True
    name: Literal["focal"] = Field(description="focal loss")
    gamma: NotNegative = Field(description="weight on hard images; 0: none")
    alpha: Fraction = Field(description="weight of the right class's output")
    label_smoothing: Smoothing


class LogitAdjusted(Section):
    """Logit-adjusted cross entropy (Menon et al. 2021, https://arxiv.org/abs/2007.07314)."""

    inline: ClassVar[bool] = True
    name: Literal["logit_adjusted"] = Field(description="cross entropy with logits shifted by the classes' shares")
    tau: NotNegative = Field(description="strength of the shift; 1: by the logarithm of the share, 0: none")
    prior: Prior


class Ldam(Section):
    """Label-distribution-aware margin loss (Cao et al. 2019, https://arxiv.org/abs/1906.07413)."""

    inline: ClassVar[bool] = True
    name: Literal["ldam"] = Field(description="cross entropy with a margin that is larger for rarer classes")
    margin: Positive = Field(description="margin of the rarest class; others fall with the fourth root of their number")
    scale: Positive = Field(description="factor on the logits")
    prior: Prior


Loss = Annotated[CrossEntropy | Focal | LogitAdjusted | Ldam, Field(discriminator="name")]
