"""Which weights of a network learn: all of them, or few beside the head."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from facesift.config.section import Count, Positive, Section


class TuneAll(Section):
    """All weights learn, but for the share that `freeze` names."""

    inline: ClassVar[bool] = True
    name: Literal["all"] = Field(description="all weights learn, but for those of `freeze`")


class TuneNorms(Section):
    """The norms learn, and the head (for CLIP and forged faces: Yermakov et al. 2025, https://arxiv.org/abs/2508.06248)."""

    inline: ClassVar[bool] = True
    name: Literal["norms"] = Field(description="only scales and shifts of the norms learn, and the head")


class TuneLora(Section):
    """Low-rank updates learn, and the head (LoRA: Hu et al. 2022, https://arxiv.org/abs/2106.09685)."""

    inline: ClassVar[bool] = True
    name: Literal["lora"] = Field(
        description="each chosen weight gets an update of low rank; only these learn, and the head; the weights file "
        "holds the sums"
    )
    rank: Count = Field(description="rank of the updates")
    alpha: Positive = Field(description="an update is the product of its two factors times `alpha` / `rank`")
    layers: Literal["attention", "linear"] = Field(
        description="attention: the linear layers of all attention; linear: every linear layer but the head"
    )


class TuneLast(Section):
    """The uppermost blocks learn, and the head."""

    inline: ClassVar[bool] = True
    name: Literal["last"] = Field(description="only the last blocks learn, and the head")
    blocks: Count = Field(description="how many")


Tune = Annotated[TuneAll | TuneNorms | TuneLora | TuneLast, Field(discriminator="name")]
