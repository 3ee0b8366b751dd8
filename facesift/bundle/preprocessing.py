"""Preprocessing of an image for a bundle's committee: the same cut as in its study, by the detector in the bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesift.bundle.card import FACES, Card, ImageCard
from facesift.images.decoding import BadImage
from facesift.images.face_detector import open_finder
from facesift.images.faces import NO_FACE, FaceFinder

REFERRED = f"{NO_FACE}: a person decides"


@dataclass(frozen=True)
class Preprocessed:
    """What the members see of an image.

    Attributes:
        pixels: uint8 (S, S, 3).
        box: the part of the image that they show: left, top, right, bottom.
        referred: why a person decides the image whatever the votes; None for most.
    """

    pixels: NDArray[np.uint8]
    box: tuple[int, int, int, int]
    referred: str | None = None


@dataclass(frozen=True)
class Preprocessor:
    """Cuts images as the bundle's card says.

    Attributes:
        image: the card's entry on images.
        finder: finds faces; None in a committee that does not ask for them.
    """

    image: ImageCard
    finder: FaceFinder | None = None

    @classmethod
    def of(cls, folder: Path, card: Card) -> Preprocessor:
        """Open the bundle's face detector if it has one; `FacesiftError` if that lacks onnxruntime."""
        crop = card.image.crop
        return cls(card.image, open_finder(folder / FACES, crop.min_score) if crop.finds else None)

    def apply(self, image: Image.Image) -> Preprocessed:
        """Cut an upright RGB image; `BadImage` for one without a face where the study left such images out."""
        view = self.image.view
        face = None if self.finder is None else self.finder.find(image)
        lacking = self.finder is not None and face is None
        if lacking and view.crop.unfound == "quarantine":
            raise BadImage(NO_FACE)
        referred = REFERRED if lacking and view.crop.refers else None
        return Preprocessed(view.pixels(image, face), view.box(image.size, face), referred)
