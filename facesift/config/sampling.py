"""How training images are re-sampled: SMOTE, forged fakes, undersampling, and which rows an epoch draws."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from facesift.config.section import Count, Fraction, NotNegative, Number, Ratio, Section


class Regions(Section):
    """How often each part of a face is forged, relative to the others."""

    inline: ClassVar[bool] = True
    eyes: NotNegative = Field(description="weight of the eyes among the parts that are forged")
    nose: NotNegative = Field(description="weight of the nose")
    mouth: NotNegative = Field(description="weight of the mouth")
    face: NotNegative = Field(description="weight of the whole face")

    @model_validator(mode="after")
    def _some(self) -> Regions:
        if not any(self.model_dump().values()):
            raise ValueError("`eyes`, `nose`, `mouth` and `face` are all 0: one of them must be forged")
        return self


class Forge(Section):
    """Forged fakes, made of real training images (self-blends: Shiohara & Yamasaki, CVPR 2022)."""

    inline: ClassVar[bool] = True
    ratio: Ratio = Field(description="fakes per real after forging, those of the data and of SMOTE included")
    composite: NotNegative = Field(description="weight of fakes with a part of another person's face")
    self_blend: NotNegative = Field(description="weight of fakes with a changed part of the same image")
    regions: Regions = Field(description="which parts of the face are forged")
    candidates: Count = Field(description="the donor is the closest in pose and tone of so many random reals")
    poisson: Fraction = Field(description="share that is fitted in by Poisson blending, the rest by matching tones")
    colour: Fraction = Field(description="how far tones are matched at most, and how strongly a self-blend is coloured")
    warp: Annotated[Number, Field(ge=0, le=3)] = Field(
        description="how far the part is out of place at most, in tenths of the distance of the eyes"
    )
    fresh: bool = Field(description="whether they are drawn anew in every epoch")

    @model_validator(mode="after")
    def _some(self) -> Forge:
        if not self.composite and not self.self_blend:
            raise ValueError("`composite` and `self_blend` are both 0: one of them must make the fakes")
        return self


class Resample(Section):
    """SMOTE, then forging, then random undersampling; ratios are fakes per real, as imbalanced-learn takes them."""

    inline: ClassVar[bool] = True
    scope: Literal["none", "shard", "split"] = Field(
        description="none: no re-sampling; shard: each shard by itself, as published; split: all training images at "
        "once"
    )
    smote: Ratio | None = Field(description="fakes per real after SMOTE; null: no SMOTE")
    forge: Forge | None = Field(description="forged fakes; null: none")
    undersample: Ratio | None = Field(description="fakes per real after dropping reals; null: keep them all")
    neighbours: Count = Field(description="neighbours that SMOTE draws from")
    method: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]+$")] | None = Field(
        description="heads only, in place of `smote` and `undersample`: any over- or undersampler of imbalanced-learn, "
        "such as BorderlineSMOTE, ADASYN, SMOTEENN, NearMiss; null: none"
    )
    arguments: dict[str, Any] = Field(description="of `method`, such as {sampling_strategy: 0.5}")
    draw: Literal["plan", "classes", "sources", "pairs"] = Field(
        description="plan: each row of the plan once an epoch; classes: with replacement, all classes equally often; "
        "sources: the same, half of each class from sources that hold fakes too (Idrissi et al. 2022); pairs: as plan, "
        "each fake in the batch of the real image it was made from (forged, or of its near-duplicate group)"
    )
    epoch_images: Count | None = Field(description="images in an epoch; null: as many as the plan has")

    @model_validator(mode="after")
    def _consistent(self) -> Resample:
        own = self.smote is not None or self.undersample is not None or self.forge is not None
        if self.method is not None and (own or self.scope != "split"):
            raise ValueError("`method` goes with `scope: split`, and without `smote`, `forge` and `undersample`")
        given = own or self.method is not None
        if given == (self.scope == "none"):
            raise ValueError(
                "`scope: none` goes without `smote`, `forge` and `undersample`, every other scope needs one"
            )
        if self.smote and self.undersample and self.undersample < self.smote:
            raise ValueError(f"`undersample` ({self.undersample:g}) may not be below `smote` ({self.smote:g})")
        if self.forge:
            self._forge_fits(self.forge.ratio)
        return self

    def _forge_fits(self, ratio: float) -> None:
        if self.smote and ratio <= self.smote:
            raise ValueError(f"`forge.ratio` ({ratio:g}) goes on where `smote` ({self.smote:g}) ends: set it above")
        if self.undersample and self.undersample < ratio:
            raise ValueError(f"`undersample` ({self.undersample:g}) may not be below `forge.ratio` ({ratio:g})")
