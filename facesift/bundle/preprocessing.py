"""Preprocessing of an image for a bundle's committee: the same cut as in its study, by the detector in the bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesift.bundle.card import FACES, Card
from facesift.bundle.card_parts import BackboneCard, ImageCard
from facesift.bundle.inputs import BackboneInputs, MemberInputs
from facesift.images.decoding import BadImage
from facesift.images.face_detector import open_detector
from facesift.images.faces import Face, FaceDetector
from facesift.images.views import cut_views
from facesift.quality.photo_figures import measure_photo
from facesift.quality.photo_reasons import in_words, judge

REFERRED = "{}: a person decides"


@dataclass(frozen=True)
class Preprocessed:
    """What the members see of an image.

    Attributes:
        pixels: uint8 (S, S, 3).
        box: the part of the image that they show: left, top, right, bottom.
        views: what each backbone sees, by its name: uint8 (squares, side, side, 3).
        referred: why a person decides the image whatever the votes; None for most.
        quality: why it is a bad photo; None for a good one, and where nobody looked.
    """

    pixels: NDArray[np.uint8]
    box: tuple[int, int, int, int]
    views: Mapping[str, NDArray[np.uint8]]
    referred: str | None = None
    quality: str | None = None


def stack_inputs(images: Sequence[Preprocessed]) -> MemberInputs:
    """Put what the members see of each of n images together; n is at least 1."""
    seen = [BackboneInputs(image.views) for image in images if image.views]
    return MemberInputs(np.stack([image.pixels for image in images]), seen)


@dataclass(frozen=True)
class Preprocessor:
    """Cuts images as the bundle's card says.

    Attributes:
        image: the card's entry on images.
        finder: finds faces; None in a committee that does not ask for them.
        backbones: the card's entries on backbones, by name.
    """

    image: ImageCard
    finder: FaceDetector | None = None
    backbones: Mapping[str, BackboneCard] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, card: Card) -> Preprocessor:
        """Open the bundle's face detector if it has one; `FacesiftError` if that lacks onnxruntime."""
        crop = card.image.crop
        finder = open_detector(folder / FACES, crop.min_score) if crop.finds else None
        return cls(card.image, finder, card.backbones)

    def apply(self, image: Image.Image) -> Preprocessed:
        """Cut an upright RGB image; `BadImage` for one without a face or a bad photo where the study left these out."""
        view = self.image.view
        faces = None if self.finder is None else self.finder.find_all(image)
        face = next(iter(faces or []), None)
        reasons = self._reasons(image, faces)
        if closed := [name for name in reasons if self._action(name) == "quarantine"]:
            raise BadImage(in_words(closed) or "")
        why = in_words([name for name in reasons if self._action(name) == "review"])
        views = {
            name: cut_views(image, each.views, each.centre, each.side, face) for name, each in self.backbones.items()
        }
        told = in_words(reasons) if self.image.quality else None
        box = view.box(image.size, face)
        return Preprocessed(view.pixels(image, face), box, views, why and REFERRED.format(why), told)

    def _reasons(self, image: Image.Image, faces: list[Face] | None) -> list[str]:
        """Say why a photo is a bad one; that no face was found is known also where quality is not measured."""
        if self.image.quality is None:
            return ["no_face"] if faces == [] else []
        return judge(measure_photo(image, faces), self.image.quality)

    def _action(self, reason: str) -> str:
        """Say what happens to an image for a reason."""
        found: str = self.image.crop.unfound if reason == "no_face" else getattr(self.image.quality, reason).action
        return found
