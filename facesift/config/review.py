"""Parameters of the reviewer's page: who has to agree, known answers mixed in, and the order of the images."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from facesift.config.section import Number, Section

Share = Annotated[Number, Field(ge=0, lt=1)]


class Review(Section):
    """How people review images (docs/review.md)."""

    two_persons: bool = Field(
        description="true: an answer counts once two reviewers gave it and fewer gave any other; a reviewer sees no "
        "image twice and no answer of others"
    )
    gold: Share | None = Field(
        description="share of the images on the page whose label is known (validation and test), mixed in to measure "
        "each reviewer; null or 0: none"
    )
    blind: bool = Field(
        description="true: votes and probability are shown after the reviewer's answer, so that it is their own; "
        "false: before it, too"
    )
    similar: bool = Field(
        description="true: the most similar real and fake of the training part stand beside each image, which the "
        "licences of some data sets forbid"
    )
    order: Literal["suspicion", "information"] = Field(
        description="suspicion: highest probability first; information: those first on which the voters disagree most, "
        "then those nearest to the threshold"
    )
