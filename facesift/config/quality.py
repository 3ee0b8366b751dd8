"""What makes a photo a bad one, and what happens to it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from facesift.config.section import Count, Fraction, Positive, Ratio, Section

Action = Literal["off", "record", "review", "quarantine"]
ACTION = "off, record, review (a person decides the image) or quarantine (it is left out)"


class SeveralFaces(Section):
    """Several people in one photo."""

    inline: ClassVar[bool] = True
    action: Action = Field(description=ACTION)
    area: Ratio = Field(description="from this share of the largest face's area on, a second face counts")


class SmallFace(Section):
    """Too few pixels to see anything on."""

    inline: ClassVar[bool] = True
    action: Action = Field(description=ACTION)
    pixels: Count = Field(description="fewer on the shorter side of the face's box are too few")


class Covered(Section):
    """Sunglasses, a mask, a hand."""

    inline: ClassVar[bool] = True
    action: Action = Field(description=ACTION)
    eyes: Fraction = Field(description="eyes are covered if both are darker than this share of the cheeks' brightness")
    mouth: Fraction = Field(
        description="the mouth is covered if its contrast (deviation over mean brightness) is below this"
    )


class Turned(Section):
    """Not seen from the front."""

    inline: ClassVar[bool] = True
    action: Action = Field(description=ACTION)
    offset: Positive = Field(
        description="the face is turned if the tip of the nose is further from the middle between the eyes, in "
        "distances of the eyes; 0.45 is about 45 degrees"
    )


class Exposure(Section):
    """Too dark, or too bright, to see a face."""

    inline: ClassVar[bool] = True
    action: Action = Field(description=ACTION)
    share: Ratio = Field(description="share of the face's pixels that are black (at most 25) or white (at least 247)")


class Blurred(Section):
    """Without detail."""

    inline: ClassVar[bool] = True
    action: Action = Field(description=ACTION)
    blur: Fraction = Field(description="more blur is too much: 0 is sharp, 1 has no edges (Crete et al. 2007)")


class Bars(Section):
    """Bars of one colour beside the photo, as in a screenshot."""

    inline: ClassVar[bool] = True
    action: Action = Field(description=ACTION)
    share: Ratio = Field(description="share of the image's height or width that bars have to take")


class Quality(Section):
    """What makes a photo a bad one, and what happens to it. An image without a face: `data.crop.unfound`.

    The first four need a face, and so `data.crop.method: face`.
    """

    several_faces: SeveralFaces = Field(description="several people in one photo")
    small_face: SmallFace = Field(description="a face of few pixels")
    covered: Covered = Field(description="sunglasses, a mask, a hand")
    turned: Turned = Field(description="a face that is not seen from the front")
    dark: Exposure = Field(description="an underexposed face; without a face the middle of the image counts")
    bright: Exposure = Field(description="an overexposed face")
    blurred: Blurred = Field(description="a face without detail, seen at 128 pixels")
    bars: Bars = Field(description="bars of one colour at the image's edges, as in a screenshot")

    def names(self, *actions: Action) -> tuple[str, ...]:
        """Return the reasons that lead to one of the actions."""
        return tuple(name for name in type(self).model_fields if getattr(self, name).action in actions)
