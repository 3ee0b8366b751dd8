"""What all sections of the parameters are made of: a strict base class and the ranges of numbers."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

# YAML 1.1 reads 1e-3 as text and DVC writes floats that way, so numbers alone may be given as text.
Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]
NotNegative = Annotated[Number, Field(ge=0)]
Positive = Annotated[Number, Field(gt=0)]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Ratio = Annotated[Number, Field(gt=0, le=1)]
Inside = Annotated[Number, Field(gt=0, lt=1)]  # a share that is neither none nor all
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
NAME = r"^[A-Za-z][A-Za-z0-9_]*$"
Name = Annotated[str, Field(pattern=NAME)]


class Section(BaseModel):
    """A part of the parameters: unknown keys and silent conversions are errors, and nothing has a default.

    Attributes:
        inline: whether params.yaml holds the section as `{key: value, ...}` and explains its keys above it.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)  # built once, as a whole
    inline: ClassVar[bool] = False
